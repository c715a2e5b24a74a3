"""The sample photos with people: two at the sea, and a portrait."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tests.posters.samples import Canvas, Field, Point, rgb


def sea(width: int, height: int) -> Image.Image:
    """Two people hand in hand at the edge of the sea, the sun almost gone."""
    canvas = Canvas(width, height, seed=23)
    bottom = canvas.bottom
    horizon = bottom * 0.56
    canvas.pixels = canvas.gradient(
        [(0, "#1d2b53"), (0.22, "#4b4a7f"), (0.38, "#a9638a"), (0.49, "#f08a6c"), (0.56, "#ffd08a"), (1, "#ffd08a")]
    ).copy()
    streaks = np.clip(canvas.noise(4, 60) * 0.7 + canvas.noise(12, 120) * 0.4 - 0.58, 0, 1) * 2.4
    canvas.glow(streaks * canvas.spot(0.5, bottom * 0.34, 0.8, bottom * 0.12) * 0.5, "#ff9f80")
    sun = (0.5, horizon - 0.022)
    for radius, strength in ((0.40, 0.35), (0.16, 0.45)):
        canvas.glow(canvas.spot(*sun, radius) * strength, "#ffb060")
    canvas.lay(canvas.disc(*sun, 0.062), "#fff0c8")
    _water(canvas, horizon, sun[0])
    _beach(canvas)
    ink = "#1a1530"
    figures = np.maximum(_man(canvas, 0.452, bottom * 0.885), _woman(canvas, 0.568, bottom * 0.89))
    rim = np.clip(canvas.soften(figures, 0.004) - figures, 0, 1)
    canvas.glow(rim * canvas.spot(0.5, horizon, 0.16, 0.13) * 0.9, "#ffc890")
    canvas.lay(figures, ink)
    return canvas.finished(grain=0.010, vignette=0.32)


def _water(canvas: Canvas, horizon: float, sun: float) -> None:
    bottom = canvas.bottom
    water = canvas.below(np.full(canvas.width, horizon))
    depth = np.clip((canvas.y - horizon) / (bottom - horizon), 0, 1)
    near, far = np.array(rgb("#2a2c5a"), np.float32), np.array(rgb("#d9806f"), np.float32)
    share = (depth**0.55)[..., np.newaxis]
    canvas.lay(water, far * (1 - share) + near * share)
    # Waves are flat and fine far away, broader near the beach.
    far_waves, near_waves = canvas.noise(16, 420) - 0.5, canvas.noise(9, 150) - 0.5
    waves = 2.2 * (far_waves * (1 - depth) + (0.45 * far_waves + 0.75 * near_waves) * depth)
    spread = 0.045 + 0.30 * depth
    path = np.exp(-(((canvas.x - sun) / spread) ** 2))
    canvas.glow(water * path * np.clip(0.42 + 0.9 * waves, 0, 1) * (1 - 0.35 * depth), "#ffd79a")
    canvas.pixels *= (1 + water * waves * 0.16)[..., np.newaxis]


def _beach(canvas: Canvas) -> None:
    places = np.arange(canvas.width) / canvas.width
    edge = canvas.bottom * (0.845 + 0.012 * np.sin(places * 7 + 1) + 0.006 * np.sin(places * 19))
    foam = canvas.below(edge - 0.006) * (1 - canvas.below(edge + 0.004))
    sand = canvas.below(edge)
    down = np.clip((canvas.y - edge.astype(np.float32)) / (canvas.bottom * 0.16), 0, 1)[..., np.newaxis]
    wet, dry = np.array(rgb("#8d5a66"), np.float32), np.array(rgb("#2c2138"), np.float32)
    canvas.lay(sand, wet * (1 - down) + dry * down)
    canvas.glow(canvas.soften(foam, 0.0012) * 0.75, "#ffe2c4")
    canvas.pixels *= (1 + sand * (canvas.noise(300, 120) - 0.5) * 0.16)[..., np.newaxis]


def _placed(points: list[Point], x: float, ground: float, tall: float) -> list[Point]:
    """Points of a figure one unit tall, its feet at the origin, moved to their place."""
    return [(x + px * tall, ground + py * tall) for px, py in points]


def _man(canvas: Canvas, x: float, ground: float) -> Field:
    """Seen from behind, weight on one leg, the right hand held out."""
    tall = 0.335
    body = [(-0.026, -0.868), (-0.062, -0.846), (-0.112, -0.818), (-0.136, -0.77), (-0.148, -0.66), (-0.158, -0.55)]
    body += [(-0.16, -0.47), (-0.143, -0.458), (-0.13, -0.54), (-0.112, -0.66), (-0.094, -0.69), (-0.086, -0.56)]
    body += [(-0.092, -0.44), (-0.092, -0.28), (-0.082, -0.12), (-0.078, -0.02), (-0.1, 0.0), (-0.042, 0.0)]
    body += [(-0.038, -0.1), (-0.014, -0.3), (0.0, -0.42), (0.012, -0.3), (0.03, -0.12), (0.034, 0.008), (0.094, 0.01)]
    body += [(0.074, -0.02), (0.078, -0.14), (0.09, -0.3), (0.09, -0.44), (0.086, -0.56), (0.094, -0.69), (0.122, -0.6)]
    body += [
        (0.152, -0.52),
        (0.182, -0.45),
        (0.2, -0.463),
        (0.18, -0.55),
        (0.152, -0.67),
        (0.136, -0.77),
        (0.112, -0.818),
    ]
    body += [(0.062, -0.846), (0.026, -0.868)]
    figure = canvas.shape(_placed(body, x, ground, tall))
    neck = canvas.shape(_placed([(-0.03, -0.91), (-0.05, -0.842), (0.05, -0.842), (0.03, -0.91)], x, ground, tall))
    head = canvas.disc(x + 0.004 * tall, ground - 0.932 * tall, 0.048 * tall, 0.062 * tall)
    return np.maximum(np.maximum(figure, neck), head)


def _woman(canvas: Canvas, x: float, ground: float) -> Field:
    """Seen from behind in a summer dress, leaning towards him, her hair in the wind."""
    tall = 0.305
    dress = [(-0.06, -0.83), (-0.085, -0.79), (-0.062, -0.69), (-0.05, -0.62), (-0.085, -0.5), (-0.12, -0.36)]
    dress += [(-0.135, -0.28), (-0.05, -0.265), (0.06, -0.275), (0.165, -0.3), (0.13, -0.42), (0.085, -0.53)]
    dress += [(0.05, -0.62), (0.058, -0.7), (0.078, -0.79), (0.055, -0.83), (0.0, -0.815)]
    left = [
        (-0.062, -0.3),
        (-0.055, -0.14),
        (-0.05, -0.02),
        (-0.068, 0.0),
        (-0.018, 0.0),
        (-0.02, -0.12),
        (-0.01, -0.3),
    ]
    right = [(0.012, -0.3), (0.022, -0.14), (0.024, -0.01), (0.022, 0.008), (0.07, 0.008), (0.056, -0.02)]
    right += [(0.056, -0.14), (0.066, -0.3)]
    arm = [(-0.075, -0.81), (-0.105, -0.74), (-0.125, -0.63), (-0.155, -0.52), (-0.175, -0.495), (-0.162, -0.475)]
    arm += [(-0.135, -0.51), (-0.1, -0.61), (-0.078, -0.7), (-0.06, -0.78)]
    other = [(0.07, -0.81), (0.1, -0.75), (0.108, -0.64), (0.125, -0.54), (0.135, -0.47), (0.118, -0.465)]
    other += [(0.1, -0.54), (0.085, -0.64), (0.075, -0.73), (0.055, -0.78)]
    hair = [(-0.045, -0.97), (-0.065, -0.92), (-0.06, -0.84), (-0.04, -0.76), (0.0, -0.73), (0.045, -0.745)]
    hair += [
        (0.09, -0.73),
        (0.125, -0.745),
        (0.088, -0.785),
        (0.07, -0.85),
        (0.062, -0.93),
        (0.03, -0.985),
        (-0.01, -0.99),
    ]
    parts = [canvas.shape(_placed(part, x, ground, tall)) for part in (dress, left, right, arm, other, hair)]
    parts.append(canvas.shape(_placed([(-0.03, -0.88), (-0.05, -0.81), (0.05, -0.81), (0.03, -0.88)], x, ground, tall)))
    return np.max(parts, axis=0)


def portrait(width: int, height: int) -> Image.Image:
    """A young woman before a low sun, as a painted poster."""
    canvas = Canvas(width, height, seed=31)
    bottom = canvas.bottom
    canvas.pixels = canvas.gradient([(0, "#e9c9a6"), (0.55, "#dca083"), (1, "#a85e5a")]).copy()
    canvas.pixels *= (1 + (canvas.noise(5, 7) - 0.5) * 0.10)[..., np.newaxis]
    canvas.lay(canvas.disc(0.5, bottom * 0.42, 0.395), "#f3b37a")
    canvas.glow(canvas.spot(0.42, bottom * 0.33, 0.22) * 0.35, "#ffdca8")
    _hair_behind(canvas)
    _shoulders(canvas)
    _head(canvas)
    for side in (-1, 1):
        _eye(canvas, side)
    _nose_and_mouth(canvas)
    _hair_in_front(canvas)
    return canvas.finished(grain=0.010, vignette=0.22)


HAIR = "#3a2226"


def _hair_behind(canvas: Canvas) -> None:
    outline = [(0.5, 0.21), (0.39, 0.235), (0.315, 0.33), (0.29, 0.46), (0.285, 0.6), (0.25, 0.74), (0.235, 0.88)]
    outline += [(0.3, 0.95), (0.42, 0.9), (0.58, 0.9), (0.69, 0.96), (0.76, 0.89), (0.74, 0.75), (0.71, 0.61)]
    outline += [(0.708, 0.46), (0.685, 0.33), (0.61, 0.235)]
    hair = canvas.shape(outline)
    canvas.lay(hair, "#2c1a20")
    for number in range(26):
        start = 0.3 + 0.4 * number / 25
        sway = (start - 0.5) * 0.34
        strand = [(start, 0.4), (start + sway * 0.45, 0.6), (start + sway * 0.75, 0.76), (start + sway * 1.1, 0.93)]
        canvas.lay(canvas.line(strand, 0.013, soft=0.003) * hair * 0.5, "#5c3630" if number % 2 else "#1f1218")


def _shoulders(canvas: Canvas) -> None:
    bottom = canvas.bottom
    neck = [(0.432, 0.66), (0.432, 0.77), (0.40, 0.84), (0.28, 0.9), (0.28, 1.05), (0.72, 1.05), (0.72, 0.9)]
    neck += [(0.60, 0.84), (0.568, 0.77), (0.568, 0.66)]
    skin = canvas.shape(neck)
    canvas.lay(skin, "#d99a78")
    canvas.lay(skin * canvas.spot(0.5, 0.735, 0.085, 0.035) * 0.75, "#a3604f")
    canvas.lay(skin * canvas.line([(0.41, 0.885), (0.46, 0.9), (0.485, 0.915)], 0.008, soft=0.004) * 0.6, "#b0705c")
    canvas.lay(skin * canvas.line([(0.59, 0.885), (0.54, 0.9), (0.515, 0.915)], 0.008, soft=0.004) * 0.6, "#b0705c")
    dress = [(0.36, 0.865), (0.25, 0.91), (0.14, 0.97), (0.06, 1.08), (0.02, bottom + 0.1), (0.98, bottom + 0.1)]
    dress += [(0.94, 1.08), (0.86, 0.97), (0.75, 0.91), (0.64, 0.865), (0.60, 0.94), (0.5, 0.985), (0.40, 0.94)]
    cloth = canvas.shape(dress)
    canvas.lay(cloth, "#1f4e55")
    canvas.lay(cloth * canvas.spot(0.27, 1.03, 0.13, 0.15) * 0.55, "#3f8280")
    canvas.lay(cloth * canvas.spot(0.83, 1.2, 0.2, 0.2) * 0.6, "#12323c")
    for number in range(7):
        x = 0.2 + 0.1 * number
        fold = [(x + (0.5 - x) * 0.25, 0.98), (x, 1.1), (x - (0.5 - x) * 0.2, bottom)]
        canvas.lay(canvas.line(fold, 0.012, soft=0.006) * cloth * 0.45, "#143a43")


def _head(canvas: Canvas) -> None:
    outline = [(0.5, 0.285), (0.415, 0.31), (0.37, 0.39), (0.36, 0.48), (0.37, 0.57), (0.402, 0.65), (0.455, 0.71)]
    outline += [(0.5, 0.724), (0.545, 0.71), (0.598, 0.65), (0.63, 0.57), (0.64, 0.48), (0.63, 0.39), (0.585, 0.31)]
    face = canvas.shape(outline)
    canvas.lay(face, "#e9b08c")
    canvas.lay(face * canvas.spot(0.45, 0.42, 0.075, 0.10) * 0.55, "#f9d0ae")
    canvas.lay(face * canvas.spot(0.645, 0.55, 0.05, 0.17) * 0.65, "#b8735c")
    canvas.lay(face * canvas.spot(0.352, 0.56, 0.025, 0.15) * 0.45, "#c07f66")
    canvas.lay(face * canvas.spot(0.5, 0.735, 0.09, 0.022) * 0.4, "#b8735c")
    for x, strength in ((0.415, 0.42), (0.585, 0.36)):
        canvas.lay(face * canvas.spot(x, 0.565, 0.034, 0.026) * strength, "#e07f68")
    for x in (0.437, 0.563):
        canvas.lay(face * canvas.spot(x, 0.462, 0.04, 0.020) * 0.42, "#a9654f")
    canvas.lay(face * canvas.spot(0.5, 0.676, 0.026, 0.014) * 0.35, "#f9d0ae")


def _eye(canvas: Canvas, side: int) -> None:
    def at(x: float) -> float:
        return 0.5 + side * x

    white = canvas.shape([(at(0.034), 0.487), (at(0.047), 0.473), (at(0.066), 0.469), (at(0.085), 0.476),
                          (at(0.095), 0.486), (at(0.082), 0.494), (at(0.063), 0.498), (at(0.046), 0.495)])  # fmt: skip
    canvas.lay(white, "#f6ebe2")
    canvas.lay(white * canvas.disc(at(0.0645), 0.4835, 0.0165), "#4a6b5e")
    canvas.lay(white * canvas.disc(at(0.0645), 0.4835, 0.0165) * canvas.spot(at(0.0645), 0.470, 0.02, 0.008), "#22302c")
    canvas.lay(white * canvas.disc(at(0.0645), 0.4835, 0.0082), "#15100f")
    canvas.lay(canvas.disc(at(0.0645) - 0.006, 0.4775, 0.0036), "#ffffff")
    lash = [(at(0.031), 0.488), (at(0.047), 0.472), (at(0.066), 0.467), (at(0.087), 0.475), (at(0.104), 0.483)]
    canvas.lay(canvas.line(lash, 0.0105), "#231416")
    crease = [(at(0.04), 0.468), (at(0.065), 0.457), (at(0.092), 0.465)]
    canvas.lay(canvas.line(crease, 0.004, soft=0.0012) * 0.7, "#8f5746")
    under = [(at(0.045), 0.4965), (at(0.065), 0.5), (at(0.088), 0.493)]
    canvas.lay(canvas.line(under, 0.003, soft=0.0008) * 0.6, "#8a5044")
    brow = [(at(0.03), 0.437), (at(0.055), 0.4285), (at(0.082), 0.428), (at(0.107), 0.4385)]
    canvas.lay(canvas.line(brow, 0.0115, soft=0.0012) * 0.92, HAIR)


def _nose_and_mouth(canvas: Canvas) -> None:
    canvas.lay(canvas.line([(0.519, 0.47), (0.524, 0.53), (0.531, 0.568)], 0.017, soft=0.007) * 0.5, "#bd7a60")
    canvas.lay(canvas.spot(0.497, 0.53, 0.0085, 0.045) * 0.45, "#fbdcc0")
    canvas.lay(canvas.spot(0.498, 0.574, 0.013, 0.010) * 0.4, "#fbd6b8")
    canvas.lay(canvas.line([(0.472, 0.581), (0.485, 0.589), (0.5, 0.592), (0.515, 0.589), (0.53, 0.581)],
                           0.009, soft=0.003) * 0.75, "#a35f4d")  # fmt: skip
    for x in (0.486, 0.514):
        canvas.lay(canvas.disc(x, 0.5855, 0.0062, 0.0034) * 0.8, "#6d3630")
    upper = [(0.441, 0.6325), (0.468, 0.6275), (0.488, 0.622), (0.5, 0.626), (0.512, 0.622), (0.532, 0.6275)]
    upper += [(0.559, 0.6325), (0.53, 0.641), (0.5, 0.644), (0.47, 0.641)]
    lower = [(0.443, 0.634), (0.47, 0.6415), (0.5, 0.6445), (0.53, 0.6415), (0.557, 0.634), (0.534, 0.6555)]
    lower += [(0.5, 0.665), (0.466, 0.6555)]
    canvas.lay(canvas.shape(upper), "#a8453f")
    canvas.lay(canvas.shape(lower), "#c4574e")
    canvas.lay(canvas.spot(0.493, 0.651, 0.018, 0.005) * 0.55, "#f0a08c")
    canvas.lay(
        canvas.line([(0.436, 0.631), (0.47, 0.641), (0.5, 0.6435), (0.53, 0.641), (0.564, 0.631)], 0.004), "#6f2a2a"
    )


def _hair_in_front(canvas: Canvas) -> None:
    left = [(0.512, 0.29), (0.43, 0.322), (0.388, 0.40), (0.366, 0.49), (0.352, 0.61), (0.338, 0.76), (0.298, 0.968)]
    left += [(0.268, 0.93), (0.262, 0.77), (0.283, 0.61), (0.29, 0.46), (0.318, 0.325), (0.4, 0.225), (0.5, 0.202)]
    right = [(0.5, 0.29), (0.582, 0.326), (0.616, 0.40), (0.636, 0.49), (0.650, 0.61), (0.664, 0.76), (0.704, 0.968)]
    right += [(0.733, 0.93), (0.738, 0.77), (0.718, 0.61), (0.708, 0.46), (0.684, 0.325), (0.605, 0.225), (0.5, 0.202)]
    for outline, glint in ((left, 0.9), (right, 0.45)):
        lock = canvas.shape(outline)
        canvas.lay(canvas.soften(lock, 0.009) * (1 - lock) * canvas.spot(0.5, 0.45, 0.16, 0.16) * 0.5, "#7d4a3c")
        canvas.lay(lock, HAIR)
        for number in range(11):
            share = number / 10
            strand = [
                tuple(np.array(outline[at]) * (1 - share) + np.array(outline[-1 - at]) * share) for at in range(7)
            ]
            colour = "#7a4a3a" if number % 3 == 1 else "#24141a"
            canvas.lay(canvas.line(strand, 0.009, soft=0.002) * lock * 0.5 * glint, colour)
