"""Cameras and streams: sources without an end, read as they come."""

from humantrack.video.live.cameras import Camera, find_camera, list_cameras
from humantrack.video.live.reader import LiveOptions, LiveReader

__all__ = ["Camera", "LiveOptions", "LiveReader", "find_camera", "list_cameras"]
