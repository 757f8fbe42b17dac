"""Routes of charts: joint angles, speed and height of the hips of a person over time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from apiflask import APIBlueprint, Schema
from flask import Response
from marshmallow.fields import Dict, Float, Integer, List, String
from marshmallow.validate import OneOf

from humantrack.service.jobs.job import Job
from humantrack.service.web.clip import of_charts
from humantrack.service.web.context import service
from humantrack.service.web.files import results_of
from humantrack.service.web.names import saved_name
from humantrack.service.web.problems import not_found
from humantrack.service.web.sending import LATER, described, sent
from humantrack.service.workers.charts import is_made

charts = APIBlueprint("charts", __name__, url_prefix="/api/jobs/<job_id>/charts", tag="Results")

_ID = re.compile(r"-?\d{1,12}")


class ChartOut(Schema):
    """A person over time: seconds, degrees, m/s, metres."""

    track_id = Integer(required=True)
    space = String(required=True, validate=OneOf(("world", "camera")))
    height_above = String(required=True, validate=OneOf(("floor", "feet")))
    time_s = List(Float(), required=True)
    observed = List(Integer(), required=True)
    series = Dict(keys=String(), values=List(Float()), required=True)


@charts.get("/<track_id>.csv")
@charts.doc(responses=described("text/csv"))
def get_table(job_id: str, track_id: str) -> Any:
    """All frames of a person as a table."""
    path, job = _made(job_id, track_id, "csv")
    return sent(path, "text/csv", saved_name(job.name, f"charts_track{track_id}.csv"))


@charts.get("/<track_id>")
@charts.output(ChartOut)
@charts.doc(responses=LATER)
def get_chart(job_id: str, track_id: str) -> Any:
    """A person's joint angles, speed and height of the hips; long ones are thinned out."""
    path, _ = _made(job_id, track_id, "json")
    return Response(path.read_bytes(), mimetype="application/json")


def _made(job_id: str, track_id: str, kind: str) -> tuple[Path, Job]:
    it = service()
    job = it.readable(job_id)
    one, folder = of_charts(it, job, results_of(it, job))
    if not is_made(folder):
        one.make()
    path = folder / f"track{track_id}.{kind}"
    if _ID.fullmatch(track_id) is None or not path.is_file():
        raise not_found("person")
    return path, job
