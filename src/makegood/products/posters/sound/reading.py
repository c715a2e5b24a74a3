"""Decodes any recording that we accept into blocks of samples, in constant memory.

A recording is hostile until proven otherwise. It is recognised by `container`, then opened from a file object under one
named demuxer: libav is given no name to resolve, may open nothing further, and decodes one stream with one of the
decoders named here, so that pictures and attachments are never decoded at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import SEEK_CUR, SEEK_END, SEEK_SET
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import av.error
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition
from numpy.typing import NDArray

from makegood.products.posters.sound.container import Container, recognise
from makegood.products.posters.sound.errors import (
    SoundAbsent,
    SoundEmpty,
    SoundTooLong,
    SoundTruncated,
    SoundUnreadable,
)
from makegood.products.posters.sound.regroup import Regrouper, Unlike

Samples = NDArray[np.float32]

LONGEST_HOURS = 4
LOUDEST = 4.0
"""Samples beyond this are damage, not sound."""
_RATES = range(4_000, 384_001)
_MOST_CHANNELS = 16
_MOST_SHAPES = 64
_BUFFER_BYTES = 1 << 16
_STILL = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
_COMPRESSED = (
    *(
        "aac",
        "aac_fixed",
        "alac",
        "flac",
        "mp2",
        "mp2float",
        "mp3",
        "mp3float",
        "opus",
        "libopus",
        "vorbis",
        "libvorbis",
    ),
    *("amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb"),
    *("wmav1", "wmav2", "wmapro", "wmavoice", "wmalossless"),
    *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt"),
)
# These know the pauses (DTX) of telephones, which libav's own decoders leave out, so that the rest comes too early.
_BETTER_DECODERS = {"amr_nb": ("libopencore_amrnb", 8_000), "amr_wb": ("libopencore_amrwb", 16_000)}
_DECODERS = frozenset(_COMPRESSED) | {name for name in av.codecs_available if name.startswith("pcm_")}
_OPTIONS = {
    "protocol_whitelist": "none",
    "codec_whitelist": ",".join(sorted(_DECODERS)),
    "max_streams": "32",
}


class Recording:
    """An opened recording; made by `open_recording`. Its sound is read once, by `blocks`."""

    def __init__(self, container: Container, opened: InputContainer, stream: AudioStream, file_name: str) -> None:
        self.container = container
        self.codec = stream.codec_context.codec.canonical_name
        self.has_pictures = any(not video.disposition & _STILL for video in opened.streams.video)
        self.stated_seconds = _stated_seconds(container, opened, stream)
        self.rate = 0
        """Samples a second, known from the first block on."""
        self.channels = 0
        """Channels of the recording, known from the first block on; blocks have at most two."""
        self.step = 0.0
        """The smallest difference of two samples, where the format is so coarse that it matters, else 0."""
        self.samples = 0
        """Samples of each channel that were read until now."""
        self.damaged = 0
        """Pieces that could not be decoded until now, and were left out."""
        self._opened, self._stream, self._file_name = opened, stream, file_name
        self._decoder = _decoder(stream)

    @property
    def seconds(self) -> float:
        """The length of what was read until now, measured in samples."""
        return self.samples / self.rate if self.rate else 0.0

    def blocks(self) -> Iterator[Samples]:
        """All samples in order, shape (1 or 2, n), of about three seconds each, full scale 1.0, always finite.

        The sample rate is the recording's own, throughout; more than two channels are mixed to stereo. Raises
        `SoundTooLong` at the cap, `SoundUnreadable` for sound that is absurd.
        """
        regrouper: Regrouper | None = None
        shapes = 0
        for frame in self._frames():
            try:
                is_ready = regrouper is not None and regrouper.push(frame)
            except Unlike:
                is_ready = False
                yield from map(self._counted, regrouper.finish() if regrouper is not None else ())
                regrouper = None
            if regrouper is None:
                shapes += 1
                self._accept(frame, shapes)
                regrouper = Regrouper(frame, self.rate)
                is_ready = regrouper.push(frame)
            if is_ready:
                yield from map(self._counted, regrouper.blocks())
        if regrouper is not None:
            yield from map(self._counted, regrouper.finish())

    def _frames(self) -> Iterator[AudioFrame]:
        """Decoded frames; what can't be decoded is counted and left out, as players do."""
        packets = self._opened.demux(self._stream)
        at_end = False
        while not at_end:
            frames: list[AudioFrame] = []
            try:
                packet = next(packets, None)
                at_end = packet is None
                if packet is None or packet.size:
                    frames = self._decoder.decode(packet)
            except av.FFmpegError as error:
                _raise_if_ours(error)
                self.damaged += 1
            yield from frames

    def _accept(self, frame: AudioFrame, shapes: int) -> None:
        rate, channels = frame.sample_rate, frame.layout.nb_channels
        if rate not in _RATES or not 1 <= channels <= _MOST_CHANNELS or shapes > _MOST_SHAPES:
            reason = f"{rate} Hz, {channels} channels, format changed {shapes - 1} times"
            raise SoundUnreadable(file_name=self._file_name, reason=reason)
        if shapes == 1:
            self.rate, self.channels = rate, channels
            self.step = 1 / 128 if frame.format.name in ("u8", "u8p") else 0.0

    def _counted(self, block: Samples) -> Samples:
        self.samples += block.shape[1]
        if self.seconds > LONGEST_HOURS * 3600:
            raise SoundTooLong(file_name=self._file_name, longest_hours=LONGEST_HOURS)
        with np.errstate(over="ignore", invalid="ignore"):
            is_sane = abs(float(block.sum())) <= LOUDEST * block.size
        return block if is_sane else np.nan_to_num(block, nan=0.0).clip(-LOUDEST, LOUDEST)


@contextmanager
def open_recording(path: Path, file_name: str) -> Iterator[Recording]:
    """The recording at `path`; `file_name` is only for sentences.

    Raises `SoundUnreadable`, `SoundEmpty` (no bytes), `SoundAbsent` or `SoundTruncated`.
    """
    if path.stat().st_size == 0:
        raise SoundEmpty(file_name=file_name)
    av.logging.set_level(None)
    with path.open("rb") as file:
        container = recognise(file)
        if container is None:
            raise SoundUnreadable(file_name=file_name, reason="its content is of no kind of recording that we read")
        try:
            opened = av.open(
                _From(file, container.offset),
                mode="r",
                format=container.demuxer,
                container_options=_OPTIONS,
                metadata_errors="ignore",
                buffer_size=_BUFFER_BYTES,
                io_open=partial(_refuse, file_name),
            )
        except av.FFmpegError as error:
            _raise_if_ours(error)
            reason = f"it begins like {container.name}, but can't be opened: {error.strerror}"
            raise SoundTruncated(file_name=file_name, reason=reason) from error
        with opened:
            yield Recording(container, opened, _sound_stream(opened, file_name), file_name)


def _sound_stream(opened: InputContainer, file_name: str) -> AudioStream:
    if not opened.streams.audio:
        raise SoundAbsent(file_name=file_name)
    stream = cast("AudioStream", opened.streams.best("audio") or opened.streams.audio[0])
    context = cast("AudioCodecContext | None", stream.codec_context)
    decoder = context.codec.name if context is not None else "something unknown"
    if decoder not in _DECODERS:
        raise SoundUnreadable(file_name=file_name, reason=f"its sound is packed as {decoder}, which we do not read")
    for other in opened.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    return stream


def _decoder(stream: AudioStream) -> AudioCodecContext:
    decoder = stream.codec_context
    if decoder.codec.canonical_name in _BETTER_DECODERS:
        name, rate = _BETTER_DECODERS[decoder.codec.canonical_name]
        better = cast("AudioCodecContext", av.CodecContext.create(name, "r"))
        better.sample_rate, better.layout = rate, "mono"
        decoder = better
    decoder.thread_count = 1
    return decoder


def _stated_seconds(container: Container, opened: InputContainer, stream: AudioStream) -> float | None:
    """The length that the header states, in seconds, where it means it."""
    if not container.states_length:
        return container.stated_seconds
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return opened.duration / av.time_base if opened.duration is not None else None


def _refuse(file_name: str, url: str, *_: Any) -> Any:
    """Called by libav for every further file that it wants to open."""
    raise SoundUnreadable(file_name=file_name, reason=f"it refers to another file, {url!r}")


def _raise_if_ours(error: av.FFmpegError) -> None:
    """Let through what is not the recording's fault. A lack of memory is: reading takes little and always the same,
    unless damaged lengths ask for absurdly much."""
    if isinstance(error, av.error.PyAVCallbackError):
        raise error


class _From:
    """A file as it looks from `offset` on. A damaged file may ask for any position: those outside are its ends."""

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self._file, self._offset = file, offset
        self._length = max(0, file.seek(0, SEEK_END) - offset)
        file.seek(offset)

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def tell(self) -> int:
        return self._file.tell() - self._offset

    def seek(self, position: int, whence: int = SEEK_SET) -> int:
        base = {SEEK_SET: 0, SEEK_CUR: self.tell(), SEEK_END: self._length}[whence]
        return self._file.seek(self._offset + min(max(0, base + position), self._length)) - self._offset
