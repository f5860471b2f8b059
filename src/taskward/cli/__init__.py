"""The command ``taskward``."""
