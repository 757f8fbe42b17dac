"""Turn a GLB of humantrack-export into FBX, with Blender and without its window.

    pip install bpy && python scripts/glb_to_fbx.py out.glb [out.fbx]
    blender --background --python scripts/glb_to_fbx.py -- out.glb [out.fbx]

The first line needs a bpy for the Python that runs it (https://pypi.org/project/bpy); the second a
Blender that is installed. Skeletons, skins and motion go along; the bones' axes are Blender's.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    """Convert the file; 0 if it was written."""
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("glb", type=Path)
    parser.add_argument("fbx", type=Path, nargs="?", help="the same name with .fbx")
    options = parser.parse_args(words)
    try:
        import bpy
    except ImportError as error:
        print(
            f"glb_to_fbx: this Python has no bpy ({error}): pip install bpy, or run it in Blender"
        )
        return 11
    if not options.glb.is_file():
        print(f"glb_to_fbx: no such file: {options.glb}")
        return 2
    target = options.fbx or options.glb.with_suffix(".fbx")
    convert(bpy, options.glb, target)
    print(target)
    return 0


def convert(bpy: Any, glb: Path, fbx: Path) -> None:
    """Read the one file and write the other.

    Args:
        bpy: Blender.
        glb: to read.
        fbx: to write.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rate = rate_of(glb)
    bpy.context.scene.render.fps = max(round(rate), 1)
    bpy.context.scene.render.fps_base = max(round(rate), 1) / rate
    bpy.ops.import_scene.gltf(filepath=str(glb), bone_heuristic="TEMPERANCE")
    scene = bpy.context.scene
    starts_and_ends = [action.frame_range for action in bpy.data.actions]
    if starts_and_ends:
        scene.frame_start = round(min(start for start, _ in starts_and_ends))
        scene.frame_end = round(max(end for _, end in starts_and_ends))
    bpy.ops.export_scene.fbx(
        filepath=str(fbx.resolve()),
        object_types={"ARMATURE", "MESH", "CAMERA", "EMPTY"},
        add_leaf_bones=False,
        bake_anim=True,
        bake_anim_use_all_actions=False,
        bake_anim_use_nla_strips=False,
        bake_anim_simplify_factor=0.0,
        path_mode="COPY",
    )


def rate_of(glb: Path) -> float:
    """Frames per second that the file names; 30 if it names none."""
    with glb.open("rb") as file:
        size, _ = struct.unpack("<12xII", file.read(20))
        about = json.loads(file.read(size)).get("asset", {}).get("extras") or {}
    return float(about.get("fps") or 30.0)


if __name__ == "__main__":
    sys.exit(main())
