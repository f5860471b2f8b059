"""The processes that serve: uvicorn with a limit to everything."""
