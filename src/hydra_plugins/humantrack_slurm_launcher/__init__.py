"""The Slurm launcher, found by Hydra."""
