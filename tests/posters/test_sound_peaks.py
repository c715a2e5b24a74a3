"""The outline of a recording is what a plain calculation over all its samples says."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from makegood.products.posters.sound import Peaks, PeaksDamaged, inspect_sound
from tests.posters.sound_signals import Signal, lively, recode, tone, write_wav

STEP = 1 / 32768


def reference(mono: Signal, rate: int) -> tuple[Signal, Signal, Signal]:
    """Lowest, highest and root mean square of each hundredth of a second, one by one."""
    edges = [k * rate // 100 for k in range(-(-len(mono) * 100 // rate))] + [len(mono)]
    bins = [mono[first:last] for first, last in itertools.pairwise(edges)]
    return (
        np.array([part.min() for part in bins]),
        np.array([part.max() for part in bins]),
        np.array([np.sqrt(np.mean(part**2)) for part in bins]),
    )


def assert_outline(peaks: Peaks, mono: Signal, rate: int, within: float = STEP) -> None:
    lowest, highest, rms = reference(mono, rate)
    assert len(peaks.rms) == len(rms)
    np.testing.assert_allclose(peaks.lowest / 32768, lowest, rtol=0, atol=within)
    np.testing.assert_allclose(peaks.highest / 32768, highest, rtol=0, atol=within)
    np.testing.assert_allclose(peaks.rms / 32768, rms, rtol=0, atol=within)


@pytest.mark.parametrize(
    ("bits", "is_float"), [(8, False), (16, False), (24, False), (32, False), (32, True), (64, True)]
)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_lossless_samples_are_outlined_exactly(
    tmp_path: Path, bits: int, is_float: bool, channels: int, rate: int
) -> None:
    path = tmp_path / "sound.wav"
    held = write_wav(path, [lively(7.123, rate, seed) for seed in range(channels)], rate, bits, is_float=is_float)
    facts = inspect_sound(path, "sound.wav")
    assert facts.duration_seconds == len(held[0]) / rate
    assert_outline(facts.peaks, np.mean(held, axis=0), rate)


@pytest.mark.parametrize(
    ("codec", "form", "sample_format", "name"),
    [
        ("flac", "flac", "s16", "x.flac"),
        ("flac", "flac", "s32", "x.flac"),
        ("alac", "ipod", "s16p", "x.m4a"),
        ("alac", "ipod", "s32p", "x.m4a"),
        ("pcm_s64le", "wav", "s64", "x.wav"),
        ("pcm_f64be", "aiff", "dbl", "x.aiff"),
    ],
)
def test_packed_and_planar_samples_of_every_width_are_outlined_exactly(
    tmp_path: Path, codec: str, form: str, sample_format: str, name: str
) -> None:
    rate, path = 16000, tmp_path / name
    held = write_wav(tmp_path / "source.wav", [lively(3.3, rate, 1), lively(3.3, rate, 2)], rate, 16)
    recode(tmp_path / "source.wav", path, codec, form, sample_format)
    assert_outline(inspect_sound(path, name).peaks, np.mean(held, axis=0), rate)


@pytest.mark.parametrize(
    ("codec", "form", "within"),
    [("libmp3lame", "mp3", 0.02), ("aac", "ipod", 0.02), ("libopus", "ogg", 0.03)],
)
def test_compressed_sound_is_outlined_closely_and_in_time(tmp_path: Path, codec: str, form: str, within: float) -> None:
    rate, path = 48000, tmp_path / "x"
    swelling = np.concatenate([tone(0.5, rate, level) for level in (0.1, 0.6, 0.2, 0.8, 0.05, 0.4)])
    held = write_wav(tmp_path / "source.wav", [swelling], rate)
    recode(tmp_path / "source.wav", path, codec, form, "fltp" if codec != "libopus" else "flt", bit_rate=192_000)
    peaks = inspect_sound(path, "x").peaks
    rms = reference(held[0], rate)[2]
    inside = np.arange(len(rms)) % 50
    steady = np.flatnonzero((inside > 10) & (inside < 40))
    np.testing.assert_allclose(peaks.rms[steady] / 32768, rms[steady], atol=within)


def test_opposed_channels_are_drawn_though_their_mix_is_silent(tmp_path: Path) -> None:
    path, sound = tmp_path / "x.wav", lively(2, 16000)
    held = write_wav(path, [sound, -sound], 16000)
    assert_outline(inspect_sound(path, "x.wav").peaks, held[0], 16000)


def test_a_constant_offset_is_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    write_wav(path, [np.concatenate([np.full(16000, 0.25), 0.25 + tone(1, 16000, 0.1)])], 16000)
    peaks = inspect_sound(path, "x.wav").peaks
    assert peaks.is_silent(0, 1)
    assert not peaks.is_silent(1, 2)


def test_numbers_that_are_no_numbers_do_not_spoil_the_outline(tmp_path: Path) -> None:
    path, sound = tmp_path / "x.wav", tone(2, 16000)
    sound[100], sound[200], sound[300] = np.nan, np.inf, 1e30
    write_wav(path, [sound], 16000, 32, is_float=True)
    peaks = inspect_sound(path, "x.wav").peaks
    np.testing.assert_allclose(peaks.highest[10:] / 32768, 0.5, atol=0.01)
    assert peaks.loudest == pytest.approx(1.0, abs=0.001)


def test_joined_recordings_of_different_rates_keep_time(tmp_path: Path) -> None:
    parts = []
    for rate, level in ((44100, 0.2), (22050, 0.6)):
        write_wav(tmp_path / "s.wav", [tone(2, rate, level)], rate)
        recode(tmp_path / "s.wav", tmp_path / "s.mp3", "libmp3lame", "mp3", "fltp", bit_rate=64_000)
        parts.append((tmp_path / "s.mp3").read_bytes())
    path = tmp_path / "joined.mp3"
    path.write_bytes(b"".join(parts))
    facts = inspect_sound(path, "joined.mp3")
    assert facts.duration_seconds == pytest.approx(4, abs=0.2)
    assert facts.peaks.rms[50:150].mean() / 32768 == pytest.approx(0.2 / np.sqrt(2), abs=0.02)
    assert facts.peaks.rms[250:350].mean() / 32768 == pytest.approx(0.6 / np.sqrt(2), abs=0.04)


def test_the_same_recording_gives_the_same_bytes_which_read_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    write_wav(path, [lively(3.21, 22050)], 22050)
    first, second = (inspect_sound(path, "x.wav").peaks for _ in range(2))
    assert first.to_bytes() == second.to_bytes()
    again = Peaks.from_bytes(first.to_bytes())
    assert (again.rate, again.samples, again.to_bytes()) == (22050, first.samples, first.to_bytes())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"X" + data[1:],
        lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:],
        lambda data: data[:8] + b"\0\0\0\0" + data[12:],
    ],
    ids=["empty", "shorter", "longer", "mark", "flipped", "no rate"],
)
def test_damaged_peaks_are_not_believed(tmp_path: Path, spoil) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "x.wav"
    write_wav(path, [tone(1, 8000)], 8000)
    with pytest.raises(PeaksDamaged):
        Peaks.from_bytes(spoil(inspect_sound(path, "x.wav").peaks.to_bytes()))
