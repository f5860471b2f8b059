"""The HTTP server: uvicorn, with a limit on everything that a client sends."""
