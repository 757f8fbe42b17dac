"""The Detector protocol's implementations, one file per detector."""
