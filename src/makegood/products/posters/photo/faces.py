"""Finds faces with BlazeFace (full range), a network of one megabyte that runs on any CPU in milliseconds.

Its weights, `face_detection_full_range.tflite`, are published by Google under Apache-2.0 in the npm package
`@mediapipe/face_detection`; the set-up lays them into `weights/`. Only the pinned bytes are loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from makegood.products.posters.photo.errors import DetectorMissing

WEIGHTS = "face_detection_full_range.tflite"
WEIGHTS_SHA256 = "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"
MEND = (
    f"Copy {WEIGHTS} from the npm package @mediapipe/face_detection 0.4.1657300184 "
    "into makegood/products/posters/photo/weights/ (the set-up does it)."
)

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_SIDE = 192
_GRID = 48
_SURE = 0.55
_SURE_ON_SECOND_LOOK = 0.65
_SAME_FACE = 0.3
_EDGE = 127


@dataclass(frozen=True, slots=True)
class Face:
    """A face: its centre and size as fractions of the picture's width and height, and how sure the detector is."""

    x: float
    y: float
    width: float
    height: float
    confidence: float


@dataclass(frozen=True, slots=True)
class _Square:
    """A square of the picture, in pixels; it may reach beyond the picture's edges."""

    x: float
    y: float
    side: float


def find_faces(pixels: Pixels) -> tuple[Face, ...]:
    """The faces in an upright RGB picture (height × width × 3), the surest first; empty when there is none.

    First the whole picture is looked at; if no face is found, it is looked at again from further away (faces that
    fill the frame), turned (people who lie), and part by part (small faces), with higher demands.
    Raises `DetectorMissing` when the weights are absent.
    """
    height, width = pixels.shape[:2]
    side = float(max(width, height))
    whole = _Square((width - side) / 2, (height - side) / 2, side)
    looks: list[Callable[[], tuple[Face, ...]]] = [
        lambda: _look(pixels, [whole], _SURE),
        lambda: _look(pixels, [_grown(whole, 1.7), _grown(whole, 2.6)], _SURE_ON_SECOND_LOOK),
        lambda: _look_turned(pixels),
        lambda: _look(pixels, _parts(width, height), _SURE_ON_SECOND_LOOK),
    ]
    for look in looks:
        if faces := look():
            return faces
    return ()


def detector_problem() -> str:
    """What keeps the detector from working, or an empty string."""
    try:
        _checked_weights()
    except DetectorMissing as error:
        return str(error.facts["problem"])
    return ""


def _checked_weights() -> Traversable:
    file = resources.files("makegood.products.posters.photo") / "weights" / WEIGHTS
    if not file.is_file():
        raise DetectorMissing(problem=f"its weights {WEIGHTS} are absent", mend=MEND)
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise DetectorMissing(problem=f"its weights have the sha256 {found}, not the pinned one", mend=MEND)
    return file


@cache
def _network() -> Any:
    # The newer engines give only one of the network's two outputs, and from memory only they are used.
    with resources.as_file(_checked_weights()) as path:
        return cv2.dnn.readNetFromTFLite(str(path), engine=cv2.dnn.ENGINE_CLASSIC)


@cache
def _anchors() -> Floats:
    """The centre that each of the network's answers is relative to, in fractions of its square."""
    steps = (np.arange(_GRID, dtype=np.float32) + 0.5) / _GRID
    across, down = np.meshgrid(steps, steps)
    return np.stack([across.ravel(), down.ravel()], axis=1)


def _look(pixels: Pixels, squares: list[_Square], sure: float) -> tuple[Face, ...]:
    candidates = [candidate for square in squares for candidate in _candidates(pixels, square, sure)]
    return _distinct(candidates)


def _look_turned(pixels: Pixels) -> tuple[Face, ...]:
    """Faces of people who lie on their side, found by turning the picture a quarter each way."""
    height, width = pixels.shape[:2]
    side = float(max(width, height))
    whole = _Square((height - side) / 2, (width - side) / 2, side)
    found: list[Face] = []
    for quarter_turns in (1, 3):
        turned = np.ascontiguousarray(np.rot90(pixels, quarter_turns))
        for face in _candidates(turned, whole, _SURE_ON_SECOND_LOOK):
            x, y = (1 - face.y, face.x) if quarter_turns == 1 else (face.y, 1 - face.x)
            found.append(Face(x, y, face.height, face.width, face.confidence))
    return _distinct(found)


def _candidates(pixels: Pixels, square: _Square, sure: float) -> list[Face]:
    """What the network takes for faces within a square; several overlapping answers a face."""
    blob = (_view(pixels, square).astype(np.float32) / 127.5 - 1.0).transpose(2, 0, 1)[np.newaxis]
    network = _network()
    network.setInput(blob)
    scores, boxes = _by_shape(network.forward(network.getUnconnectedOutLayersNames()))
    confidences = 1.0 / (1.0 + np.exp(-np.clip(scores, -60, 60)))
    height, width = pixels.shape[:2]
    found = []
    for index in np.flatnonzero(confidences >= sure):
        centre = boxes[index, :2] / _SIDE + _anchors()[index]
        extent = boxes[index, 2:4] / _SIDE * square.side
        x, y = float(square.x + centre[0] * square.side), float(square.y + centre[1] * square.side)
        if 0 <= x <= width and 0 <= y <= height:
            found.append(
                Face(
                    x / width,
                    y / height,
                    float(extent[0]) / width,
                    float(extent[1]) / height,
                    float(confidences[index]),
                )
            )
    return found


def _view(pixels: Pixels, square: _Square) -> Pixels:
    """A square of the picture as the network wants it; beyond the picture's edges it is grey."""
    height, width = pixels.shape[:2]
    scale = _SIDE / square.side
    stretch = scale
    if scale < 1:
        # Averaging first: the warp alone would skip pixels.
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        stretch = 1.0
    window = np.array([[stretch, 0, -square.x * scale], [0, stretch, -square.y * scale]])
    view = cv2.warpAffine(pixels, window, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR, borderValue=(_EDGE,) * 3)
    return view.astype(np.uint8, copy=False)


def _by_shape(outputs: Any) -> tuple[Floats, Floats]:
    """The network's scores (answers) and boxes (answers × 16), told apart by their shape."""
    scores, boxes = sorted((np.asarray(output)[0] for output in outputs), key=lambda output: output.shape[-1])
    return scores[:, 0], boxes


def _distinct(candidates: list[Face]) -> tuple[Face, ...]:
    """One face for each group of overlapping candidates: the surest."""
    kept: list[Face] = []
    for face in sorted(candidates, key=lambda face: (-face.confidence, face.x, face.y)):
        if all(_overlap(face, other) < _SAME_FACE for other in kept):
            kept.append(face)
    return tuple(kept)


def _overlap(one: Face, other: Face) -> float:
    """Intersection over union."""
    across = min(one.x + one.width / 2, other.x + other.width / 2) - max(
        one.x - one.width / 2, other.x - other.width / 2
    )
    down = min(one.y + one.height / 2, other.y + other.height / 2) - max(
        one.y - one.height / 2, other.y - other.height / 2
    )
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    return shared / (one.width * one.height + other.width * other.height - shared)


def _grown(square: _Square, factor: float) -> _Square:
    side = square.side * factor
    return _Square(square.x - (side - square.side) / 2, square.y - (side - square.side) / 2, side)


def _parts(width: int, height: int) -> list[_Square]:
    """Overlapping squares that cover the picture, two or more each way."""
    side = 0.6 * min(width, height) + 0.1 * max(width, height)
    return [
        _Square(x, y, side)
        for y in np.linspace(0, height - side, max(2, round(1.5 * height / side)))
        for x in np.linspace(0, width - side, max(2, round(1.5 * width / side)))
    ]
