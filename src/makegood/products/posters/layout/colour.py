"""Colours: contrast by WCAG's relative luminance, and choosing what can be seen on what."""

from __future__ import annotations

import colorsys

Rgb = tuple[float, float, float]


def rgb(colour: str) -> Rgb:
    """`#rrggbb` as three shares of 1."""
    return (int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255)


def hexed(colour: Rgb) -> str:
    return "#" + "".join(f"{round(min(max(share, 0), 1) * 255):02x}" for share in colour)


def luminance(colour: str) -> float:
    """Relative luminance, 0 (black) to 1 (white)."""
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, 1 (the same) to 21 (black on white)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mix(one: str, other: str, share: float) -> str:
    """`one` with `share` of `other` in it."""
    (r, g, b), (to_r, to_g, to_b) = rgb(one), rgb(other)
    return hexed((r + (to_r - r) * share, g + (to_g - g) * share, b + (to_b - b) * share))


def companion(accent: str, background: str, ink: str) -> str:
    """The second colour of a gradient that begins with `accent`: its neighbour on the colour wheel, as lively, and
    as easy to see on the page. A grey has no neighbour and runs towards the page's colour instead."""
    hue, light, saturation = colorsys.rgb_to_hls(*rgb(accent))
    if saturation < 0.12:
        return mix(accent, background, 0.45)
    turned = hexed(colorsys.hls_to_rgb((hue - 0.11) % 1, light, min(1.0, saturation * 1.1)))
    return moved(turned, background, ink, min(contrast(accent, background), 3.0))


def visible(palette: tuple[str, ...], background: str, ink: str, least: float = 2.4) -> str:
    """The liveliest colour of a photo's palette that stands out from the page.

    A palette without one gives its liveliest colour, moved towards the ink until it does.
    """

    def life(colour: str) -> float:
        high, low = max(rgb(colour)), min(rgb(colour))
        return (high - low) * (0.35 + 0.65 * high)

    ranked = sorted(palette, key=life, reverse=True)
    for colour in ranked:
        if contrast(colour, background) >= least and life(colour) >= 0.12:
            return colour
    return moved(ranked[0], background, ink, least)


def moved(colour: str, background: str, ink: str, least: float) -> str:
    """`colour`, mixed with just enough ink to reach the contrast `least` on the background."""
    for step in range(21):
        mixed = mix(colour, ink, step / 20)
        if contrast(mixed, background) >= least:
            return mixed
    return ink
