"""One video in parts: people are found in each by itself, and tracked once, in order."""
