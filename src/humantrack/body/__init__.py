"""Body models: parameters -> surface and joints."""
