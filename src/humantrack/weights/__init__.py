"""Model files: the catalogue, the caches, fetching, and loading that runs nothing in them."""
