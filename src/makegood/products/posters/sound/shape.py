"""The wave as it is drawn: a few hundred heights that look as the recording sounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from makegood.products.posters.sound.peaks import BINS_PER_SECOND, SILENCE, Peaks

_PEAK_SHARE = 0.3
_CREST = np.float32(np.sqrt(2))
_LOUD_PERCENTILE = 98
_STEADY_PERCENTILE = 10
_STEADY_SHARE = 0.6
_CURVE = 0.75


def shape(peaks: Peaks, start: float, end: float, points: int) -> list[float]:
    """`points` heights from 0 to 1 for the recording from `start` to `end`, in seconds, evenly spaced in time.

    A height mixes the mean level, which is what loudness follows, with the peak, which keeps the edges crisp. Heights
    are relative to the loud parts of this stretch (its 98th percentile), so that a quiet recording is as lively as a
    loud one; a steady hum below everything is mostly taken off; silence stays thin. Of two moments of one stretch the
    louder one is never lower. Raises ValueError without a point or a stretch.
    """
    if points < 1 or not start < end:
        raise ValueError(f"no wave has {points} points from {start} s to {end} s")
    chosen = peaks.bins(start, end)
    levels = _levels(peaks, chosen)
    if not len(levels):
        return [0.0] * points
    heights = _spread(levels, start * BINS_PER_SECOND - chosen.start, end * BINS_PER_SECOND - chosen.start, points)
    loud = float(np.percentile(heights, _LOUD_PERCENTILE))
    steady = _STEADY_SHARE * float(np.percentile(heights, _STEADY_PERCENTILE))
    relative = np.clip((heights - steady) / max(loud - steady, 4 * SILENCE), 0.0, 1.0)
    return [round(float(height), 4) for height in relative**_CURVE]


def _levels(peaks: Peaks, chosen: slice) -> NDArray[np.float64]:
    """The level of each bin, 0 to 1, without a constant offset; a full-scale tone has 1."""
    low, high = peaks.lowest[chosen] / 32768, peaks.highest[chosen] / 32768
    if not len(low):
        return np.empty(0)
    offset = float(np.median((low + high) / 2))
    mean = np.sqrt(np.maximum((peaks.rms[chosen] / 32768) ** 2 - offset**2, 0.0)) * _CREST
    return _PEAK_SHARE * (high - low) / 2 + (1 - _PEAK_SHARE) * np.minimum(mean, 1.0)


def _spread(levels: NDArray[np.float64], first: float, last: float, points: int) -> NDArray[np.float64]:
    """The levels from bin `first` to bin `last`, both fractional, as `points` values: for each the mean power of the
    bins that it covers, or between bins where there are more points than bins."""
    edges = np.linspace(first, last, points + 1)
    if points >= last - first:
        centres = (edges[:-1] + edges[1:]) / 2
        return np.interp(centres, np.arange(len(levels)) + 0.5, levels)
    power = np.concatenate(([0.0], np.cumsum(levels**2)))
    until = np.interp(edges, np.arange(len(power)), power)
    return np.sqrt(np.maximum(np.diff(until), 0.0) / np.diff(edges))
