"""Turns decoded frames of any sample format into few large blocks of floats, in libav's own filters.

The loop over frames is what costs in Python: an hour of MP3 has 138,000 of them, but only 1,200 blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
from av.audio.frame import AudioFrame
from av.error import ArgumentError as Unlike
from av.error import BlockingIOError as NothingReady
from av.error import EOFError as Finished
from av.filter import Graph
from numpy.typing import NDArray

__all__ = ["Regrouper", "Unlike"]

_BLOCK_SECONDS = 3
_LOUDSPEAKERS = frozenset(("FL", "FR", "FC", "LFE", "BL", "BR", "BC", "SL", "SR", "FLC", "FRC"))


class Regrouper:
    """Frames that are like the first one in, float blocks of shape (1 or 2, n) out; the last block is shorter.

    Mono and stereo keep their channels. More are mixed to stereo where it is known which loudspeaker each is for, else
    evenly to mono. The sample rate is changed only if it differs from `rate`, which happens where recordings of
    different rates were joined in one file.
    """

    def __init__(self, first: AudioFrame, rate: int) -> None:
        self._block = _BLOCK_SECONDS * rate
        self._waiting = 0
        graph = Graph()
        graph.threads = 1
        source = graph.add_abuffer(sample_rate=first.sample_rate, format=first.format.name, layout=first.layout.name)
        nodes = [source]
        if first.layout.nb_channels > 2:
            nodes.append(graph.add(*_mix(first)))
        if first.sample_rate != rate:
            nodes.append(graph.add("aresample", str(rate)))
        nodes.append(graph.add("aformat", "sample_fmts=fltp"))
        nodes.append(graph.add("asetnsamples", f"n={self._block}:p=0"))
        self._sink = graph.add("abuffersink")
        graph.link_nodes(*nodes, self._sink).configure()
        self._graph, self._source = graph, source

    def push(self, frame: AudioFrame) -> bool:
        """Take a frame; tells whether it is time to fetch `blocks`. Raises `Unlike` if the frame is not like the first
        one: then nothing of it was taken."""
        self._source.push(frame)
        self._waiting += frame.samples
        if self._waiting < self._block:
            return False
        self._waiting = 0
        return True

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The blocks that are ready."""
        while True:
            try:
                frame = cast("AudioFrame", self._sink.pull())
            except (NothingReady, Finished):
                return
            yield frame.to_ndarray().astype(np.float32, copy=False)

    def finish(self) -> Iterator[NDArray[np.float32]]:
        """The blocks that remain, after the last frame."""
        self._source.push(None)
        return self.blocks()


def _mix(frame: AudioFrame) -> tuple[str, str]:
    """The filter, and its arguments, that mixes more than two channels."""
    layout = frame.layout
    if all(channel.name in _LOUDSPEAKERS for channel in layout.channels):
        return "aformat", "channel_layouts=stereo"
    share = 1 / layout.nb_channels
    return "pan", "mono|c0=" + "+".join(f"{share:.6f}*c{channel}" for channel in range(layout.nb_channels))
