"""The clip that a poster plays is exactly the part that was chosen, in a file that every phone plays."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from makegood.kernel.errors import MakegoodError
from makegood.products.posters.sound import ClipNotAsPromised, check_clip, clip_range, cut_clip, inspect_sound
from tests.posters.sound_signals import Signal, lively, tone, write_wav

FIXTURES = Path(__file__).parent / "fixtures" / "sound"
RATE = 48000


def played(path: Path) -> Signal:
    """What a player hears: the first channel's samples."""
    with av.open(str(path)) as opened:
        return np.concatenate([frame.to_ndarray()[0] for frame in opened.decode(audio=0)]).astype(np.float64)


def boxes(data: bytes) -> list[tuple[bytes, int]]:
    """The outermost boxes of an MP4 file."""
    found, at = [], 0
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        found.append((name, length))
        at += length
    return found


@pytest.mark.parametrize(
    "name", sorted(path.name for path in FIXTURES.iterdir() if path.is_file() and path.suffix not in {".sh", ".py"})
)
def test_a_clip_of_every_format_is_aac_that_begins_playing_at_once(tmp_path: Path, name: str) -> None:
    target = tmp_path / "clip.m4a"
    cut_clip(FIXTURES / name, target, 0.2, 0.8)
    check_clip(target, 0.6)
    facts = inspect_sound(target, "clip.m4a")
    source = inspect_sound(FIXTURES / name, name)
    assert (facts.container, facts.codec, facts.media_type) == ("mp4", "aac", "audio/mp4")
    assert facts.sample_rate in (44100, 48000)
    assert facts.channels == source.channels
    order = [box for box, _ in boxes(target.read_bytes())]
    assert order[0] == b"ftyp"
    assert order.index(b"moov") < order.index(b"mdat")
    assert target.read_bytes()[8:12] == b"M4A "


@pytest.mark.parametrize(
    ("rate", "start", "end"),
    [
        (8000, 2.345, 5.89),
        (22050, 2.345, 5.89),
        (44100, 0.0, 6.0),
        (44100, 2.99, 3.61),
        (48000, 0.0, 3.0),
        (48000, 4, 6),
    ],
)
def test_the_clip_is_the_chosen_part_to_the_millisecond(tmp_path: Path, rate: int, start: float, end: float) -> None:
    source, target = tmp_path / "x.wav", tmp_path / "clip.m4a"
    sweep = [100, 200]
    time = np.arange(6 * rate) / rate
    write_wav(source, [0.6 * np.sin(2 * np.pi * np.polyval([sweep[1], sweep[0], 0], time))], rate)
    cut_clip(source, target, start, end)
    check_clip(target, end - start)
    with av.open(str(target)) as opened:
        assert opened.duration / 1e6 == pytest.approx(end - start, abs=0.001)
        heard_rate = opened.streams.audio[0].rate
    heard = played(target)
    for moment in (0.3, (end - start) / 2, end - start - 0.3):
        around = np.arange(round((moment - 0.25) * heard_rate), round((moment + 0.25) * heard_rate))
        shifts = [shift / heard_rate for shift in range(-96, 97, 4)]
        then = (start + around / heard_rate + shift for shift in shifts)
        expected = (np.sin(2 * np.pi * np.polyval([sweep[1], sweep[0], 0], each)) for each in then)
        assert abs(shifts[int(np.argmax([np.dot(heard[around], each) for each in expected]))]) <= 0.0002


def test_cuts_are_faded_and_natural_ends_are_not(tmp_path: Path) -> None:
    source = tmp_path / "x.wav"
    write_wav(source, [np.full(6 * RATE, 0.5) * np.sign(tone(6, RATE, 1, 1000) + 1e-9)], RATE)

    def edges(start: float, end: float) -> tuple[float, float]:
        cut_clip(source, tmp_path / "clip.m4a", start, end)
        heard = played(tmp_path / "clip.m4a")[: round((end - start) * RATE)]
        begin, finish = heard[48:144], heard[-144:-48]
        return float(np.sqrt(np.mean(begin**2))), float(np.sqrt(np.mean(finish**2)))

    whole, middle = edges(0, 6), edges(1, 5)
    assert min(whole) > 0.35
    assert max(middle) < 0.15
    assert edges(0, 5)[0] > 0.35
    assert edges(1, 6)[1] > 0.35


def test_the_same_clip_has_the_same_bytes_and_tells_nothing_of_when_or_by_what_it_was_made(tmp_path: Path) -> None:
    first, second = tmp_path / "a.m4a", tmp_path / "b.m4a"
    for target in (first, second):
        cut_clip(FIXTURES / "lame-cbr.mp3", target, 0.1, 0.9)
    assert first.read_bytes() == second.read_bytes()
    assert b"Lav" not in first.read_bytes()
    assert "Für dich".encode() not in first.read_bytes()


@pytest.mark.parametrize("level", [1.0, 3.0])
def test_no_player_has_to_clip(tmp_path: Path, level: float) -> None:
    source, target = tmp_path / "x.wav", tmp_path / "clip.m4a"
    write_wav(source, [level * lively(4, 44100, 1), level * lively(4, 44100, 2)], 44100, 32, is_float=True)
    cut_clip(source, target, 0, 4)
    assert np.abs(played(target)).max() <= 1.0


def test_what_is_not_too_loud_keeps_its_level(tmp_path: Path) -> None:
    source, target = tmp_path / "x.wav", tmp_path / "clip.m4a"
    write_wav(source, [tone(3, 44100, 0.3)], 44100)
    cut_clip(source, target, 0, 3)
    assert np.abs(played(target)[4410:-4410]).max() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("duration", "start", "end", "expected"),
    [
        (10, None, None, (0, 10)),
        (10, 2, None, (2, 10)),
        (10, None, 3, (0, 3)),
        (10, -0.01, 10.04, (0, 10)),
        (10, 2, 2.5, (2, 2.5)),
        (4000, 100, 700, (100, 700)),
    ],
)
def test_a_clip_within_the_recording_is_taken(
    duration: float, start: float | None, end: float | None, expected: tuple[float, float]
) -> None:
    assert clip_range(duration, start, end) == expected


@pytest.mark.parametrize(
    ("duration", "start", "end", "code"),
    [
        (10, -1, 5, "CLIP_OUT_OF_RANGE"),
        (10, 0, 10.2, "CLIP_OUT_OF_RANGE"),
        (10, 11, None, "CLIP_OUT_OF_RANGE"),
        (10, 5, 5, "CLIP_OUT_OF_RANGE"),
        (10, 6, 5, "CLIP_OUT_OF_RANGE"),
        (10, math.nan, 5, "CLIP_OUT_OF_RANGE"),
        (10, 0, math.inf, "CLIP_OUT_OF_RANGE"),
        (10, 2, 2.4, "CLIP_TOO_SHORT"),
        (4000, 0, 600.5, "CLIP_TOO_LONG"),
        (601, None, None, "CLIP_TOO_LONG"),
    ],
)
def test_a_clip_that_can_not_be_on_a_poster_is_rejected(
    duration: float, start: float | None, end: float | None, code: str
) -> None:
    with pytest.raises(MakegoodError) as caught:
        clip_range(duration, start, end)
    assert caught.value.code == code
    assert "{" not in caught.value.for_customer() + caught.value.for_operator()


def test_a_recording_that_ends_before_the_clip_is_not_passed_off_as_one(tmp_path: Path) -> None:
    with pytest.raises(ClipNotAsPromised):
        cut_clip(FIXTURES / "flac.flac", tmp_path / "clip.m4a", 0.5, 3.0)
    with pytest.raises(ClipNotAsPromised):
        cut_clip(FIXTURES / "flac.flac", tmp_path / "clip.m4a", 2.0, 3.0)


def test_a_clip_that_is_not_what_was_promised_does_not_pass(tmp_path: Path) -> None:
    clip, spoiled = tmp_path / "clip.m4a", tmp_path / "spoiled.m4a"
    write_wav(tmp_path / "x.wav", [lively(5, RATE)], RATE)
    cut_clip(tmp_path / "x.wav", clip, 1, 4)
    check_clip(clip, 3)
    with pytest.raises(ClipNotAsPromised, match=r"3\.\d+ s, not 3\.2"):
        check_clip(clip, 3.2)
    spoiled.write_bytes(clip.read_bytes()[:-9000])
    with pytest.raises(ClipNotAsPromised):
        check_clip(spoiled, 3)
    spoiled.write_bytes(b"")
    with pytest.raises(ClipNotAsPromised):
        check_clip(spoiled, 3)
    with pytest.raises(ClipNotAsPromised):
        check_clip(FIXTURES / "lame-cbr.mp3", 1.12)
    write_wav(tmp_path / "x.wav", [np.concatenate([np.zeros(3 * RATE), tone(1, RATE)])], RATE)
    cut_clip(tmp_path / "x.wav", spoiled, 0, 2)
    with pytest.raises(ClipNotAsPromised, match="heard"):
        check_clip(spoiled, 2)
