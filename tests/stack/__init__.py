"""Tests of the whole stack as `make run` starts it. They need the web client built: `make test-stack`."""
