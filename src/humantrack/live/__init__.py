"""What is told of a live source while it is tracked, and to whom."""

from humantrack.live.records import LiveRecord, Records, RecordSink, as_line
from humantrack.live.watch import watch

__all__ = ["LiveRecord", "RecordSink", "Records", "as_line", "watch"]
