"""Every kind of recording that customers send is read for what it is, whatever it is called."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from makegood.products.posters.sound import Peaks, inspect_sound, shape

FIXTURES = Path(__file__).parent / "fixtures" / "sound"
SENTENCE_SECONDS = 1.1227

SENTENCES = {
    "sox-8bit.wav": ("wav", "pcm_u8", "audio/wav", 8000, 1),
    "sox-16bit.wav": ("wav", "pcm_s16le", "audio/wav", 16000, 1),
    "sox-24bit.wav": ("wav", "pcm_s24le", "audio/wav", 8000, 1),
    "sox-32bit.wav": ("wav", "pcm_s32le", "audio/wav", 8000, 1),
    "sox-float.wav": ("wav", "pcm_f32le", "audio/wav", 8000, 1),
    "sox.aiff": ("aiff", "pcm_s16be", "audio/aiff", 8000, 1),
    "sox-nb.amr": ("amr", "amr_nb", "audio/amr", 8000, 1),
    "gstreamer-wb.amr": ("amr-wb", "amr_wb", "audio/amr-wb", 16000, 1),
    "gstreamer.3gp": ("3gp", "amr_wb", "audio/3gpp", 16000, 1),
    "gstreamer.aac": ("aac", "aac", "audio/aac", 44100, 2),
    "gstreamer.m4a": ("mp4", "aac", "audio/mp4", 44100, 2),
    "fragmented.mp4": ("mp4", "aac", "audio/mp4", 44100, 2),
    "lame-cbr.mp3": ("mp3", "mp3", "audio/mpeg", 24000, 2),
    "lame-vbr.mp3": ("mp3", "mp3", "audio/mpeg", 44100, 2),
    "flac.flac": ("flac", "flac", "audio/flac", 16000, 1),
    "oggenc.ogg": ("ogg", "vorbis", "audio/ogg", 44100, 2),
    "opusenc.opus": ("ogg", "opus", "audio/ogg", 48000, 2),
    "ffmpeg-alac.m4a": ("mp4", "alac", "audio/mp4", 16000, 1),
    "ffmpeg.wma": ("asf", "wmav2", "audio/x-ms-wma", 44100, 2),
    "telephone.mov": ("quicktime", "aac", "video/quicktime", 44100, 2),
}


def likeness(one: Peaks, other: Peaks) -> float:
    """The correlation of two waves at the best shift, for encoders add or drop up to 60 ms at the beginning."""
    length = min(len(one.rms), len(other.rms)) - 6
    shifts = [(shift, 0) for shift in range(7)] + [(0, shift) for shift in range(7)]
    pairs = ((one.rms[a : a + length], other.rms[b : b + length]) for a, b in shifts)
    return max(float(np.corrcoef(*pair)[0, 1]) for pair in pairs)


@pytest.mark.parametrize("name", SENTENCES)
def test_every_format_is_known_by_its_content_and_gives_the_same_wave(name: str) -> None:
    facts = inspect_sound(FIXTURES / name, "holiday.txt")
    found = (facts.container, facts.codec, facts.media_type, facts.sample_rate, facts.channels)
    assert found == SENTENCES[name]
    assert facts.duration_seconds == pytest.approx(SENTENCE_SECONDS, abs=0.03)
    assert (facts.clip_start, facts.clip_end) == (0.0, facts.duration_seconds)
    reference = inspect_sound(FIXTURES / "flac.flac", "reference")
    assert likeness(facts.peaks, reference.peaks) > 0.97


@pytest.mark.parametrize(
    ("name", "media_type"), [("chromium-opus.webm", "audio/webm"), ("chromium-opus.mp4", "audio/mp4")]
)
def test_a_recording_made_in_the_browser_has_its_length_measured_though_none_is_stated(
    name: str, media_type: str
) -> None:
    facts = inspect_sound(FIXTURES / name, name)
    assert (facts.codec, facts.media_type, facts.warnings) == ("opus", media_type, ())
    assert facts.duration_seconds == pytest.approx(1.95, abs=0.1)
    swells = shape(facts.peaks, 0.2, facts.duration_seconds - 0.1, 8)
    assert swells == sorted(swells)


def test_a_video_gives_its_sound_and_a_warning() -> None:
    facts = inspect_sound(FIXTURES / "telephone.mov", "telephone.mov")
    assert any("video" in warning for warning in facts.warnings)
    assert facts.loudest > 0.4


def test_a_cover_picture_does_not_make_a_song_a_video() -> None:
    facts = inspect_sound(FIXTURES / "lame-cbr.mp3", "lame-cbr.mp3")
    assert (facts.media_type, facts.warnings) == ("audio/mpeg", ())


def test_facts_are_json_and_cross_process_borders() -> None:
    facts = inspect_sound(FIXTURES / "flac.flac", "flac.flac")
    assert json.loads(json.dumps(facts.as_facts())) == facts.as_facts()
    assert pickle.loads(pickle.dumps(facts)).peaks.to_bytes() == facts.peaks.to_bytes()
