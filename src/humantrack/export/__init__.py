"""Results files -> what other programs read: the Exporter class and one file per format."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from humantrack.clips.options import ExportOptions
    from humantrack.export.formats.base import (
        FORMATS,
        Exporter,
        Format,
        MotionExporter,
    )
    from humantrack.export.formats.registry import find_format
    from humantrack.export.run import Done, export
else:
    from humantrack._lazy import lazy_names
    from humantrack.clips.options import ExportOptions

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "formats.base": ("FORMATS", "Exporter", "Format", "MotionExporter"),
            "formats.registry": ("find_format",),
            "run": ("Done", "export"),
        },
    )

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
