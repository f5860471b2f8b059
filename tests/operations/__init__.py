"""Tests of what operates the service: monitoring, manifests, upgrades."""
