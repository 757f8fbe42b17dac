"""HTTP, a job queue and a page around humantrack."""
