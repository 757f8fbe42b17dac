"""The command line of humantrack."""
