"""Peaks of a 60-minute MP3: ours beside an ffmpeg pipe into numpy and BBC audiowaveform, in one run.

Each contender runs in a process of its own, one after the other; CPU time and peak memory are those of that process
with its children. What isn't installed is said to be so. Usage: python -m bench.peaks [MINUTES]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.table import NOT_INSTALLED, Line, Section

ROOT = Path(__file__).resolve().parents[1]
RATE = 44_100
BINS_PER_SECOND = 100
HOP = RATE // BINS_PER_SECOND
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of CPU and of wall time; peak resident memory in MiB; bins made."""

    cpu: float
    wall: float
    memory: float
    bins: int


def synthesise(target: Path, minutes: int) -> None:
    """A stereo MP3 of 128 kbit/s: one minute of wandering chords and noise, as often as asked for."""
    import av

    t = np.arange(60 * RATE) / RATE
    swell = (0.2 + 0.8 * np.abs(np.sin(t * 1.3))) * (0.3 + 0.7 * np.abs(np.sin(t * 0.11)))
    noise = np.random.default_rng(1).standard_normal((2, len(t)))
    chords = [
        np.sin(2 * np.pi * low * t) + 0.5 * np.sin(2 * np.pi * high * t) for low, high in ((220, 555), (221, 777))
    ]
    sound = (0.4 * swell * np.stack(chords) + 0.02 * noise).astype(np.float32)
    minute = target.with_suffix(".minute")
    with av.open(str(minute), "w", format="mp3", options={"write_xing": "0", "id3v2_version": "0"}) as output:
        stream = output.add_stream("libmp3lame", rate=RATE, layout="stereo")
        stream.bit_rate = 128_000
        for start in range(0, sound.shape[1], RATE):
            part = np.ascontiguousarray(sound[:, start : start + RATE])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = RATE, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    target.write_bytes(minute.read_bytes() * minutes)


def ours(path: Path) -> int:
    """Everything that an upload is looked at for, peaks among it."""
    from makegood.products.posters.sound import inspect_sound

    return len(inspect_sound(path, path.name).peaks.rms)


def ffmpeg_pipe(path: Path) -> int:
    """The usual way: ffmpeg decodes to mono 16-bit samples on a pipe, numpy reduces them."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-ac", "1", "-f", "s16le", "-"]
    made = []
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while data := process.stdout.read(HOP * 2 * 1024):
            bins = np.frombuffer(data, np.int16)[: len(data) // 2 // HOP * HOP].reshape(-1, HOP)
            levels = bins.astype(np.float32)
            made.append((bins.min(1), bins.max(1), np.sqrt(np.einsum("ij,ij->i", levels, levels) / HOP)))
    return sum(len(part[0]) for part in made)


def audiowaveform(path: Path) -> int:
    """BBC audiowaveform, 16 bits, as many bins a second (it has no RMS)."""
    target = path.with_suffix(".dat")
    command = ["audiowaveform", "-q", "-i", str(path), "-o", str(target), "-z", str(HOP), "-b", "16"]
    subprocess.run(command, check=True)
    return (target.stat().st_size - 20) // 4


CONTENDERS: dict[str, tuple[str, Callable[[Path], int]]] = {
    "makegood: type, length, loudness and peaks": ("", ours),
    "ffmpeg pipe and numpy: peaks": ("ffmpeg", ffmpeg_pipe),
    "BBC audiowaveform: peaks without RMS": ("audiowaveform", audiowaveform),
}


def measure(name: str, path: Path) -> Measured:
    """Run one contender in a fresh process and account for it and its children."""
    reader, writer = os.pipe()
    started = time.perf_counter()
    command = [sys.executable, "-m", "bench.peaks", "--run", name, str(path), str(writer)]
    process = subprocess.Popen(command, pass_fds=[writer], cwd=ROOT)
    os.close(writer)
    with os.fdopen(reader) as answer:
        cpu, memory, bins = answer.read().split()
    if process.wait():
        raise SystemExit(f"{name} failed")
    return Measured(float(cpu), time.perf_counter() - started, float(memory), int(bins))


def run_contender(name: str, path: Path, answer: int) -> None:
    """The inside of the fresh process."""
    import resource

    bins = CONTENDERS[name][1](path)
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    with os.fdopen(answer, "w") as target:
        target.write(f"{cpu} {(own.ru_maxrss + children.ru_maxrss) / 1024} {bins}")


def section(minutes: int) -> Section:
    """Every contender on the same recording. Measured from a process of its own: what a large process once held counts
    as held by those that it starts."""
    command = [sys.executable, "-m", "bench.peaks", "--json", str(minutes)]
    data = json.loads(subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout)
    return Section(data["title"], tuple(data["columns"]), [Line(**line) for line in data["lines"]])


def measured(minutes: int) -> Section:
    """The contenders in turn, of each the round with the least CPU."""
    with tempfile.TemporaryDirectory() as folder:
        long, short = Path(folder) / "long.mp3", Path(folder) / "short.mp3"
        for target, length in ((long, minutes), (short, 1)):
            command = [sys.executable, "-m", "bench.peaks", "--make", str(target), str(length)]
            subprocess.run(command, check=True, cwd=ROOT)
        size = long.stat().st_size / 1e6
        present = [name for name, (program, _) in CONTENDERS.items() if not program or shutil.which(program)]
        rounds = [{name: measure(name, long) for name in present} for _ in range(ROUNDS)]
        lines = []
        for name in CONTENDERS:
            if name not in present:
                lines.append(Line(name, note=NOT_INSTALLED))
                continue
            found, brief = min((each[name] for each in rounds), key=lambda m: m.cpu), measure(name, short)
            figures = {"CPU s": found.cpu, "wall s": found.wall, "MiB": found.memory, "1 min MiB": brief.memory}
            lines.append(Line(name, figures))
    title = f"Peaks of {minutes} min of MP3 ({size:.0f} MB), whole process"
    return Section(title, ("CPU s", "wall s", "MiB", "1 min MiB"), lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run_contender(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1:2] == ["--make"]:
        synthesise(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["--json"]:
        print(json.dumps(asdict(measured(int(sys.argv[2])))))
    else:
        print(section(int(sys.argv[1]) if len(sys.argv) > 1 else 60).as_text())
