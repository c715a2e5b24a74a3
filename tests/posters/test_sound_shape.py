"""The wave on the poster looks as the recording sounds."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from makegood.products.posters.sound import Peaks, inspect_sound, shape
from makegood.products.posters.sound.inspect import suggest_clip
from makegood.products.posters.sound.peaks import PeakBuilder
from tests.posters.sound_signals import Signal, lively, tone, write_wav

RATE = 8000


def outline(*parts: Signal, rate: int = RATE) -> Peaks:
    builder = PeakBuilder(rate)
    builder.add(np.concatenate(parts).astype(np.float32)[np.newaxis])
    return builder.finish()


def test_the_whole_recording_is_drawn_and_not_only_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    write_wav(path, [np.concatenate([np.zeros(40 * RATE), tone(40, RATE, 0.6)])], RATE)
    facts = inspect_sound(path, "x.wav")
    wave = shape(facts.peaks, 0, facts.duration_seconds, 80)
    assert max(wave[:39]) < 0.01
    assert min(wave[41:]) > 0.95


def test_louder_is_higher() -> None:
    peaks = outline(*(tone(1, RATE, level) for level in (0.05, 0.1, 0.2, 0.4, 0.8)))
    wave = shape(peaks, 0, 5, 5)
    assert all(later > earlier for earlier, later in itertools.pairwise(wave))


@pytest.mark.parametrize("gain", [1.0, 0.1, 0.01])
def test_a_quiet_recording_is_as_lively_as_a_loud_one(gain: float) -> None:
    loud, quiet = outline(lively(10, RATE)), outline(gain * lively(10, RATE))
    assert shape(quiet, 0, 10, 120) == pytest.approx(shape(loud, 0, 10, 120), abs=0.05)
    assert max(shape(quiet, 0, 10, 120)) == 1


def test_silence_and_the_noise_of_a_converter_stay_thin() -> None:
    noise = np.random.default_rng(1).uniform(-0.0001, 0.0001, 5 * RATE)
    assert shape(outline(np.zeros(5 * RATE)), 0, 5, 50) == [0.0] * 50
    assert max(shape(outline(noise), 0, 5, 50)) < 0.2


def test_a_click_does_not_flatten_the_rest() -> None:
    sound = 0.1 * lively(10, RATE)
    clicked = sound.copy()
    clicked[4 * RATE] = 1.0
    calm, disturbed = shape(outline(sound), 0, 10, 100), shape(outline(clicked), 0, 10, 100)
    assert np.median(np.abs(np.subtract(calm, disturbed))) < 0.05


@pytest.mark.parametrize("points", [1, 7, 60, 200, 1000, 4000])
@pytest.mark.parametrize(("start", "end"), [(0.0, 6.0), (1.234, 1.9), (5.5, 6.5)])
def test_any_number_of_points_can_be_drawn(points: int, start: float, end: float) -> None:
    wave = shape(outline(lively(6, RATE)), start, end, points)
    assert len(wave) == points
    assert all(0 <= height <= 1 for height in wave)


def test_more_points_than_bins_run_smoothly_through_the_same_wave() -> None:
    peaks = outline(*(tone(0.2, RATE, level) for level in (0.1, 0.8, 0.2, 0.6)))
    coarse, fine = shape(peaks, 0, 0.8, 8), shape(peaks, 0, 0.8, 800)
    assert np.corrcoef(coarse, np.reshape(fine, (8, 100)).mean(1))[0, 1] > 0.98
    assert np.abs(np.diff(fine)).max() < 0.15


def test_a_clip_is_drawn_from_its_own_part() -> None:
    peaks = outline(tone(2, RATE, 0.02), lively(2, RATE), tone(2, RATE, 0.9))
    alone = outline(lively(2, RATE))
    assert shape(peaks, 2, 4, 50) == pytest.approx(shape(alone, 0, 2, 50), abs=0.01)


@pytest.mark.parametrize(("start", "end", "points"), [(0, 5, 0), (3, 3, 10), (4, 3, 10)])
def test_no_wave_is_drawn_of_nothing(start: float, end: float, points: int) -> None:
    with pytest.raises(ValueError, match="no wave"):
        shape(outline(lively(5, RATE)), start, end, points)


def test_a_long_recording_gets_a_clip_that_begins_with_the_sound_and_ends_in_a_pause() -> None:
    peaks = outline(np.zeros(20 * RATE), tone(50, RATE), np.zeros(RATE), tone(600, RATE))
    start, end = suggest_clip(peaks)
    assert 19 < start < 20
    assert 70 < end < 71
