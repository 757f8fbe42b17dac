"""What OpenSim reads in a file: run by a Python that has the package opensim.

usage: python opensim_reader.py FILE OUT.json; FILE is a .trc, .mot or .sto
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import opensim


def main(path, out):
    """Write labels, times, rows and what the head says."""
    opensim.Logger.setLevelString("error")
    if Path(path).suffix == ".trc":
        table = opensim.TimeSeriesTableVec3(path)
        head = {name: table.getTableMetaDataString(name) for name in ("Units", "DataRate")}
    else:
        table = opensim.TimeSeriesTable(path)
        head = {"inDegrees": table.getTableMetaDataString("inDegrees")}
        storage = opensim.Storage(path)
        head |= {"rows": storage.getSize(), "degrees": storage.isInDegrees()}
    columns = range(table.getNumColumns())
    rows = []
    for i in range(table.getNumRows()):
        row = table.getRowAtIndex(i)
        if Path(path).suffix == ".trc":
            rows.append([[row[j][k] for k in range(3)] for j in columns])
        else:
            rows.append([row[j] for j in columns])
    about = {"labels": list(table.getColumnLabels()), "time": list(table.getIndependentColumn())}
    Path(out).write_text(json.dumps({**about, "head": head, "rows": rows}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
