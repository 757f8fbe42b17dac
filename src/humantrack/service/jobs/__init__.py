"""Jobs: record, store, queue, folders, settings."""
