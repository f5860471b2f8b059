"""Taskward: each person's own tasks behind Better Auth tokens, verified without ever asking the front end."""

__version__ = "0.1.0"
