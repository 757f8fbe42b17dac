"""HMR2: a vision transformer with an SMPL decoder head, crop -> body."""
