"""One run, from the opened source to the closed sinks."""
