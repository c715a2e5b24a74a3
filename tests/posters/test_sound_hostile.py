"""What is no recording, or no use, is told apart with a code of its own; nothing outside the file is ever touched."""

from __future__ import annotations

import io
import random
import socket
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from makegood.kernel.errors import Rejected
from makegood.products.posters.sound import inspect_sound, reading
from makegood.products.posters.sound.container import Container
from tests.posters.sound_signals import lively, recode, riff, tone, write_wav

FIXTURES = Path(__file__).parent / "fixtures" / "sound"
FORM = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def pcm(*parts: np.ndarray) -> bytes:
    return riff(FORM, np.rint(np.concatenate(parts) * 32767).astype("<i2").tobytes())


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("song.mp3", fixture("lame-cbr.mp3"))
    return target.getvalue()


REJECTED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "text.mp3": ("SOUND_UNREADABLE", lambda: b"This is not a song, only its words.\n" * 400),
    "random.mp3": ("SOUND_UNREADABLE", lambda: random.Random(7).randbytes(200_000)),
    "ones.mp3": ("SOUND_UNREADABLE", lambda: b"\xff" * 100_000),
    "only-tags.mp3": ("SOUND_UNREADABLE", lambda: b"ID3\4\0\0\0\0\0\0" * 50_000),
    "zip.m4a": ("SOUND_UNREADABLE", zipped),
    "page.wav": ("SOUND_UNREADABLE", lambda: b"<!doctype html><title>404</title>"),
    "list.m3u8": ("SOUND_UNREADABLE", lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"),
    "concat.mp3": ("SOUND_UNREADABLE", lambda: b"ffconcat version 1.0\nfile '/etc/passwd'\n"),
    "session.sdp": ("SOUND_UNREADABLE", lambda: b"v=0\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n"),
    "dash.mpd": ("SOUND_UNREADABLE", lambda: b'<?xml version="1.0"?><MPD><BaseURL>file:///etc/passwd</BaseURL></MPD>'),
    "channels.wav": ("SOUND_UNREADABLE", lambda: riff(struct.pack("<HHIIHH", 1, 99, 8000, 1, 198, 16), b"\1" * 99000)),
    "absurd-rate.wav": ("SOUND_UNREADABLE", lambda: riff(struct.pack("<HHIIHH", 1, 1, 7, 14, 2, 16), b"\1" * 9000)),
    "nothing.mp3": ("SOUND_EMPTY", lambda: b""),
    "no-samples.wav": ("SOUND_EMPTY", lambda: riff(FORM, b"")),
    "no-frames.amr": ("SOUND_EMPTY", lambda: b"#!AMR\n"),
    "blip.wav": ("SOUND_TOO_SHORT", lambda: pcm(tone(0.4, 8000))),
    "silent.wav": ("SOUND_SILENT", lambda: pcm(np.zeros(16000))),
    "offset.wav": ("SOUND_SILENT", lambda: pcm(np.full(16000, 0.3))),
    "whisper-of-the-converter.wav": ("SOUND_SILENT", lambda: pcm(tone(2, 8000, 0.0001))),
    "head-only.wav": ("SOUND_TRUNCATED", lambda: pcm(tone(5, 8000))[:44]),
    "head-only.flac": ("SOUND_TRUNCATED", lambda: fixture("flac.flac")[:60]),
    "head-only.m4a": ("SOUND_TRUNCATED", lambda: fixture("telephone.mov")[:5_000]),
    "head-only.webm": ("SOUND_TRUNCATED", lambda: fixture("chromium-opus.webm")[:40]),
    "head-only.ogg": ("SOUND_TRUNCATED", lambda: fixture("oggenc.ogg")[:100]),
    "head-only.wma": ("SOUND_TRUNCATED", lambda: fixture("ffmpeg.wma")[:300]),
    "start-only.wav": ("SOUND_TRUNCATED", lambda: pcm(tone(5, 8000))[:4_044]),
}


@pytest.mark.parametrize("name", REJECTED)
def test_what_cannot_be_used_is_rejected_with_its_code_and_a_plain_sentence(tmp_path: Path, name: str) -> None:
    code, make = REJECTED[name]
    path = tmp_path / name
    path.write_bytes(make())
    with pytest.raises(Rejected) as caught:
        inspect_sound(path, name)
    assert caught.value.code == code
    assert name in caught.value.for_customer()
    assert name in caught.value.for_operator()


def test_silence_of_coarse_samples_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    write_wav(path, [np.tile([0.0, -1 / 128], 8000)], 8000, 8)
    with pytest.raises(Rejected, match="SOUND_SILENT"):
        inspect_sound(path, "x.wav")


def test_a_video_without_sound_says_so(tmp_path: Path) -> None:
    import av

    path = tmp_path / "mute.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            output.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        output.mux(stream.encode(None))
    with pytest.raises(Rejected, match="SOUND_ABSENT"):
        inspect_sound(path, "mute.mp4")


def test_a_recording_over_the_cap_is_refused_by_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LONGEST_HOURS", 1 / 1200)
    path = tmp_path / "x.wav"
    write_wav(path, [tone(10, 8000)], 8000)
    with pytest.raises(Rejected, match="SOUND_TOO_LONG"):
        inspect_sound(path, "x.wav")


@pytest.mark.parametrize(
    ("codec", "form", "sample_format"),
    [
        ("libmp3lame", "mp3", "fltp"),
        ("aac", "adts", "fltp"),
        ("flac", "flac", "s16"),
        ("libopus", "ogg", "flt"),
        ("libopus", "webm", "flt"),
        ("wmav2", "asf", "fltp"),
        ("pcm_s16be", "aiff", "s16"),
    ],
)
def test_what_is_left_of_a_cut_off_recording_is_accepted(
    tmp_path: Path, codec: str, form: str, sample_format: str
) -> None:
    write_wav(tmp_path / "whole.wav", [lively(12, 48000)], 48000)
    path = tmp_path / "cut"
    recode(tmp_path / "whole.wav", path, codec, form, sample_format, bit_rate=96_000)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])
    assert inspect_sound(path, "cut").duration_seconds == pytest.approx(8.4, abs=1.2)


def test_a_cut_off_file_says_how_much_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(pcm(tone(10, 8000))[: 44 + 16000 * 6])
    facts = inspect_sound(path, "x.wav")
    assert facts.duration_seconds == 6
    assert any("10 seconds" in warning and "only 6" in warning for warning in facts.warnings)


@pytest.mark.parametrize("name", ["gstreamer.m4a", "lame-vbr.mp3"])
def test_a_cut_off_upload_whose_head_states_its_length_is_noticed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(fixture(name)[: int(len(fixture(name)) * 0.75)])
    facts = inspect_sound(path, name)
    assert 0.5 < facts.duration_seconds < 1.0
    assert facts.warnings


@pytest.mark.parametrize("stated", [0, 0xFFFFFFFF])
def test_a_recorder_that_could_not_state_the_length_is_not_called_cut_off(tmp_path: Path, stated: int) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(riff(FORM, np.rint(tone(3, 8000) * 32767).astype("<i2").tobytes(), stated))
    facts = inspect_sound(path, "x.wav")
    assert (facts.duration_seconds, facts.warnings) == (3, ())


@pytest.mark.parametrize("name", ["lame-cbr.mp3", "gstreamer.aac", "oggenc.ogg", "gstreamer-wb.amr", "flac.flac"])
@pytest.mark.parametrize("seed", range(4))
def test_damage_within_a_recording_never_escapes_as_anything_but_an_answer(
    tmp_path: Path, name: str, seed: int
) -> None:
    chance, data = random.Random(seed), bytearray(fixture(name))
    for _ in range(40):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path = tmp_path / name
    path.write_bytes(data)
    try:
        assert 0.5 <= inspect_sound(path, name).duration_seconds < 60
    except Rejected as error:
        assert error.code.startswith("SOUND_")


@pytest.mark.parametrize("name", ["ffmpeg.wma", "fragmented.mp4", "gstreamer.3gp", "chromium-opus.webm", "sox.aiff"])
@pytest.mark.parametrize("absurd", [b"\xff" * 8, b"\x7f" + b"\xff" * 7], ids=["ones", "great"])
def test_absurd_lengths_and_positions_in_the_head_get_an_answer(tmp_path: Path, name: str, absurd: bytes) -> None:
    whole, path = fixture(name), tmp_path / name
    for at in range(4, 400, 4):
        path.write_bytes(whole[:at] + absurd + whole[at + len(absurd) :])
        try:
            assert inspect_sound(path, name).duration_seconds > 0
        except Rejected as error:
            assert error.code.startswith("SOUND_")


def test_a_tag_of_megabytes_with_a_picture_is_stepped_over(tmp_path: Path) -> None:
    size = 3_000_000
    head = b"ID3\4\0\0" + bytes((size >> shift) & 127 for shift in (21, 14, 7, 0))
    path = tmp_path / "x.mp3"
    path.write_bytes(head + b"\xff\xfb" * (size // 2) + fixture("lame-vbr.mp3"))
    facts = inspect_sound(path, "x.mp3")
    assert facts.peaks.to_bytes() == inspect_sound(FIXTURES / "lame-vbr.mp3", "x").peaks.to_bytes()


@pytest.mark.parametrize("demuxer", ["hls", "concat", "sdp", "dash"])
def test_even_a_demuxer_that_follows_references_could_open_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demuxer: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/sound.wav"
        file = FIXTURES / "sox-16bit.wav"
        script = {
            "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXTINF:1,\n{file}\n#EXT-X-ENDLIST\n",
            "concat": f"ffconcat version 1.0\nfile '{file}'\nfile '{address}'\n",
            "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
            "dash": f'<?xml version="1.0"?><MPD><Period><AdaptationSet contentType="audio"><Representation><BaseURL>'
            f"{address}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        }[demuxer]
        path = tmp_path / "list"
        path.write_text(script)
        monkeypatch.setattr(reading, "recognise", lambda _: Container("x", demuxer, "audio/x", "video/x"))
        with pytest.raises(Rejected):
            inspect_sound(path, "list")
        with pytest.raises(TimeoutError):
            server.accept()
