"""Draws the picture of the README, three posters of this shop on a warm wall: `python -m bench.make_pictures`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from bench.make_samples import ROOT, SAMPLES, draw, save

TARGET = ROOT / "docs" / "images" / "posters.webp"
MOST_BYTES = 300_000
WIDTH, HEIGHT = 1800, 1010
WALL_LIGHT, WALL_DARK = (243, 232, 217), (203, 180, 156)
LAMP = (0.30, 0.05)
SHADOW = (72, 48, 32)


@dataclass(frozen=True, slots=True)
class Hung:
    """A framed poster: its centre and its width on the wall in pixels, and the colour of its frame."""

    template: str
    x: int
    y: int
    width: int
    frame: tuple[int, int, int]


WALL = (
    Hung("full-page", 360, 490, 410, (58, 44, 36)),
    Hung("framed", 900, 475, 500, (176, 132, 86)),
    Hung("circular", 1440, 490, 410, (250, 248, 244)),
)


def wall() -> Image.Image:
    """Plaster in the light of a lamp: brighter towards it, a breath of grain so that it doesn't band."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    away = np.hypot(x / WIDTH - LAMP[0], (y / HEIGHT - LAMP[1]) * HEIGHT / WIDTH)
    share = np.clip(away / 0.95, 0, 1)[..., np.newaxis] ** 1.15
    colours: NDArray[np.float64] = np.array(WALL_LIGHT) * (1 - share) + np.array(WALL_DARK) * share
    grain = np.random.default_rng(4).normal(0, 1.6, (HEIGHT, WIDTH, 1))
    return Image.fromarray(np.clip(colours + grain, 0, 255).astype(np.uint8))


def framed(poster: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """The poster in a narrow wooden frame: mitred sides that catch the light differently, and its shadow inside."""
    edge = max(10, poster.width // 28)
    across, down = poster.width + 2 * edge, poster.height + 2 * edge
    board = Image.new("RGB", (across, down), colour)
    pen = ImageDraw.Draw(board)
    sides = (
        ([(0, 0), (across, 0), (across - edge, edge), (edge, edge)], 1.06),
        ([(0, 0), (edge, edge), (edge, down - edge), (0, down)], 1.0),
        ([(across, 0), (across, down), (across - edge, down - edge), (across - edge, edge)], 0.90),
        ([(0, down), (edge, down - edge), (across - edge, down - edge), (across, down)], 0.82),
    )
    for outline, light in sides:
        pen.polygon(outline, fill=tuple(min(255, round(value * light)) for value in colour))
    board.paste(poster, (edge, edge))
    inner = Image.new("L", (across, down), 0)
    rebate = ImageDraw.Draw(inner)
    rebate.rectangle((edge, edge, across - edge - 1, edge + 5), fill=80)
    rebate.rectangle((edge, edge, edge + 5, down - edge - 1), fill=80)
    shade = inner.filter(ImageFilter.GaussianBlur(4))
    frame_only = Image.new("L", (across, down), 0)
    frame_only.paste(shade.crop((edge, edge, across - edge, down - edge)), (edge, edge))
    board.paste(Image.new("RGB", board.size, (20, 14, 10)), mask=frame_only)
    return board


def hang(room: Image.Image, picture: Image.Image, x: int, y: int) -> None:
    """Hang a picture with its centre at (x, y), and the shadows that it throws: a tight one and a wide one."""
    left, top = x - picture.width // 2, y - picture.height // 2
    for shift, blur, strength in (((6, 8), 6, 90), ((22, 34), 30, 95)):
        mask = Image.new("L", room.size, 0)
        box = (left + shift[0], top + shift[1], left + shift[0] + picture.width, top + shift[1] + picture.height)
        ImageDraw.Draw(mask).rectangle(box, fill=strength)
        room.paste(Image.new("RGB", room.size, SHADOW), mask=mask.filter(ImageFilter.GaussianBlur(blur)))
    room.paste(picture, (left, top))


def main() -> None:
    """Draw it."""
    samples = {sample.template: sample for sample in SAMPLES}
    room = wall()
    for one in WALL:
        hang(room, framed(draw(samples[one.template], one.width), one.frame), one.x, one.y)
    save(room, TARGET, MOST_BYTES, quality=94)


if __name__ == "__main__":
    main()
