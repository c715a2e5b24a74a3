"""The colours of a photo, and one of them that reads well on paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from makegood.products.posters.photo.faces import Pixels

Floats = npt.NDArray[np.float64]

PAPER = (255, 255, 255)
INK = (28, 27, 25)

COLOURS = 6
CONTRAST_WITH_PAPER = 3.5
CONTRAST_WITH_INK = 3.0

_SAMPLES = 72
_CLUSTERS = 10
_ROUNDS = 12
_DISTINCT = 0.055
_GREY_CHROMA = 0.025

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_K1, _K2 = 0.206, 0.03
_K3 = (1 + _K1) / (1 + _K2)
_FROM_LMS, _FROM_LAB = np.linalg.inv(_TO_LMS), np.linalg.inv(_TO_LAB)
_PALER = np.linspace(1.0, 0.0, 41)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True, slots=True)
class Palette:
    """`colours` as #rrggbb, the most present first; `accent` contrasts with white paper by at least 3.5 : 1 and
    with dark ink by at least 3 : 1 (WCAG), so it serves for lines and shapes beside either."""

    colours: tuple[str, ...]
    accent: str


def palette_of(pixels: Pixels) -> Palette:
    """The five or six colours (fewer in a picture that has fewer) that describe an RGB picture."""
    samples = _samples(pixels)
    centres, shares = _clusters(_to_oklab(samples))
    centres, shares = _merged(centres, shares)
    chroma = np.hypot(centres[:, 1], centres[:, 2])
    # A small but vivid patch, a red coat on snow, says more of a picture than its third shade of grey.
    order = np.argsort(-(np.sqrt(shares) * (1 + 6 * chroma)), kind="stable")[:COLOURS]
    accent = _accent(centres[order], shares[order])
    shown = order[np.argsort(-shares[order], kind="stable")]
    return Palette(tuple(_hex(_to_rgb(centres[index])) for index in shown), accent)


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """The contrast ratio of two sRGB colours as WCAG 2 defines it, 1..21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _samples(pixels: Pixels) -> Floats:
    rows = np.linspace(0, pixels.shape[0] - 1, min(_SAMPLES, pixels.shape[0])).round().astype(int)
    columns = np.linspace(0, pixels.shape[1] - 1, min(_SAMPLES, pixels.shape[1])).round().astype(int)
    return np.asarray(pixels[np.ix_(rows, columns)].reshape(-1, 3), dtype=np.float64)


def _clusters(points: Floats) -> tuple[Floats, Floats]:
    """k-means with centres spread out deterministically: each next one is the point farthest from those before,
    near-ties broken by order."""
    centres = points.mean(axis=0)[np.newaxis]
    distance = np.linalg.norm(points - centres[0], axis=1)
    for _ in range(_CLUSTERS - 1):
        if float(distance.max()) < 1e-6:
            break
        # A high quantile instead of the maximum keeps single stray pixels from becoming colours.
        farthest = int(np.argmin(np.abs(distance - np.quantile(distance, 0.985))))
        centres = np.vstack([centres, points[farthest]])
        distance = np.minimum(distance, np.linalg.norm(points - points[farthest], axis=1))
    nearest = np.zeros(len(points), dtype=int)
    for _ in range(_ROUNDS):
        nearest = np.argmin((centres**2).sum(axis=1) - 2 * points @ centres.T, axis=1)
        centres = np.array(
            [
                points[nearest == index].mean(axis=0) if np.any(nearest == index) else centre
                for index, centre in enumerate(centres)
            ]
        )
    shares = np.bincount(nearest, minlength=len(centres)) / len(points)
    present = shares > 0
    return centres[present], shares[present]


def _merged(centres: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Colours that look alike become one, weighted by how much of each there is."""
    while len(centres) > 1:
        apart = np.linalg.norm(centres[:, np.newaxis] - centres, axis=2)
        np.fill_diagonal(apart, np.inf)
        first, second = np.unravel_index(int(np.argmin(apart)), apart.shape)
        if apart[first, second] >= _DISTINCT:
            break
        together = shares[first] + shares[second]
        centres[first] = (centres[first] * shares[first] + centres[second] * shares[second]) / together
        shares[first] = together
        centres, shares = np.delete(centres, second, axis=0), np.delete(shares, second)
    return centres, shares


def _accent(centres: Floats, shares: Floats) -> str:
    """The most telling colour, made as light or dark as paper and ink both need."""
    chroma = np.hypot(centres[:, 1], centres[:, 2])
    chosen = centres[int(np.argmax(np.sqrt(shares) * chroma))].copy()
    if float(chroma.max()) < _GREY_CHROMA:
        chosen[1:] = 0.0
    candidates = [_to_rgb(np.array([lightness, chosen[1], chosen[2]])) for lightness in np.linspace(0.15, 0.8, 131)]
    fitting = [
        colour
        for colour in candidates
        if contrast(colour, PAPER) >= CONTRAST_WITH_PAPER and contrast(colour, INK) >= CONTRAST_WITH_INK
    ]
    wanted = _to_oklab(np.array([_to_rgb(chosen)], dtype=np.float64))[0]
    return _hex(min(fitting, key=lambda rgb: float(np.linalg.norm(_to_oklab(np.array([rgb], float))[0] - wanted))))


def _linear(values: Floats) -> Floats:
    values = values / 255.0
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _luminance(colour: tuple[int, int, int]) -> float:
    return float(_linear(np.array(colour, dtype=np.float64)) @ _LUMINANCE)


def _to_oklab(rgb: Floats) -> Floats:
    """OKLab (Ottosson 2020) of sRGB colours given as 0..255, with his toe function for lightness: without it,
    shades near black that nobody can tell apart count as different."""
    lab = np.cbrt(_linear(rgb) @ _TO_LMS.T) @ _TO_LAB.T
    shifted = _K3 * lab[:, 0] - _K1
    lab[:, 0] = (shifted + np.sqrt(shifted**2 + 4 * _K2 * _K3 * lab[:, 0])) / 2
    return np.asarray(lab)


def _without_toe(lab: Floats) -> Floats:
    lightness = (lab[0] ** 2 + _K1 * lab[0]) / (_K3 * (lab[0] + _K2))
    return np.array([lightness, lab[1], lab[2]])


def _to_rgb(lab: Floats) -> tuple[int, int, int]:
    """The sRGB colour nearest to an OKLab one that a screen can show: same lightness and hue, less chroma."""
    lab = _without_toe(lab)
    paler = lab * np.stack([np.ones_like(_PALER), _PALER, _PALER], axis=1)
    linear = (paler @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T
    shown = np.flatnonzero((linear.min(axis=1) >= -1e-4) & (linear.max(axis=1) <= 1 + 1e-4))
    linear = linear[shown[0] if shown.size else -1]
    linear = np.clip(linear, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (int(value) for value in np.round(encoded * 255))
    return red, green, blue


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
