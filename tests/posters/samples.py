"""Sample photos, painted by code: nobody's rights, no downloads, the same pixels every time.

`paint(name, long_side)` gives one as a picture, `write(folder)` all of them as JPEGs. They are made to look good on
a poster; `portrait` has a face that a face detector finds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Field = npt.NDArray[np.float32]
Colour = tuple[float, float, float]
Point = tuple[float, float]

FAINT = 2e-3


class Canvas:
    """A picture under the brush. Coordinates run from 0 to 1 across; downwards in the same unit, to `bottom`."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        self.width, self.height = width, height
        self.bottom = height / width
        self.random = np.random.default_rng(seed)
        self.x: Field = np.broadcast_to((np.arange(width, dtype=np.float32) + 0.5) / width, (height, width))
        self.y: Field = np.broadcast_to(
            ((np.arange(height, dtype=np.float32) + 0.5) / width)[:, np.newaxis], (height, width)
        )
        self.pixels: Field = np.zeros((height, width, 3), np.float32)

    def gradient(self, stops: Sequence[tuple[float, str]]) -> Field:
        """Colours from top to bottom; stops are shares of the height."""
        rows = np.arange(self.height) / self.height
        places = [place for place, _ in stops]
        colours = np.array([rgb(colour) for _, colour in stops])
        columns = [np.interp(rows, places, colours[:, channel]) for channel in range(3)]
        return np.broadcast_to(np.stack(columns, axis=1).astype(np.float32)[:, np.newaxis], self.pixels.shape)

    def lay(self, mask: Field, colour: str | Field) -> None:
        """Paints over the picture where the mask is 1."""
        part = extent(mask)
        paint = np.array(rgb(colour), np.float32) if isinstance(colour, str) else colour[part]
        self.pixels[part] += mask[part][..., np.newaxis] * (paint - self.pixels[part])

    def glow(self, mask: Field, colour: str) -> None:
        """Adds light (screen) where the mask is 1."""
        part = extent(mask)
        light = mask[part][..., np.newaxis] * np.array(rgb(colour), np.float32)
        self.pixels[part] = 1 - (1 - self.pixels[part]) * (1 - light)

    def spot(self, x: float, y: float, across: float, down: float | None = None) -> Field:
        """A soft round (or elliptic) mask: a bell of these standard deviations."""
        row = np.exp(-(((self.x[0] - x) / across) ** 2) / 2)
        column = np.exp(-(((self.y[:, 0] - y) / (down or across)) ** 2) / 2)
        return np.where(column < FAINT, 0, column)[:, np.newaxis] * np.where(row < FAINT, 0, row)

    def disc(self, x: float, y: float, across: float, down: float | None = None) -> Field:
        """A mask of a disc or an ellipse with these radii and a clean edge."""
        down = down or across
        distance = np.sqrt(((self.x - x) / across) ** 2 + ((self.y - y) / down) ** 2)
        return np.clip(0.5 + (1 - distance) * min(across, down) * self.width, 0, 1)

    def below(self, edge: npt.NDArray[np.float64]) -> Field:
        """A mask of all that lies below a line with one height for each column."""
        return np.clip((self.y - edge.astype(np.float32)[np.newaxis]) * self.width + 0.5, 0, 1)

    def shape(self, points: Sequence[Point], *, soft: float = 0.0, sharp: bool = False) -> Field:
        """A mask of a closed outline: a smooth curve through the points, or straight lines if `sharp`."""
        outline = list(points) if sharp else curve(points, closed=True)
        return self._drawn(lambda draw, k: draw.polygon([(x * k, y * k) for x, y in outline], fill=255), soft)

    def line(self, points: Sequence[Point], width: float, *, soft: float = 0.0) -> Field:
        """A mask of a stroke that swells and tapers along a smooth curve through the points."""
        path = curve(points, closed=False)
        swell = np.sin(np.linspace(0.12, np.pi - 0.12, len(path))) * width / 2

        def stroke(draw: ImageDraw.ImageDraw, k: float) -> None:
            for (x, y), radius in zip(path, swell, strict=True):
                draw.ellipse([(x - radius) * k, (y - radius) * k, (x + radius) * k, (y + radius) * k], fill=255)

        return self._drawn(stroke, soft)

    def _drawn(self, draw: Callable[[ImageDraw.ImageDraw, float], None], soft: float) -> Field:
        mask = Image.new("L", (self.width * 2, self.height * 2))
        draw(ImageDraw.Draw(mask), self.width * 2.0)
        box = mask.getbbox()
        field = np.zeros((self.height, self.width), np.float32)
        if box is None:
            return field
        margin = 4 * soft * self.width + 2
        left, top = (max(0, int(edge / 2 - margin)) for edge in box[:2])
        right, base = int(min(self.width, box[2] / 2 + margin + 1)), int(min(self.height, box[3] / 2 + margin + 1))
        drawn = mask.crop((left * 2, top * 2, right * 2, base * 2)).reduce(2)
        part = np.asarray(drawn, np.float32) / 255
        field[top:base, left:right] = self.soften(part, soft) if soft else part
        return field

    def soften(self, field: Field, radius: float) -> Field:
        """A blurred copy; wide blurs are made on a smaller picture."""
        height, width = field.shape
        sigma = radius * self.width
        shrink = max(1, int(sigma / 6))
        small = field
        if shrink > 1:
            small_size = max(1, width // shrink), max(1, height // shrink)
            small = np.asarray(cv2.resize(field, small_size, interpolation=cv2.INTER_AREA), np.float32)
        small = np.asarray(cv2.GaussianBlur(small, (0, 0), sigma / shrink), np.float32)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    def noise(self, across: int, down: int) -> Field:
        """Smooth noise of 0..1 with this many grains each way."""
        grains = self.random.random((down + 1, across + 1)).astype(np.float32)
        noise = cv2.resize(grains, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
        return np.clip(np.asarray(noise, np.float32), 0, 1)

    def finished(self, *, grain: float, vignette: float) -> Image.Image:
        """The picture with a little film grain and darker corners."""
        far = ((self.x - 0.5) ** 2 + ((self.y - self.bottom / 2) / self.bottom) ** 2) * 2
        pixels = self.pixels * (1 - vignette * far**1.5)[..., np.newaxis]
        coarse = self.random.standard_normal((min(self.height, 1500), min(self.width, 1500))).astype(np.float32)
        film = cv2.resize(coarse, (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        pixels = pixels + grain * np.asarray(film, np.float32)[..., np.newaxis]
        return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


def extent(mask: Field) -> tuple[slice, slice]:
    """The rows and columns where a mask is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def rgb(colour: str) -> Colour:
    """The channels of "#rrggbb" as 0..1."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def curve(points: Sequence[Point], *, closed: bool) -> list[Point]:
    """A Catmull-Rom curve through the points, 24 steps between each two."""
    path = np.array(points)
    if closed:
        path = np.vstack([path[-1], path, path[:2]])
    else:
        path = np.vstack([2 * path[0] - path[1], path, 2 * path[-1] - path[-2]])
    steps = np.linspace(0, 1, 24, endpoint=False)[:, np.newaxis]
    pieces = []
    for a, b, c, d in zip(path, path[1:], path[2:], path[3:], strict=False):
        pieces.append(
            b
            + 0.5 * steps * (c - a)
            + 0.5 * steps**2 * (2 * a - 5 * b + 4 * c - d)
            + 0.5 * steps**3 * (3 * b - a - 3 * c + d)
        )
    return [(float(x), float(y)) for x, y in np.vstack([*pieces, path[-2:-1]])]


def ridge(canvas: Canvas, height: float, rough: float, scale: float) -> npt.NDArray[np.float64]:
    """The skyline of a range of hills: noise upon finer noise, `scale` hills wide."""
    places = np.linspace(0, 1, canvas.width)
    line = np.zeros(canvas.width)
    for octave in range(7):
        knots = int(scale * 2**octave) + 3
        heights = canvas.random.random(knots) - 0.5
        at = places * (knots - 2)
        left = at.astype(int)
        share = at - left
        share = share * share * (3 - 2 * share) if octave < 2 else share
        line += (heights[left] * (1 - share) + heights[left + 1] * share) * rough / 1.9**octave
    return height + line


def mountains(width: int, height: int) -> Image.Image:
    """Ranges of hills behind each other at sunset, pines in front."""
    canvas = Canvas(width, height, seed=11)
    bottom = canvas.bottom
    sky = [(0, "#23284f"), (0.2, "#5a4478"), (0.36, "#c4617c"), (0.48, "#f4956b"), (0.58, "#fcd09a"), (1, "#fde6c0")]
    canvas.pixels = canvas.gradient(sky).copy()
    clouds = np.clip(canvas.noise(3, 40) * 0.6 + canvas.noise(9, 90) * 0.5 - 0.52, 0, 1) * 2.2
    canvas.glow(clouds * canvas.spot(0.5, bottom * 0.3, 0.7, bottom * 0.14) * 0.55, "#ffb48a")
    sun = (0.63, bottom * 0.45)
    for radius, strength in ((0.42, 0.30), (0.19, 0.35), (0.085, 0.5)):
        canvas.glow(canvas.spot(*sun, radius) * strength, "#ffc078")
    canvas.lay(canvas.disc(*sun, 0.058), "#fff3d6")
    layers = ["#e39a86", "#b9708a", "#87537f", "#573d6b", "#342b52", "#1b1a36"]
    for depth, colour in enumerate(layers):
        edge = ridge(canvas, bottom * (0.50 + 0.078 * depth), 0.15 + 0.012 * depth, 2 + 0.7 * depth)
        if depth >= 4:
            edge -= _pines(canvas, 0.014 + 0.026 * (depth - 4), 110 - 55 * (depth - 4))
        hill = canvas.below(edge)
        down = np.clip((canvas.y - edge.astype(np.float32)) / (0.16 * bottom), 0, 1)
        mist = np.array(rgb("#f9c39c" if depth < 3 else "#b77d92"), np.float32)
        share = (down**1.4 * (0.55 - 0.08 * depth))[..., np.newaxis]
        canvas.lay(hill, np.array(rgb(colour), np.float32) * (1 - share) + mist * share)
    canvas.glow(canvas.spot(*sun, 0.5, 0.34) * 0.16, "#ff9a5c")
    return canvas.finished(grain=0.010, vignette=0.28)


def _pines(canvas: Canvas, height: float, count: int) -> npt.NDArray[np.float64]:
    """How far trees rise above their ground, by column."""
    places = np.arange(canvas.width) / canvas.width
    trees = np.zeros(canvas.width)
    for _ in range(count):
        top, tall = canvas.random.random(), height * canvas.random.uniform(0.45, 1.3)
        away = np.abs(places - top) / (tall * 0.21)
        # Boughs: the outline of a fir is a staircase, wider at each step.
        steps = np.floor(away * 6) / 6
        bough = np.where(away < 1, 1 - 0.72 * steps - 0.28 * away - 0.10 * ((away * 6) % 1), 0)
        trees = np.maximum(trees, tall * np.clip(bough, 0, 1) * (away < 1))
    return trees


def bokeh(width: int, height: int) -> Image.Image:
    """The lights of a town at night, out of focus, over a wet street."""
    canvas = Canvas(width, height, seed=5)
    bottom = canvas.bottom
    canvas.pixels = canvas.gradient(
        [(0, "#0a1024"), (0.4, "#1b1f45"), (0.62, "#4a2a50"), (0.68, "#2b1b3c"), (1, "#0b0c1c")]
    ).copy()
    canvas.glow(canvas.spot(0.3, bottom * 0.6, 0.4, 0.16) * 0.5, "#b3485a")
    canvas.glow(canvas.spot(0.8, bottom * 0.56, 0.34, 0.2) * 0.45, "#3b62b0")
    wet = Canvas(max(8, width // 6), max(8, height // 6), seed=0)
    lights = ["#ffb25a", "#ffd998", "#ff7b62", "#f15a8c", "#7aa8ff", "#5fd0d8", "#ffe8c4"]
    for number in range(150):
        near = (number / 150) ** 2
        radius = 0.012 + 0.062 * near * canvas.random.uniform(0.6, 1.1)
        x = canvas.random.uniform(-0.05, 1.05)
        y = bottom * (0.58 - abs(canvas.random.normal(0, 0.10 + 0.16 * near)))
        colour = lights[int(canvas.random.integers(len(lights)))]
        strength = canvas.random.uniform(0.22, 0.62) * (1 - 0.55 * near)
        _light(canvas, x, y, radius, colour, strength)
        reflected = bottom * 1.24 - y
        wet.glow(wet.spot(x, reflected, radius * 0.55, radius * 2.6) * strength * 0.35, colour)
    shine = np.asarray(cv2.resize(wet.pixels, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    canvas.pixels = 1 - (1 - canvas.pixels) * (1 - np.clip(shine, 0, 1))
    ripples = (canvas.noise(14, 260) - 0.5) * canvas.below(np.full(width, bottom * 0.64)) * 0.5
    canvas.pixels *= (1 + ripples)[..., np.newaxis]
    return canvas.finished(grain=0.012, vignette=0.35)


def _light(canvas: Canvas, x: float, y: float, radius: float, colour: str, strength: float) -> None:
    """A point of light as a lens out of focus draws it: an even disc with a brighter rim, painted where it is."""
    reach = radius * 1.25
    left, right = (int(np.clip((x + sign * reach) * canvas.width, 0, canvas.width)) for sign in (-1, 1))
    top, base = (int(np.clip((y + sign * reach) * canvas.width, 0, canvas.height)) for sign in (-1, 1))
    if left >= right or top >= base:
        return
    part = slice(top, base), slice(left, right)
    distance = np.hypot(canvas.x[part] - x, canvas.y[part] - y) / radius
    edge = np.clip((1 - distance) * radius * canvas.width / 3, 0, 1)
    mask = edge * (0.62 + 0.38 * np.clip(distance, 0, 1) ** 5) * strength
    paint = mask[..., np.newaxis] * np.array(rgb(colour), np.float32)
    canvas.pixels[part] = 1 - (1 - canvas.pixels[part]) * (1 - paint)


def paint(name: str, long_side: int = 3000) -> Image.Image:
    """The sample of this name, `long_side` pixels on its longer side."""
    from tests.posters import sample_people

    painter, across, down = {
        "mountains": (mountains, 4, 5),
        "sea": (sample_people.sea, 5, 4),
        "bokeh": (bokeh, 3, 2),
        "portrait": (sample_people.portrait, 4, 5),
    }[name]
    unit = long_side / max(across, down)
    return painter(round(across * unit), round(down * unit))


NAMES = ("mountains", "sea", "bokeh", "portrait")


def write(folder: Path, long_side: int = 3000) -> list[Path]:
    """Paints every sample into the folder as `<name>.jpg`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in NAMES:
        written.append(folder / f"{name}.jpg")
        paint(name, long_side).save(written[-1], "JPEG", quality=92, subsampling="4:4:4")
    return written
