"""The command line: ``humantrack video.source=clip.mp4``. Mirrors 4D-Humans' ``track.py``."""

from __future__ import annotations

import sys

from humantrack._version import __version__

HELP = """\
humantrack {version}: reconstruct and track every person of a video in 3D

  humantrack video.source=clip.mp4                     a video, whole
  humantrack video.source=frames/                      a folder of images
  humantrack 'video.source="shots/*.png"'              a glob of images
  humantrack video.source=clip.mp4 video.start_time=1m30s video.end_time=00:02:00
  humantrack video.source=clip.mp4 video.start_frame=50 video.end_frame=100
  humantrack video.source=clip.mp4 render.type=SKELETON
  humantrack video.source=clip.mp4 render.enable=false results only, no overlay video
  humantrack -m video.source=clips/                    every clip of a folder (docs/clusters.md)

Often used keys
  video.output_dir=outputs     where results go
  video=extract                PHALP's mode: frames become JPEG files first
  render.type=HUMAN_MESH       or HUMAN_MASK, HUMAN_BBOX, SKELETON, TRACKID_<n>_MESH
  detect_shots=true            find cuts and track people across them
  tracker=auto                 the best there is on this machine
  device=auto                  cuda, mps or cpu
  overwrite=false              leave a clip alone whose results exist
  debug=true                   show tracebacks

Results
  outputs/results/demo_<name>.pkl   per frame: SMPL pose and shape, camera, identity
  outputs/PHALP_<name>.mp4          the overlay

All keys: docs/configuration.md, or humantrack --cfg job. Hydra's own help: humantrack --hydra-help.
"""


def main(argv: list[str] | None = None) -> None:
    """Entry point of ``humantrack``. Exits with 0, or with the code of what went wrong.

    Args:
        argv: arguments without the program's name; those of the process if None.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or {"-h", "--help"} & set(arguments):
        sys.stdout.write(HELP.format(version=__version__))
        return
    if "--version" in arguments:
        sys.stdout.write(f"humantrack {__version__}\n")
        return
    from humantrack.cli.jobs import run  # help and version must not wait for Hydra and numpy

    run(arguments)


if __name__ == "__main__":
    main()
