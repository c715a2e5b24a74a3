"""The eight ways in which a stored picture can lie, numbered as EXIF numbers them."""

from __future__ import annotations

from PIL import Image

Box = tuple[float, float, float, float]

_TURNS: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def swaps_sides(orientation: int) -> bool:
    """Whether width and height change places between the stored and the shown picture."""
    return orientation >= 5


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """The picture as it is to be shown."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def stored_box(box: Box, shown_size: tuple[float, float], orientation: int) -> Box:
    """Where a box of the shown picture, of `shown_size`, lies in the stored one."""
    corners = [_stored_point(x, y, shown_size, orientation) for x, y in (box[:2], box[2:])]
    (xa, ya), (xb, yb) = corners
    return min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)


def _stored_point(x: float, y: float, shown_size: tuple[float, float], orientation: int) -> tuple[float, float]:
    width, height = shown_size
    points = {
        2: (width - x, y),
        3: (width - x, height - y),
        4: (x, height - y),
        5: (y, x),
        6: (y, width - x),
        7: (height - y, width - x),
        8: (height - y, x),
    }
    return points.get(orientation, (x, y))
