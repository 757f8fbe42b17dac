"""Reads results into a table, says how fast people walk, and plots where.

usage: python examples/results_to_pandas.py RESULTS.pkl [PLOT.png]

Needs pandas and matplotlib: pip install "humantrack[pandas,plot]"
"""

import sys

import matplotlib
import pandas as pd

import humantrack

matplotlib.use("Agg")  # draws into files; leave it out to see windows
from matplotlib import pyplot as plt


def walks(path: str) -> pd.DataFrame:
    """A row per person and frame in which they were seen: track_id, time_s, x, away (metres).

    Where their hips are in the world. The table of the results has no distances to walk: there
    people are as far away as PHALP's very long lens has them.
    """
    world = humantrack.load_results(path).world
    if world is None:
        sys.exit(f"{path} has no world beside it; track the clip with world.enable=true")
    return pd.DataFrame(
        [
            (person.track_id, frame.time_s, person.root_position[0], -person.root_position[2])
            for frame in world.values()
            for person in frame.people
            if person.is_observed
        ],
        columns=["track_id", "time_s", "x", "away"],
    )


def main(path: str, picture: str = "walks.png") -> None:
    """Print a line per person and write the plot."""
    table = walks(path)
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for track_id, walk in table.groupby("track_id"):
        steps = walk[["x", "away"]].diff().pow(2).sum(axis=1).pow(0.5)
        seconds = walk.time_s.iloc[-1] - walk.time_s.iloc[0]
        print(f"person {track_id}: {steps.sum():.1f} m in {seconds:.1f} s")
        axes.plot(walk.x, walk.away, label=f"person {track_id}")
    axes.set(xlabel="metres to the right", ylabel="metres away from the camera")
    axes.legend()
    figure.savefig(picture, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:])
