"""Results files -> what other programs read: the Exporter class and one file per format."""

from humantrack.clips.options import ExportOptions
from humantrack.export.formats.base import FORMATS, Exporter, Format, MotionExporter, find_format
from humantrack.export.run import Done, export

__all__ = [
    "FORMATS",
    "Done",
    "ExportOptions",
    "Exporter",
    "Format",
    "MotionExporter",
    "export",
    "find_format",
]
