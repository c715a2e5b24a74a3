"""Cuts the clip that a poster plays, as a small M4A file that every phone can play."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.error import BlockingIOError as NothingReady
from av.error import EOFError as Finished
from av.filter import Graph
from numpy.typing import NDArray

from makegood.kernel.errors import Rejected
from makegood.products.posters.sound.errors import ClipNotAsPromised, ClipOutOfRange, ClipTooLong, ClipTooShort
from makegood.products.posters.sound.peaks import SILENCE
from makegood.products.posters.sound.reading import LOUDEST, Recording, open_recording

SHORTEST_CLIP = 0.5
LONGEST_CLIP = 600.0
CLIP_MEDIA_TYPE = "audio/mp4"

_ROUNDING = 0.05
_FADE_SECONDS = 0.01
_BITS_PER_SECOND = {1: 128_000, 2: 160_000}
_CEILING = 0.89
_LEAST_CEILING = 0.1
_MOST_TRIES = 4
_FRAME = 1024
_LEAD_IN_FRAMES = 2

Samples = NDArray[np.float32]


def clip_range(duration: float, start: float | None, end: float | None) -> tuple[float, float]:
    """The clip from `start` to `end` of a recording of `duration`, all in seconds, if it can be on a poster.

    None means the beginning and the end. Up to 0.05 s beyond the recording is taken for a rounding. Raises
    `ClipOutOfRange`, `ClipTooShort` or `ClipTooLong`.
    """
    first, last = 0.0 if start is None else start, duration if end is None else end
    if not (math.isfinite(first) and math.isfinite(last) and -_ROUNDING <= first < last <= duration + _ROUNDING):
        raise ClipOutOfRange(start=start, end=end, duration_seconds=duration)
    first, last = max(0.0, first), min(last, duration)
    seconds = last - first
    if seconds < SHORTEST_CLIP - 1e-6:
        raise ClipTooShort(seconds=seconds, shortest_seconds=SHORTEST_CLIP)
    if seconds > LONGEST_CLIP + 1e-6:
        raise ClipTooLong(seconds=seconds, longest_seconds=LONGEST_CLIP)
    return first, last


def cut_clip(source: Path, target: Path, start: float, end: float) -> None:
    """Write `source` from `start` to `end`, in seconds and valid by `clip_range`, as M4A (AAC-LC) to `target`.

    Times count decoded samples, as in `Peaks`. Mono stays mono at 128 kbit/s, everything else becomes stereo at
    160 kbit/s; 44.1 or 48 kHz. Where the recording goes on beyond the clip, 10 ms are faded. Only what would exceed
    -1 dB is turned down, and more where the encoder overshoots, so that no player clips it. The same input gives the
    same bytes. Raises what `open_recording` raises, and `ClipNotAsPromised` if the recording ends before the clip.
    """
    ceiling = _CEILING
    for _ in range(_MOST_TRIES):
        _write(source, target, start, end, ceiling)
        loudest = _play(target).loudest
        if loudest <= 1.0:
            return
        ceiling = max(_LEAST_CEILING, _CEILING * ceiling / loudest)
    raise ClipNotAsPromised(reason=f"it can't be encoded without overshooting, at last to {loudest:.3f}")


def check_clip(path: Path, expected_seconds: float) -> None:
    """Decode the clip at `path` wholly; raises `ClipNotAsPromised` unless it is AAC in M4A that lasts
    `expected_seconds` (within 0.05 s) without damage and with something to hear."""
    try:
        played = _play(path)
    except Rejected as error:
        raise ClipNotAsPromised(reason=str(error)) from error
    if played.kind != ("mp4", "aac", 0):
        raise ClipNotAsPromised(reason=f"container, codec and damaged pieces are {played.kind}")
    if abs(played.seconds - expected_seconds) > _ROUNDING:
        raise ClipNotAsPromised(reason=f"it lasts {played.seconds:.3f} s, not {expected_seconds:.3f} s")
    if played.loudest < SILENCE:
        raise ClipNotAsPromised(reason="nothing can be heard in it")


@dataclass(frozen=True, slots=True)
class _Played:
    """What came out of a clip: container, codec and damaged pieces; length; greatest amplitude of any channel."""

    kind: tuple[str, str, int]
    seconds: float
    loudest: float


def _play(path: Path) -> _Played:
    with open_recording(path, path.name) as recording:
        loudest = max((float(np.abs(block).max(initial=0.0)) for block in recording.blocks()), default=0.0)
        return _Played((recording.container.name, recording.codec, recording.damaged), recording.seconds, loudest)


def _write(source: Path, target: Path, start: float, end: float, ceiling: float) -> None:
    with open_recording(source, source.name) as recording:
        writer: _Writer | None = None
        try:
            for block in _cut(recording, start, end):
                writer = writer or _Writer(target, recording.rate, block.shape[0], ceiling)
                writer.write(block)
            if writer is None:
                raise ClipNotAsPromised(reason=f"{source.name} has nothing at {start} s")
            writer.finish()
        finally:
            if writer is not None:
                writer.close()


def _cut(recording: Recording, start: float, end: float) -> Iterator[Samples]:
    """The samples from `start` to `end`, faded where the recording goes on beyond them, all of as many channels as the
    first ones have."""
    held: Samples | None = None
    at, first, last, fade = 0, 0, 0, 0
    begun = goes_on = False
    for block in recording.blocks():
        first, last, fade = (round(seconds * recording.rate) for seconds in (start, end, _FADE_SECONDS))
        piece = np.clip(block[:, max(0, first - at) : max(0, last - at)], -LOUDEST, LOUDEST)
        at += block.shape[1]
        goes_on = at > last
        if held is None:
            held = piece if piece.shape[1] else None
        elif min(held.shape[1], piece.shape[1]) < fade:
            held = np.concatenate((held, _with_channels(piece, held.shape[0])), axis=1)
        else:
            yield held if begun or not first else _faded_in(held, fade)
            begun, held = True, _with_channels(piece, held.shape[0])
        if goes_on:
            break
    if at < last - _ROUNDING * recording.rate:
        raise ClipNotAsPromised(reason=f"the recording ends at {recording.seconds:.3f} s, before the clip does")
    if held is not None:
        held = held if begun or not first else _faded_in(held, fade)
        yield _faded_in(held[:, ::-1], fade)[:, ::-1] if goes_on else held


def _faded_in(piece: Samples, fade: int) -> Samples:
    faded = piece.copy()
    length = min(fade, piece.shape[1])
    faded[:, :length] *= np.sin(np.linspace(0, np.pi / 2, length, endpoint=False, dtype=np.float32)) ** 2
    return faded


def _with_channels(piece: Samples, channels: int) -> Samples:
    if piece.shape[0] == channels:
        return piece
    return piece.mean(0, keepdims=True) if channels == 1 else np.repeat(piece, channels, axis=0)


class _Writer:
    """Limits, encodes and writes samples as M4A."""

    def __init__(self, target: Path, rate: int, channels: int, ceiling: float) -> None:
        self._rate, self._layout = rate, "mono" if channels == 1 else "stereo"
        written_rate = 44_100 if 44_100 % rate == 0 or rate % 44_100 == 0 else 48_000
        # Without bitexact the time of writing and the name of the encoder would go into the file.
        self._output: OutputContainer = av.open(
            str(target), "w", format="ipod", container_options={"movflags": "+faststart", "fflags": "+bitexact"}
        )
        self._stream: AudioStream = self._output.add_stream("aac", rate=written_rate, layout=self._layout)
        self._stream.codec_context.flags |= Flags.bitexact
        self._stream.codec_context.thread_count = 1
        # Noise made up by the decoder has higher peaks than the noise it stands for.
        self._stream.codec_context.options = {"aac_pns": "0"}
        self._stream.bit_rate = _BITS_PER_SECOND[channels]
        self._graph = Graph()
        self._graph.threads = 1
        self._source = self._graph.add_abuffer(sample_rate=rate, format="fltp", layout=self._layout)
        self._sink = self._graph.add("abuffersink")
        limiter = f"limit={ceiling:.6f}:attack=5:release=80:level=0:latency=1"
        self._graph.link_nodes(
            self._source,
            self._graph.add("aresample", str(written_rate)),
            self._graph.add("alimiter", limiter),
            self._graph.add("aformat", "sample_fmts=fltp"),
            self._graph.add("asetnsamples", f"n={_FRAME}:p=0"),
            self._sink,
        ).configure()
        self._taken = self._written = 0
        self._lead_in()

    def write(self, block: Samples) -> None:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._taken, Fraction(1, self._rate)
        self._taken += frame.samples
        self._source.push(frame)
        self._encode_ready()

    def finish(self) -> None:
        """Write what is still on its way."""
        self._source.push(None)
        self._encode_ready()
        self._output.mux(self._stream.encode(None))

    def close(self) -> None:
        self._output.close()

    def _lead_in(self) -> None:
        """Give the encoder silence first, at negative times, which players leave out: it encodes its first frames badly
        (a tone overshoots by half)."""
        silence = np.zeros((self._stream.channels, _FRAME), np.float32)
        for start in range(-_LEAD_IN_FRAMES * _FRAME, 0, _FRAME):
            frame = AudioFrame.from_ndarray(silence, format="fltp", layout=self._layout)
            frame.sample_rate = self._stream.rate
            self._encode(frame, start)

    def _encode_ready(self) -> None:
        while True:
            try:
                frame = cast("AudioFrame", self._sink.pull())
            except (NothingReady, Finished):
                return
            self._encode(frame, self._written)
            self._written += frame.samples

    def _encode(self, frame: AudioFrame, start: int) -> None:
        frame.pts, frame.time_base = start, Fraction(1, self._stream.rate)
        self._output.mux(self._stream.encode(frame))
