"""Small files that ask for much are refused by name, and cost this process next to nothing."""

import io
import json
import signal
import struct
import zlib

import av
import numpy as np
import psutil
import pytest
from PIL import Image

from reel2sim.media import MediaLimits, load_reel
from reel2sim.scene.errors import CaptureError, InputError, MediaError, MediaLimitError

SMALL = MediaLimits(max_frame_pixels=100_000)
MUCH = 256 << 20
"""Less than any of these files asks for, more than imports and other tests' garbage take."""


@pytest.fixture
def picture(tmp_path):
    """Makes the bytes it is called with the first picture of a capture; gives its folder."""

    def capture(data: bytes):
        frames = []
        for k in range(2):
            Image.new("RGB", (16, 12)).save(tmp_path / f"{k}.png")
            pose = np.eye(4).tolist()
            frames.append({"file_path": f"{k}.png", "transform_matrix": pose, "time": k})
        index = {"camera_angle_x": 0.8, "frames": frames}
        (tmp_path / "transforms.json").write_text(json.dumps(index))
        (tmp_path / "0.png").write_bytes(data)
        return tmp_path

    return capture


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *extra: bytes, data: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", data or zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + body + chunk(b"IEND", b"")


def zeros(size: int) -> bytes:
    """So many zeros, deflated, without making them all at once."""
    deflate = zlib.compressobj(9)
    parts = [deflate.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join(parts) + deflate.flush()


def test_a_header_may_promise_what_it_likes(picture):
    before = psutil.Process().memory_info().rss
    for width, height in ((60_000, 60_000), (2**31 - 1, 2**31 - 1), (400_000_000, 1)):
        with pytest.raises(MediaLimitError, match="pixels") as caught:
            load_reel(picture(png(width, height)))
        assert "0.png" in str(caught.value)
    assert psutil.Process().memory_info().rss - before < MUCH


def test_pixels_that_are_there_but_too_many_for_the_decoder(picture):
    wide = 12_000
    data = png(wide, wide, data=zeros((3 * wide + 1) * wide + (1 << 20)))
    assert len(data) < 1 << 20
    limits = MediaLimits(max_frame_pixels=wide**2, decoder_memory_bytes=400 << 20)
    before = psutil.Process().memory_info().rss
    with pytest.raises(MediaLimitError, match="memory"):
        load_reel(picture(data), limits=limits)
    assert psutil.Process().memory_info().rss - before < MUCH


def test_a_picture_that_takes_too_long(picture):
    with pytest.raises(MediaLimitError, match="took longer than 0 s"):
        load_reel(picture(png(16, 12)), limits=MediaLimits(decoder_seconds=0.0))


def test_texts_and_profiles_that_unpack_to_much(picture):
    bomb = zeros(300 << 20)
    for extra in (chunk(b"zTXt", b"a\0\0" + bomb), chunk(b"iCCP", b"a\0\0" + bomb)):
        try:
            load_reel(picture(png(16, 12, extra)), limits=MediaLimits(decoder_memory_bytes=2**28))
        except InputError:
            continue


@pytest.mark.parametrize("words", ["os.kill(os.getpid(), signal.SIGSEGV)", "print('hello')"])
def test_a_decoder_gone_wrong_is_an_input_error(picture, tmp_path, monkeypatch, words):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(f"import os, signal; {words}")
    monkeypatch.setattr("reel2sim.media.picture_decoder.__file__", str(wrong))
    with pytest.raises((CaptureError, MediaError), match="decode"):
        load_reel(picture(png(16, 12)))


@pytest.mark.skipif(not hasattr(signal, "SIGXCPU"), reason="the system has no such limit")
def test_a_decoder_that_the_system_stops_has_met_a_limit(picture, tmp_path, monkeypatch):
    late = tmp_path / "late.py"
    late.write_text("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)")
    for module in ("picture_decoder", "decoder"):
        monkeypatch.setattr(f"reel2sim.media.{module}.__file__", str(late))
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom")
    for source in (picture(png(16, 12)), tmp_path / "clip.mp4"):
        with pytest.raises(MediaLimitError, match="memory or processor time"):
            load_reel(source)


def motion_jpeg(path, size, announced) -> None:
    """A clip of JPEG pictures of one size that says it has another."""
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, "JPEG")
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height = announced
        stream.pix_fmt = "yuvj420p"
        for k in range(4):
            packet = av.Packet(buffer.getvalue())
            packet.stream, packet.pts, packet.dts = stream, k, k
            container.mux(packet)


def test_what_a_clip_announces_and_what_it_holds_are_both_held_to_the_limit(tmp_path):
    path = tmp_path / "clip.avi"
    motion_jpeg(path, (96, 64), (96, 64))
    assert len(load_reel(path, limits=SMALL).frames) == 4
    motion_jpeg(path, (96, 64), (16_000, 16_000))
    with pytest.raises(InputError, match=r"pixels|damaged"):
        load_reel(path, limits=SMALL)
    motion_jpeg(path, (4000, 3000), (96, 64))
    with pytest.raises(InputError, match=r"pixels|damaged"):
        load_reel(path, limits=SMALL)
