"""Plays a clip over RTSP at its pace, by gst-rtsp-server: python rtsp_server.py CLIP PORT.

Run by a Python that has the bindings (Debian: python3-gi, gir1.2-gst-rtsp-server-1.0,
gstreamer1.0-plugins-good, gstreamer1.0-plugins-bad). Says the port when it serves; asks for the
name ``me`` and the password ``geheim``.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[2])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f'( filesrc location="{sys.argv[1]}" ! qtdemux ! h264parse ! '
    "rtph264pay name=pay0 pt=96 config-interval=-1 )"
)
auth = GstRtspServer.RTSPAuth()
token = GstRtspServer.RTSPToken()
token.set_string("media.factory.role", "user")
auth.add_basic(GstRtspServer.RTSPAuth.make_basic("me", "geheim"), token)
server.set_auth(auth)
rights = Gst.Structure.new_empty("user")
rights.set_value("media.factory.access", True)
rights.set_value("media.factory.construct", True)
factory.add_role_from_structure(rights)
server.get_mount_points().add_factory("/clip", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
assert GstRtsp is not None
GLib.MainLoop().run()
