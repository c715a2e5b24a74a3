"""Sounds of which every sample is known; WAV is written without the library that reads it."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

_FULL = {8: 128, 16: 32768, 24: 8388608, 32: 2147483648}


def tone(seconds: float, rate: int, level: float = 0.5, hertz: float = 330.0) -> Signal:
    """A sine of amplitude `level`."""
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def lively(seconds: float, rate: int, seed: int = 1) -> Signal:
    """Noise whose level wanders, like nothing that a decoder could guess; amplitude below 0.9."""
    count = round(seconds * rate)
    level = 0.1 + 0.8 * np.abs(np.sin(np.arange(count) / rate * 1.7))
    return level * np.random.default_rng(seed).uniform(-1, 1, count)


def write_wav(path: Path, channels: list[Signal], rate: int, bits: int = 16, *, is_float: bool = False) -> list[Signal]:
    """Write a WAV file; returns the channels as the file holds them, rounded to its samples."""
    sound = np.stack(channels, axis=1)
    if is_float:
        stored = sound.astype({32: "<f4", 64: "<f8"}[bits])
        data, held = stored.tobytes(), stored.astype(np.float64)
    else:
        full = _FULL[bits]
        whole = np.clip(np.rint(sound * full), -full, full - 1).astype(np.int64)
        data, held = _packed(whole, bits), whole / full
    size = len(channels) * bits // 8
    form = struct.pack("<HHIIHH", 3 if is_float else 1, len(channels), rate, rate * size, size, bits)
    path.write_bytes(riff(form, data))
    return [held[:, channel] for channel in range(len(channels))]


def riff(form: bytes, data: bytes, stated: int | None = None) -> bytes:
    """A WAV file of a format chunk and a data chunk that states `stated` bytes."""
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data) if stated is None else stated) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _packed(whole: NDArray[np.int64], bits: int) -> bytes:
    if bits == 8:
        return (whole + 128).astype(np.uint8).tobytes()
    if bits == 24:
        return whole.astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
    return whole.astype(f"<i{bits // 8}").tobytes()


def recode(source: Path, target: Path, codec: str, form: str, sample_format: str, bit_rate: int | None = None) -> None:
    """Write `source` with another codec into another container."""
    with av.open(str(source)) as opened, av.open(str(target), "w", format=form) as output:
        sound = opened.streams.audio[0]
        layout = "mono" if sound.layout.nb_channels == 1 else "stereo"
        stream = output.add_stream(codec, rate=sound.rate, layout=layout)
        stream.codec_context.format = sample_format
        if bit_rate:
            stream.bit_rate = bit_rate
        resampler = av.AudioResampler(format=sample_format, layout=layout, rate=sound.rate)
        for frame in opened.decode(sound):
            for converted in resampler.resample(frame):
                output.mux(stream.encode(converted))
        for converted in resampler.resample(None):
            output.mux(stream.encode(converted))
        output.mux(stream.encode(None))
