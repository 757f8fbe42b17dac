"""Rules that make the inputs of the golden tracker data, from numpy's legacy generator.

Every array comes from ``RandomState(seed)``, whose stream is the same in all numpy versions.
"""

from __future__ import annotations

import functools

import numpy as np

HEIGHT, WIDTH = 720, 1280
SHOT_FRAME = 50
ENCODER_SHAPES = [(16, 4), (64, 16), (128, 64), (256, 128), (256, 256), (16, 256)]
"""(out, in) channels of the six 3x3 convolutions of the encoder."""


def uv_blocks(rs, base_rgb, mask_share=0.7, noise=0.02):
    """(4,32,32) float32: colours with noise where the mask is +1, zeros where it is -1."""
    rgb = base_rgb + noise * rs.randn(3, 32, 32)
    mask = np.where(rs.rand(32, 32) < mask_share, 1.0, -1.0)
    return np.concatenate([np.where(mask > 0, rgb, 0.0), mask[None]]).astype(np.float32)


def expand(blocks):
    """(4,32,32) -> (4,256,256)"""
    return blocks.repeat(8, 1).repeat(8, 2)


def location_vector(rs, xy, camera, jitter=0.03, body=None):
    """(99,) float32: 45 joints, the last exactly ``xy``; then three times the camera."""
    joints = np.tile(np.asarray(xy, float), (45, 1))
    if body is not None:
        joints += body
    joints[:44] += jitter * rs.randn(44, 2)
    joints[44] = xy
    return np.concatenate([joints.ravel(), np.tile(camera, 3)]).astype(np.float32)


def stub_embeddings(uv):
    """(B,4,256,256) -> (B,4096): ten times the means of 8x8 blocks."""
    blocks = np.asarray(uv, np.float32).reshape(-1, 4, 32, 8, 32, 8)
    return (blocks.mean(axis=(3, 5)) * np.float32(10)).reshape(len(blocks), -1)


def encoder_weights():
    """Six pairs of (weight, bias)."""
    arrays = []
    for k in range(12):
        out, inputs = ENCODER_SHAPES[k // 2]
        shape = (out,) if k % 2 else (out, inputs, 3, 3)
        x = np.random.RandomState(5000 + k).randn(*shape)
        x *= 0.01 if k % 2 else np.sqrt(2.0 / (inputs * 9))
        arrays.append((x * (10 if k >= 10 else 1)).astype(np.float32))
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def cost_inputs(tracks=3, detections=4, seed=7):
    """(tracks, detections), each a list of (code, location, pose, uv)."""
    rs = np.random.RandomState(seed)
    people = range(max(tracks, detections))
    rgb = [0.3 * rs.randn(3, 32, 32) for _ in people]
    code = [30 * rs.randn(4096) for _ in people]
    pose = [0.1 * rs.randn(229) for _ in people]
    xy = [rs.uniform(0.2, 0.8, 2) for _ in people]

    def one(p, is_track):
        a = (code[p] + 3 * rs.randn(4096)).astype(np.float32)
        q = (pose[p] + 0.02 * rs.randn(229)).astype(np.float32)
        camera = [0.3 * rs.randn(), 0.3 * rs.randn(), rs.uniform(20, 60)]
        where = location_vector(rs, xy[p] + 0.01 * rs.randn(2), camera)
        if is_track:
            intervals = [abs(0.05 * rs.randn()), abs(0.05 * rs.randn()), rs.uniform(1.0, 3.0)]
            where[93:99] = [*intervals, 1, 1, 0]
        return a, where, q, expand(uv_blocks(rs, rgb[p]))

    return [one(p, True) for p in range(tracks)], [one(p, False) for p in range(detections)]


def place(person, t):
    """Centre (x, y) and height in pixels; persons 0 and 1 cross near t = 17, all jump at 50."""
    x, y, height = {
        0: (200 + 14 * t, 360, 300),
        1: (1080 - 12 * t, 380, 280),
        2: (300 + 2 * t, 250, 180),
        3: (1000 - 5 * (t - 33), 420, 320),
    }[person]
    if t >= SHOT_FRAME:
        x, y, height = (x + 500) % 1200 + 40, HEIGHT - y, height * 0.8
    return x, y, height


@functools.cache
def person_constants(person):
    """What a person keeps: (rgb, code, pose, body)."""
    rs = np.random.RandomState(1000 + person)
    rgb, code = 0.3 * rs.randn(3, 32, 32), 30 * rs.randn(4096)
    return rgb, code, 0.1 * rs.randn(229), 0.02 * rs.randn(45, 2)


@functools.cache
def detection(person, t):
    """A dict of xywh, code, pose, location, uv_blocks."""
    rgb, code, pose, body = person_constants(person)
    rs = np.random.RandomState(100000 + 1000 * person + t)
    x, y, height = place(person, t)
    side = max(HEIGHT, WIDTH)
    xy = np.array([(x + (side - WIDTH) // 2) / side, (y + (side - HEIGHT) // 2) / side])
    depth = 5000.0 / height * (1 + 0.01 * rs.randn())
    camera = [(x - WIDTH / 2) / 100.0, (y - HEIGHT / 2) / 100.0, depth]
    width = 0.4 * height
    return {
        "xywh": np.array([x - width / 2, y - height / 2, width, height]),
        "code": (code + 3 * rs.randn(4096)).astype(np.float32),
        "pose": (pose + 0.02 * rs.randn(229)).astype(np.float32),
        "location": location_vector(rs, xy + 0.002 * rs.randn(2), camera, jitter=0.003, body=body),
        "uv_blocks": uv_blocks(rs, rgb),
    }
