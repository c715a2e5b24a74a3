"""Looks into an uploaded recording: what it is, how long, how loud, and which part of it suits a poster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from makegood.products.posters.sound.clip import LONGEST_CLIP, SHORTEST_CLIP
from makegood.products.posters.sound.errors import SoundEmpty, SoundSilent, SoundTooShort, SoundTruncated
from makegood.products.posters.sound.peaks import BINS_PER_SECOND, SILENCE, PeakBuilder, Peaks
from makegood.products.posters.sound.reading import LONGEST_HOURS, Recording, open_recording

_QUIET = 0.03
_OVERDRIVEN_SHARE = 0.01
_MOSTLY = 0.8
_SUGGESTED_SECONDS = (40, 60)
_LEAD_IN = 0.2
_AUDIBLE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """What is in a recording. Lengths and times in seconds, measured by decoding all of it.

    `media_type` is decided by content. `loudest` is the greatest amplitude of the mix to mono, 0 to 1; `silent_share`
    is the share of the time in which nothing can be heard, 0 to 1. `clip_start` and `clip_end` are the suggested clip.
    `warnings` are sentences for the customer. `peaks` is the outline of the whole recording.
    """

    container: str
    codec: str
    media_type: str
    duration_seconds: float
    sample_rate: int
    channels: int
    loudest: float
    silent_share: float
    clip_start: float
    clip_end: float
    warnings: tuple[str, ...]
    peaks: Peaks

    def as_facts(self) -> dict[str, Any]:
        """Everything but peaks and warnings, for JSON."""
        return {
            "container": self.container,
            "codec": self.codec,
            "media_type": self.media_type,
            "duration_seconds": round(self.duration_seconds, 6),
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            "loudest": round(self.loudest, 4),
            "silent_share": round(self.silent_share, 4),
            "clip_start": self.clip_start,
            "clip_end": self.clip_end,
        }


def inspect_sound(path: Path, file_name: str) -> SoundFacts:
    """Decode the whole recording at `path` once; `file_name` is only for sentences.

    Raises `SoundUnreadable`, `SoundAbsent`, `SoundEmpty`, `SoundTruncated`, `SoundTooShort`, `SoundTooLong` or
    `SoundSilent`. A recording that is cut off or damaged but can mostly be played is accepted with a warning.
    """
    with open_recording(path, file_name) as recording:
        builder: PeakBuilder | None = None
        for block in recording.blocks():
            builder = builder or PeakBuilder(recording.rate)
            builder.add(block)
        if builder is None or not recording.samples:
            raise _nothing(recording, file_name)
        peaks = builder.finish()
        _refuse_useless(recording, peaks, file_name)
        clip_start, clip_end = suggest_clip(peaks)
        has_pictures = recording.has_pictures
        return SoundFacts(
            container=recording.container.name,
            codec=recording.codec,
            media_type=recording.container.video_type if has_pictures else recording.container.audio_type,
            duration_seconds=peaks.seconds,
            sample_rate=recording.rate,
            channels=recording.channels,
            loudest=peaks.loudest,
            silent_share=float((peaks.swing() < SILENCE).mean()),
            clip_start=clip_start,
            clip_end=clip_end,
            warnings=tuple(_warnings(recording, peaks)),
            peaks=peaks,
        )


def suggest_clip(peaks: Peaks) -> tuple[float, float]:
    """A clip to begin with, in seconds: the whole recording if a poster can play it, else up to a minute from the first
    sound on, ending at the quietest moment of its last third so that no word is cut."""
    if peaks.seconds <= LONGEST_CLIP:
        return 0.0, peaks.seconds
    swing = peaks.swing()
    audible = max(SILENCE, _AUDIBLE_SHARE * float(np.percentile(swing, 98)))
    first = int(np.argmax(swing >= audible)) / BINS_PER_SECOND
    start = round(max(0.0, min(first - _LEAD_IN, peaks.seconds - _SUGGESTED_SECONDS[1])), 2)
    ends = slice(*(int((start + seconds) * BINS_PER_SECOND) for seconds in _SUGGESTED_SECONDS))
    pauses = np.convolve(swing[ends], np.ones(BINS_PER_SECOND // 4), mode="same")
    return start, round((ends.start + int(np.argmin(pauses))) / BINS_PER_SECOND, 2)


def _nothing(recording: Recording, file_name: str) -> Exception:
    """Why not one sample came out."""
    if recording.damaged or recording.stated_seconds:
        return SoundTruncated(file_name=file_name, reason=_lost(recording))
    return SoundEmpty(file_name=file_name)


def _refuse_useless(recording: Recording, peaks: Peaks, file_name: str) -> None:
    if peaks.seconds < SHORTEST_CLIP:
        if _is_cut_off(recording) or recording.damaged:
            raise SoundTruncated(file_name=file_name, reason=_lost(recording))
        raise SoundTooShort(file_name=file_name, duration_seconds=peaks.seconds, shortest_seconds=SHORTEST_CLIP)
    if peaks.swing().max() < max(SILENCE, recording.step):
        raise SoundSilent(file_name=file_name, duration_seconds=peaks.seconds)


def _lost(recording: Recording) -> str:
    stated = "no length" if recording.stated_seconds is None else f"{recording.stated_seconds:.2f} s"
    return (
        f"{recording.seconds:.2f} s could be decoded, {recording.damaged} pieces could not; its header states {stated}"
    )


def _is_cut_off(recording: Recording) -> bool:
    """Whether clearly less came out than the header states. Recorders that stream state nonsense: it is ignored."""
    stated = recording.stated_seconds or 0.0
    return recording.seconds + max(0.5, 0.02 * stated) < stated < LONGEST_HOURS * 3600


def _warnings(recording: Recording, peaks: Peaks) -> list[str]:
    found = []
    if recording.has_pictures:
        found.append("This is a video; we take only its sound.")
    if _is_cut_off(recording):
        found.append(
            f"The file seems to be cut off: it should last {recording.stated_seconds:.0f} seconds, but only "
            f"{recording.seconds:.0f} can be played."
        )
    elif recording.damaged:
        found.append("Some parts of the file are damaged and were left out. Please listen to it before you order.")
    swing = peaks.swing()
    if swing.max() < _QUIET:
        found.append("The recording is very quiet. Please check that it can be heard well on a phone.")
    if (swing < SILENCE).mean() > _MOSTLY:
        found.append("Most of the recording is silent. Please choose a part in which something can be heard.")
    if (swing > 0.999).mean() > _OVERDRIVEN_SHARE:
        found.append("The recording is overdriven in places, and may sound harsh.")
    return found
