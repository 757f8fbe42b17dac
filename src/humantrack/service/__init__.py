"""humantrack-serve: jobs over HTTP, a queue that survives crashes, and workers that run it."""
