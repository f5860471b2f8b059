"""The applications compared, each a module for uvicorn."""
