"""HDR and wide-gamut RGB -> 8-bit RGB in BT.709.

Transfer functions are those of ITU-R BT.2100-2 (PQ is SMPTE ST 2084), the tone curve is the EETF of
ITU-R BT.2390-11, section 5.4.1, and the white of SDR lies at 203 cd/m2, as ITU-R BT.2408-7 has it.
"""

from __future__ import annotations

import struct
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from humantrack.types.arrays import ByteArray
from humantrack.video.side_data import side_data

Floats = npt.NDArray[np.float64]

PQ, HLG = 16, 18
HDR = frozenset({PQ, HLG})
"""Transfer characteristics of H.273 that need tone mapping."""

_SRGB, _LINEAR = 13, 8
_SDR_GAMMA = 2.4
"""Of the reference display (ITU-R BT.1886 with black at 0)."""

_SDR_WHITE = 203.0
_HLG_PEAK, _HLG_GAMMA = 1000.0, 1.2
_PQ_PEAK = 10000.0
_DEFAULT_PEAK = 1000.0
"""cd/m2 of the brightest light of a PQ video that does not tell: what most are graded for."""

_BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
_WIDE = {9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), 11: _P3, 12: _P3}
"""xy of red, green and blue, by code points of H.273, for those far from BT.709."""

_D65 = (0.3127, 0.3290)
_ROWS = 64
"""Mapped at once, so that what is between stays in the processor's cache."""

_CODES = 65536
_STEPS = 4096


def is_wide(primaries: int) -> bool:
    """True for primaries far enough from BT.709 to be seen."""
    return primaries in _WIDE


class ToneMapper:
    """Maps RGB of one kind to BT.709.

    The tone curve is applied to the largest of a pixel's three lights, and all three are scaled
    alike, which keeps the hue. What lies outside BT.709 then is clipped.

    Args:
        transfer: characteristics by H.273.
        primaries: by H.273; those that are not wide are taken as BT.709's.
        peak: cd/m2 of the brightest light, for PQ.
    """

    def __init__(self, transfer: int, primaries: int, peak: float) -> None:
        self._is_hlg = transfer == HLG
        codes = np.arange(_CODES) / (_CODES - 1)
        self._linear = _light(codes, transfer).astype(np.float32)
        """Of a code; 1 is the white of SDR, and for HLG the brightest light of the scene."""

        self._matrix = _to_bt709(primaries).astype(np.float32)
        self._luminance = _rgb_to_xyz(_WIDE.get(primaries, _BT709))[1].astype(np.float32)
        self._gain: npt.NDArray[np.float32] | None = None
        if transfer in HDR:
            self._peak = (_HLG_PEAK if self._is_hlg else peak) / _SDR_WHITE
            light = np.linspace(0, self._peak, _STEPS)
            self._gain = _gain(light, self._peak).astype(np.float32)
        self._system = (codes ** (_HLG_GAMMA - 1) * (_HLG_PEAK / _SDR_WHITE)).astype(np.float32)
        to_code = _srgb_code if transfer == _SRGB else _sdr_code
        self._code = np.rint(255 * to_code(codes)).astype(np.uint8)

    def apply(self, rgb: npt.NDArray[np.uint16]) -> ByteArray:
        """(H,W,3) uint16 full-range RGB -> uint8."""
        out = np.empty(rgb.shape, np.uint8)
        for row in range(0, len(rgb), _ROWS):
            out[row : row + _ROWS] = self._band(rgb[row : row + _ROWS])
        return out

    def _band(self, rgb: npt.NDArray[np.uint16]) -> ByteArray:
        import cv2  # not at import time of the package

        light: Any = _looked_up(self._linear, rgb)
        if self._is_hlg:  # the OOTF of BT.2100
            scene: Any = cv2.transform(light, self._luminance[None])
            light *= _looked_up(self._system, _index(scene, _CODES))[..., None]
        if self._gain is not None:
            red, green, blue = cv2.split(light)
            brightest: Any = cv2.max(cv2.max(red, green), blue)
            gain = _looked_up(self._gain, _index(brightest / self._peak, _STEPS))
            light = cv2.multiply(light, cv2.merge([gain, gain, gain]))
        light = cv2.transform(light, self._matrix)
        return np.asarray(_looked_up(self._code, _index(light, _CODES)), np.uint8)


def peak_nits(frame: av.VideoFrame) -> float:
    """cd/m2 of the brightest light in a PQ video: MaxCLL, else the mastering display's.

    The layouts are FFmpeg's AVContentLightMetadata and AVMasteringDisplayMetadata.
    """
    try:
        found = side_data(frame)
        level: Any = found.get("CONTENT_LIGHT_LEVEL")
        mastering: Any = found.get("MASTERING_DISPLAY_METADATA")
    except ValueError:  # side data that PyAV does not know
        return _DEFAULT_PEAK
    told = []
    if level is not None and len(bytes(level)) >= 4:
        told.append(float(struct.unpack_from("=I", bytes(level))[0]))
    if mastering is not None and len(bytes(mastering)) >= 88:
        above, below, _, has_luminance = struct.unpack_from("=iiii", bytes(mastering), 72)
        if has_luminance and below:
            told.append(above / below)
    sane = [peak for peak in told if _SDR_WHITE / 2 <= peak <= _PQ_PEAK]
    return max(sane[0], _SDR_WHITE) if sane else _DEFAULT_PEAK


def _looked_up(table: Any, index: Any) -> Any:
    """The table's values; the fastest of numpy's ways, as no index lies outside."""
    return table.take(index, mode="wrap")


def _index(values: Any, steps: int) -> Any:
    """0..1 -> the place in a table of so many steps."""
    return np.clip(np.rint(values * (steps - 1)), 0, steps - 1).astype(np.uint16)


def _light(code: Floats, transfer: int) -> Floats:
    """Linear light of codes 0..1."""
    if transfer == PQ:
        return _pq_nits(code) / _SDR_WHITE
    if transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    if transfer == _LINEAR:
        return code
    if transfer == _SRGB:  # IEC 61966-2-1
        return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    return code**_SDR_GAMMA


def _sdr_code(light: Floats) -> Floats:
    return light ** (1 / _SDR_GAMMA)


def _srgb_code(light: Floats) -> Floats:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _pq_nits(code: Floats) -> Floats:
    root = code ** (1 / _M2)
    return _PQ_PEAK * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)


def _pq_code(nits: Any) -> Floats:
    y: Floats = (np.asarray(nits, float) / _PQ_PEAK) ** _M1
    return ((_C1 + _C2 * y) / (1 + _C3 * y)) ** _M2


def _gain(light: Floats, peak: float) -> Floats:
    """What light is multiplied by so that ``peak`` becomes 1; both in units of SDR's white."""
    if peak <= 1:
        return np.ones_like(light)
    brightest = _pq_code(peak * _SDR_WHITE)
    e1 = _pq_code(light * _SDR_WHITE) / brightest
    target = float(_pq_code(_SDR_WHITE) / brightest)
    knee = 1.5 * target - 0.5
    t = np.clip((e1 - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * target
    )
    e2 = np.where(e1 < knee, e1, spline)
    mapped = _pq_nits(e2 * brightest) / _SDR_WHITE
    return np.divide(mapped, light, out=np.ones_like(light), where=light > 0)


def _rgb_to_xyz(primaries: tuple[tuple[float, float], ...]) -> Floats:
    """(3,3) from linear RGB with white at D65 to XYZ (SMPTE RP 177)."""
    columns: Any = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    x, y = _D65
    white = np.array([x / y, 1.0, (1 - x - y) / y])
    matrix: Floats = columns * np.linalg.solve(columns, white)
    return matrix


def _to_bt709(primaries: int) -> Floats:
    """(3,3) from linear RGB of these primaries to BT.709's."""
    theirs = _rgb_to_xyz(_WIDE.get(primaries, _BT709))
    matrix: Any = np.linalg.solve(_rgb_to_xyz(_BT709), theirs)
    return np.asarray(matrix, float)
