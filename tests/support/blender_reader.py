"""Where Blender puts a file's joints: run by a Python that has the package bpy.

usage: python blender_reader.py FILE OUT.json; FILE is a .glb, .bvh, .usdc or .fbx of one person
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import bpy

IMPORTERS = {
    ".bvh": lambda path: bpy.ops.import_anim.bvh(filepath=path),
    ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".usdc": lambda path: bpy.ops.wm.usd_import(filepath=path),
    ".fbx": lambda path: bpy.ops.import_scene.fbx(filepath=path),
}


def main(path, out):
    """Import with Blender's defaults, at 30 frames per second, and write heads of bones."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = 30
    suffix = Path(path).suffix
    first = 1 if suffix in (".bvh", ".fbx") else 0
    IMPORTERS[suffix](path)
    [armature] = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    place = armature.matrix_world
    rest = {bone.name: list(place @ bone.head_local) for bone in armature.data.bones}
    frames = []
    for frame in range(0, 40, 5):
        scene.frame_set(frame + first)
        posed = armature.pose.bones
        frames.append({bone.name: list(armature.matrix_world @ bone.head) for bone in posed})
    last = max(action.frame_range[1] for action in bpy.data.actions) - first
    about = {"version": bpy.app.version_string, "rest": rest, "frames": frames, "last": last}
    with open(out, "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(about, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
