"""The sound as a drawing: SVG in millimetres, the whole clip from end to end, in six styles, straight or round."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from makegood.products.posters.layout.svg import number
from makegood.products.posters.options import WaveStyle

Point = tuple[float, float]

LEAST = 0.035
"""What silence is drawn as, as a share of the loudest moment, so that it still prints."""


@dataclass(frozen=True, slots=True)
class Ink:
    """The two colours of a wave; only the gradient uses the second at full strength."""

    first: str
    second: str


def band(shape: Sequence[float], style: WaveStyle, *, width: float, height: float, ink: Ink, unit: float) -> str:
    """A wave in a band of `width` by `height` mm. `shape` is loudness 0..1 in equal steps over the clip; `unit` is
    a hundredth of the page's short side in mm and sets how fine the drawing is."""
    middle = height / 2
    if style in ("line", "filled"):
        values = softened(resampled(shape, max(24, round(width / (unit * (0.95 if style == "line" else 0.7))))))
        body = _line(values, width, height, unit) if style == "line" else _filled(values, width, height)
    else:
        pitch = unit * {"gradient": 0.8, "mirrored": 1.0}.get(style, 1.2)
        count = max(24, round(width / pitch))
        values, thick = resampled(shape, count), width / count * (0.58 if style == "bars" else 0.5)
        base = height if style == "bars" else middle
        d = "".join(
            _bar(width * (i + 0.5) / count, value * (height - thick), thick, base, style)
            for i, value in enumerate(values)
        )
        body = _stroke(d, thick)
    return _svg((width, height), body, ink if style == "gradient" else Ink(ink.first, ink.first), (width, 0))


def ring(shape: Sequence[float], style: WaveStyle, *, size: float, hole: float, ink: Ink, unit: float) -> str:
    """A wave around a circle of diameter `hole`, within a square of side `size`, both in mm; it begins at the top
    and runs clockwise."""
    centre, inner = size / 2, hole / 2 + 1.6 * unit
    depth = size / 2 - inner
    pitch = unit * {"circular": 0.85, "gradient": 0.85, "mirrored": 1.0}.get(style, 1.25)
    count = max(48, round(math.tau * inner / pitch))
    if style in ("line", "filled"):
        count = max(48, round(math.tau * inner / (unit * 1.3)))
    values = resampled(shape, count)
    values = closed(softened(values) if style in ("line", "filled") else values)

    def at(index: float, radius: float) -> Point:
        angle = math.tau * index / count - math.pi / 2
        return centre + math.cos(angle) * radius, centre + math.sin(angle) * radius

    thick = math.tau * inner / count * 0.5
    if style == "filled":
        outer = [at(i, inner + depth * value) for i, value in enumerate(values)]
        body = f'<path fill-rule="evenodd" d="{_smooth(outer, loop=True)}Z{_circle(centre, inner)}" fill="url(#w)"/>'
    elif style == "line":
        points = [at(i, inner + depth * (0.5 + (0.5 if i % 2 else -0.5) * value)) for i, value in enumerate(values)]
        body = _stroke(_smooth(points, loop=True) + "Z", 0.26 * unit)
    else:
        middle = inner + depth * 0.42
        pieces = []
        for i, value in enumerate(values):
            low, high = inner + thick / 2, inner + thick / 2 + (depth - thick) * value
            if style == "mirrored":
                low, high = middle - (middle - inner) * value, middle + (inner + depth - middle) * value
            pieces.append(_segment(at(i, low), at(i, high)))
        body = _stroke("".join(pieces), thick)
    return _svg((size, size), body, ink if style == "gradient" else Ink(ink.first, ink.first), (size, size))


def resampled(shape: Sequence[float], count: int) -> list[float]:
    """`shape` in `count` steps. Many into one keeps the average with a share of the loudest, so that neither a
    single click nor a quiet passage rules the picture; one into many is interpolated."""
    if not shape:
        return [LEAST] * count
    source = [min(max(float(value), 0.0), 1.0) for value in shape]
    length = len(source)
    result: list[float] = []
    for i in range(count):
        if length >= count:
            part = source[i * length // count : max((i + 1) * length // count, i * length // count + 1)]
            result.append(0.55 * sum(part) / len(part) + 0.45 * max(part))
        else:
            place = i * (length - 1) / max(count - 1, 1)
            low = int(place)
            result.append(source[low] + (source[min(low + 1, length - 1)] - source[low]) * (place - low))
    return [LEAST + (1 - LEAST) * value for value in result]


def softened(values: list[float]) -> list[float]:
    """Each value with a share of its neighbours, so that a curve through them has no corners."""
    padded = [values[0], *values, values[-1]]
    return [0.22 * padded[i] + 0.56 * padded[i + 1] + 0.22 * padded[i + 2] for i in range(len(values))]


def closed(values: list[float]) -> list[float]:
    """The values with their two ends drawn together, so that a ring has no step where it meets itself."""
    count, reach = len(values), max(2, len(values) // 40)
    meet = (values[0] + values[-1]) / 2
    result = list(values)
    for i in range(reach):
        share = 0.5 * (1 - i / reach)
        result[i] += (meet - result[i]) * share
        result[count - 1 - i] += (meet - result[count - 1 - i]) * share
    return result


def _bar(x: float, length: float, thick: float, base: float, style: WaveStyle) -> str:
    if style == "bars":
        return f"M{number(x)} {number(base - thick / 2)}V{number(base - thick / 2 - max(length, 0.01))}"
    half = max(length, 0.01) / 2
    return f"M{number(x)} {number(base - half)}V{number(base + half)}"


def _line(values: list[float], width: float, height: float, unit: float) -> str:
    thick = 0.3 * unit
    reach, step = (height - thick) / 2, width / (len(values) + 1)
    ends = [(0.0, height / 2), (width, height / 2)]
    swings = [((i + 1) * step, height / 2 + reach * value * (1 if i % 2 else -1)) for i, value in enumerate(values)]
    return _stroke(_smooth([ends[0], *swings, ends[1]]), thick)


def _filled(values: list[float], width: float, height: float) -> str:
    step, middle = width / (len(values) + 1), height / 2
    top = [((i + 1) * step, middle - middle * value) for i, value in enumerate(values)]
    under = [(x, height - y) for x, y in reversed(top)]
    d = _smooth([(0.0, middle), *top, (width, middle), *under, (0.0, middle)])
    return f'<path d="{d}Z" fill="url(#w)"/>'


def _smooth(points: Sequence[Point], *, loop: bool = False) -> str:
    """A curve through the points (Catmull-Rom as cubic Béziers)."""
    count = len(points)
    last = count if loop else count - 1

    def at(i: int) -> Point:
        return points[i % count] if loop else points[min(max(i, 0), count - 1)]

    pieces = [f"M{number(points[0][0])} {number(points[0][1])}"]
    for i in range(last):
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = at(i - 1), at(i), at(i + 1), at(i + 2)
        pieces.append(
            f"C{number(x1 + (x2 - x0) / 6)} {number(y1 + (y2 - y0) / 6)} "
            f"{number(x2 - (x3 - x1) / 6)} {number(y2 - (y3 - y1) / 6)} {number(x2)} {number(y2)}"
        )
    return "".join(pieces)


def _segment(start: Point, end: Point) -> str:
    return f"M{number(start[0])} {number(start[1])}L{number(end[0])} {number(end[1])}"


def _circle(centre: float, radius: float) -> str:
    r = number(radius)
    across = number(2 * radius)
    return f"M{number(centre - radius)} {number(centre)}a{r} {r} 0 1 0 {across} 0a{r} {r} 0 1 0 -{across} 0Z"


def _stroke(d: str, thick: float) -> str:
    return (
        f'<path d="{d}" fill="none" stroke="url(#w)" stroke-width="{number(thick)}" '
        'stroke-linecap="round" stroke-linejoin="round"/>'
    )


def _svg(size: Point, body: str, ink: Ink, run: Point) -> str:
    """The drawing, painted in one colour or, where the two differ, from one to the other along `run`."""
    width, height = number(size[0]), number(size[1])
    paint = ""
    if ink.first == ink.second:
        body = body.replace("url(#w)", ink.first)
    else:
        paint = (
            f'<defs><linearGradient id="w" gradientUnits="userSpaceOnUse" x1="0" y1="0" x2="{number(run[0])}" '
            f'y2="{number(run[1])}"><stop offset="0" stop-color="{ink.first}"/>'
            f'<stop offset="1" stop-color="{ink.second}"/></linearGradient></defs>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}mm" '
        f'height="{height}mm">{paint}{body}</svg>'
    )
