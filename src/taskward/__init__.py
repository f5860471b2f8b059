"""Taskward: a task service. It verifies Better Auth tokens locally and serves each person their own tasks."""

__version__ = "0.1.0"
