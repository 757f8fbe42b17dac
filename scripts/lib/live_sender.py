"""Sends a clip over and over as MPEG-TS over UDP, at its own pace.

usage: python scripts/lib/live_sender.py CLIP PORT

Prints the time of the first frame by ``time.monotonic()``; frame n is captured n frame periods
later, whenever it is sent.
"""

from __future__ import annotations

import itertools
import sys
import time

import av


def main(clip: str, port: int) -> None:
    """Send until killed."""
    target = f"udp://127.0.0.1:{port}?pkt_size=1316"
    with av.open(clip) as source, av.open(target, "w", format="mpegts") as out:
        stream = source.streams.video[0]
        sent = out.add_stream_from_template(stream)
        period, tick = 1 / float(stream.average_rate), stream.time_base
        packets = [(bytes(p), p.is_keyframe) for p in source.demux(stream) if p.size]
        ticks = round(period / tick)
        began = time.monotonic() + 0.5
        print(began, flush=True)
        for n, (data, is_key) in zip(itertools.count(), itertools.cycle(packets), strict=False):
            time.sleep(max(0.0, began + n * period - time.monotonic()))
            packet = av.Packet(data)
            packet.stream, packet.time_base = sent, tick
            packet.pts = packet.dts = n * ticks
            packet.is_keyframe = is_key
            out.mux(packet)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
