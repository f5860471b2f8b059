"""What an operator sees of the service: log, metrics and health."""
