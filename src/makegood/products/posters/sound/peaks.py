"""The outline of a recording: the lowest, highest and mean level of each hundredth of a second."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from makegood.products.posters.sound.errors import PeaksDamaged

BINS_PER_SECOND = 100
SILENCE = 0.0005
"""The amplitude, of full scale 1.0, below which nothing can be heard (-66 dB)."""

_MARK = b"MGPK"
_VERSION = 1
_HEADER = struct.Struct("<4sHHIQI")
_FULL = 32768
_BYTES_PER_BIN = 6
_CANCELLED = 0.05
_WORTH_A_LOOK = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """The outline of a whole recording, mixed to mono.

    `lowest` and `highest` (int16) and `rms` (uint16) have one value for each bin of 1/100 s, the last bin perhaps being
    shorter; 32768 is full scale. `samples` and `rate` (1/s) tell the exact length.
    """

    rate: int
    samples: int
    lowest: NDArray[np.int16]
    highest: NDArray[np.int16]
    rms: NDArray[np.uint16]

    @property
    def seconds(self) -> float:
        """The length of the recording."""
        return self.samples / self.rate

    @property
    def loudest(self) -> float:
        """The greatest amplitude, 0 to 1."""
        return float(max(self.highest.max(initial=0), -int(self.lowest.min(initial=0)))) / _FULL

    def swing(self, start: float = 0.0, end: float | None = None) -> NDArray[np.float32]:
        """Half the distance from the lowest to the highest sample of each bin that `start` to `end` (seconds) touches.
        Unlike an amplitude it is not fooled by a constant offset, as cheap microphones make it."""
        chosen = self.bins(start, self.seconds if end is None else end)
        low, high = self.lowest[chosen].astype(np.float32), self.highest[chosen].astype(np.float32)
        return (high - low) / np.float32(2 * _FULL)

    def is_silent(self, start: float = 0.0, end: float | None = None) -> bool:
        """Whether nothing can be heard from `start` to `end`, in seconds."""
        return bool(self.swing(start, end).max(initial=0.0) < SILENCE)

    def bins(self, start: float, end: float) -> slice:
        """The bins that `start` to `end` (seconds) touch: at least one if there is any."""
        first = min(max(0, int(start * BINS_PER_SECOND + 1e-6)), max(0, len(self.rms) - 1))
        return slice(first, max(first + 1, int(np.ceil(end * BINS_PER_SECOND - 1e-6))))

    def to_bytes(self) -> bytes:
        """The outline as bytes, the same for the same outline on every machine: a header of 24 bytes, then `lowest`,
        `highest` and `rms`, all little-endian. The header holds a checksum of what follows it."""
        body = b"".join(
            (
                self.lowest.astype("<i2").tobytes(),
                self.highest.astype("<i2").tobytes(),
                self.rms.astype("<u2").tobytes(),
            )
        )
        return _HEADER.pack(_MARK, _VERSION, BINS_PER_SECOND, self.rate, self.samples, zlib.crc32(body)) + body

    @classmethod
    def from_bytes(cls, data: bytes) -> Peaks:
        """Read what `to_bytes` wrote; raises `PeaksDamaged` for anything else."""
        if len(data) < _HEADER.size:
            raise PeaksDamaged(reason=f"{len(data)} bytes are too few")
        mark, version, bins_per_second, rate, samples, checksum = _HEADER.unpack_from(data)
        if (mark, version, bins_per_second) != (_MARK, _VERSION, BINS_PER_SECOND) or not rate:
            raise PeaksDamaged(reason="they do not begin as peaks of this version do")
        body = data[_HEADER.size :]
        count = bin_count(samples, rate)
        if len(body) != count * _BYTES_PER_BIN or zlib.crc32(body) != checksum:
            raise PeaksDamaged(reason=f"their length or checksum is wrong for {count} bins")
        lowest, highest = np.frombuffer(body, "<i2", 2 * count).reshape(2, count).astype(np.int16)
        return cls(rate, samples, lowest, highest, np.frombuffer(body, "<u2", count, 4 * count).astype(np.uint16))


def bin_count(samples: int, rate: int) -> int:
    """How many bins a recording of `samples` at `rate` has."""
    return -(-samples * BINS_PER_SECOND // rate)


class PeakBuilder:
    """Makes `Peaks` from blocks of samples as they come, holding less than a second of them.

    Bin k is of the samples from floor(k * rate / 100) to floor((k + 1) * rate / 100), so that bins keep time at every
    sample rate, and every second has exactly 100 of them.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._samples = 0
        self._rest: NDArray[np.float32] = np.empty(0, np.float32)
        self._edges = np.arange(BINS_PER_SECOND) * rate // BINS_PER_SECOND
        self._bins: list[tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.uint16]]] = []

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next samples, shape (1 or 2, n), full scale 1.0, finite."""
        self._samples += block.shape[1]
        sound = to_mono(block)
        if len(self._rest):
            sound = np.concatenate((self._rest, sound))
        whole = len(sound) // self._rate * self._rate
        if whole:
            self._bins.append(self._measure(sound[:whole].reshape(-1, self._rate), self._edges))
        self._rest = sound[whole:]

    def finish(self) -> Peaks:
        """The outline of everything that was added."""
        if len(self._rest):
            edges = self._edges[self._edges < len(self._rest)]
            self._bins.append(self._measure(self._rest.reshape(1, -1), edges))
            self._rest = self._rest[:0]
        if not self._bins:
            return Peaks(self._rate, 0, np.empty(0, np.int16), np.empty(0, np.int16), np.empty(0, np.uint16))
        lowest, highest, rms = (np.concatenate(part) for part in zip(*self._bins, strict=True))
        return Peaks(self._rate, self._samples, lowest, highest, rms)

    def _measure(
        self, seconds: NDArray[np.float32], edges: NDArray[np.int64]
    ) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.uint16]]:
        """Bins of rows of samples, each row beginning with a bin; `edges` are where a row's bins begin."""
        length = seconds.shape[1]
        if length == self._rate and self._rate % BINS_PER_SECOND == 0:
            bins = seconds.reshape(-1, length // BINS_PER_SECOND)
            lowest, highest = bins.min(1), bins.max(1)
            power = np.einsum("ij,ij->i", bins, bins) / bins.shape[1]
        else:
            lowest = np.minimum.reduceat(seconds, edges, axis=1).ravel()
            highest = np.maximum.reduceat(seconds, edges, axis=1).ravel()
            counts = np.diff(edges, append=length)
            power = (np.add.reduceat(seconds * seconds, edges, axis=1) / counts).ravel()
        scaled = (np.rint(values * _FULL) for values in (lowest, highest, np.sqrt(power)))
        low, high, mean = (np.clip(values, -_FULL, _FULL - 1) for values in scaled)
        return low.astype(np.int16), high.astype(np.int16), mean.astype(np.uint16)


def to_mono(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Half of the left and half of the right channel. Where the two cancel each other (a microphone wired in
    opposition), the left one, because that is what is heard."""
    left: NDArray[np.float32] = block[0]
    if block.shape[0] == 1 or not block.shape[1]:
        return left
    mixed: NDArray[np.float32] = left + block[1]
    mixed *= np.float32(0.5)
    loudest_mixed = float(max(mixed.max(), -mixed.min()))
    if loudest_mixed < _WORTH_A_LOOK:
        loudest = float(np.abs(block).max())
        if loudest >= SILENCE and loudest_mixed < _CANCELLED * loudest:
            return left
    return mixed
