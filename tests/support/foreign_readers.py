"""What other libraries read in files of formats that need them."""

from __future__ import annotations

import re
import warnings

import numpy as np


def frames_of_c3d(path):
    """How many frames."""
    import ezc3d

    return ezc3d.c3d(str(path))["data"]["points"].shape[-1]


def stage_of(path):
    from pxr import Usd

    return Usd.Stage.Open(str(path))


def tracks_of_usd(path):
    """Ids of the people of a stage."""
    from pxr import UsdSkel

    stage = stage_of(path)  # prims last as long as it does
    roots = [p for p in stage.Traverse() if p.IsA(UsdSkel.Root)]
    names = [re.match(r"track(.*?)(_part\d+)?$", root.GetName())[1] for root in roots]
    return {int(name.replace("_", "-")) for name in names}


def chunks_of_recording(path):
    """What Rerun reads of a recording."""
    from rerun.chunk import RrdReader

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no footer")  # there is no index on purpose
        return RrdReader(str(path)).stream().to_chunks()


def rows_of_recording(path):
    """(track, frame) of everybody who is in 3-D."""
    rows = set()
    for chunk in chunks_of_recording(path):
        if found := re.fullmatch(r"/world/track(-?\d+)(_part\d+)?", chunk.entity_path):
            table = chunk.to_record_batch()
            points = table.column("Points3D:positions").to_pylist()
            frames = table.column("frame").to_pylist()
            rows |= {(int(found[1]), f) for f, p in zip(frames, points, strict=True) if p}
    return rows


def positions_of_recording(path, entity, column):
    """Frame -> (J,2 or 3) of an entity."""
    out = {}
    for chunk in chunks_of_recording(path):
        if chunk.entity_path == entity:
            table = chunk.to_record_batch()
            frames, points = table.column("frame").to_pylist(), table.column(column).to_pylist()
            out |= {f: np.array(p) for f, p in zip(frames, points, strict=True)}
    return out
