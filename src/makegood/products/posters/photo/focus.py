"""The point of a photo that must stay in the picture when it is cropped."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from makegood.products.posters.photo.faces import Face, Pixels

Floats = npt.NDArray[np.float64]

_MINOR_FACE = 0.3
"""A face with less than this share of the largest one's area is a passer-by."""

_MARGIN = 0.2
_SIDE = 96
_BUSIEST = 0.12


def focus_point(pixels: Pixels, faces: Sequence[Face]) -> tuple[float, float]:
    """Where the subject of an upright RGB picture is, as fractions from its left and its top.

    With faces it lies among them, drawn to the larger ones; without any it is where the picture holds most detail
    that differs from its surroundings, and stays within 0.2..0.8.
    """
    if faces:
        return _among(faces)
    return _most_salient(pixels)


def _among(faces: Sequence[Face]) -> tuple[float, float]:
    largest = max(face.width * face.height for face in faces)
    major = [face for face in faces if face.width * face.height >= _MINOR_FACE * largest]
    weights = np.array([face.width * face.height * face.confidence for face in major])
    x = float(np.average([face.x for face in major], weights=weights))
    y = float(np.average([face.y for face in major], weights=weights))
    return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)


def _most_salient(pixels: Pixels) -> tuple[float, float]:
    interest = _interest(pixels)
    rows, columns = interest.shape
    down, across = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    # People, and what they photograph, are rarely at the edge, and more often above the middle than below.
    interest = interest * np.exp(-(((down - 0.42) / 0.38) ** 2))[:, None] * np.exp(-(((across - 0.5) / 0.42) ** 2))
    strongest = np.where(interest >= np.quantile(interest, 1 - _BUSIEST), interest, 0.0)
    total = float(strongest.sum())
    if total <= 0:
        return 0.5, 0.45
    x = float((strongest.sum(axis=0) * across).sum() / total)
    y = float((strongest.sum(axis=1) * down).sum() / total)
    return _within_margin(x), _within_margin(y)


def _interest(pixels: Pixels) -> Floats:
    """How much each part of a reduced picture stands out: the spectral residual (Hou and Zhang 2007) of each Lab
    channel, and how far its colour is from the picture's mean."""
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2Lab).astype(np.float64)
    residual = sum((_spectral_residual(lab[..., channel]) for channel in range(3)), np.zeros(lab.shape[:2]))
    distinct = cv2.GaussianBlur(np.linalg.norm(lab - lab.mean(axis=(0, 1)), axis=2), (0, 0), 2.0)
    return _normalised(residual) + 0.5 * _normalised(np.asarray(distinct, dtype=np.float64))


def _spectral_residual(channel: Floats) -> Floats:
    if float(np.ptp(channel)) < 1.0:
        return np.zeros_like(channel)
    spectrum = np.fft.fft2(channel)
    logarithm = np.log(np.abs(spectrum) + 1e-9)
    residual = logarithm - cv2.blur(logarithm, (3, 3), borderType=cv2.BORDER_REFLECT)
    saliency = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    return np.asarray(cv2.GaussianBlur(saliency, (0, 0), 2.5), dtype=np.float64)


def _normalised(values: Floats) -> Floats:
    peak = float(values.max())
    return values / peak if peak > 0 else values


def _within_margin(value: float) -> float:
    return min(max(value, _MARGIN), 1 - _MARGIN)
