"""`metaprotocol inspect` reads pipes as they come, compressed files, and says when its output cannot be written."""

import bz2
import contextlib
import gzip
import importlib.util
import io
import lzma
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from patience import PATIENCE

from metaprotocol_cli import main
from metaprotocol_cli.input import Input, InputError

HEARTBEAT = bytes.fromhex("4152 0103 00000004 00000012 0000 0000 0000")
COMMAND = [sys.executable, "-m", "metaprotocol_cli", "inspect", "--codec", "awesomerpc"]
CAPTURE = Path(__file__).parents[1] / "vectors" / "dubbo" / "java27-pipeline.pcap"
PACKED = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command with pipes; end it if it hangs."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        deadline = threading.Timer(PATIENCE, run.kill)
        deadline.start()
        try:
            yield run
        finally:
            deadline.cancel()


class TestPipes:
    @pytest.mark.parametrize(
        "message", [HEARTBEAT, HEARTBEAT.hex().encode() + b"\n"], ids=["raw", "a line of hex text"]
    )
    def test_a_message_is_shown_when_it_has_come_and_ctrl_c_ends_with_the_totals(self, message):
        with running([*COMMAND, "-"]) as run:
            assert run.stdin is not None
            assert run.stdout is not None
            assert run.stderr is not None
            for number in range(3):
                run.stdin.write(message)
                run.stdin.flush()
                if number == 0:
                    assert b"offset" in run.stdout.readline()
                assert b"heartbeat" in run.stdout.readline()
            run.send_signal(signal.SIGINT)
            assert run.stderr.read() == b"3 messages, 54 bytes: 3 heartbeat\n"
            assert run.stdout.read() == b""
        assert run.returncode == 130

    def test_a_capture_is_read_as_it_comes(self):
        data = CAPTURE.read_bytes()
        with running([*COMMAND[:-1], "dubbo", "-"]) as run:
            assert run.stdin is not None
            assert run.stdout is not None
            run.stdin.write(data[:1500])
            run.stdin.flush()
            assert b"offset" in run.stdout.readline()
            assert b"connection 1" in run.stdout.readline()
            assert b"request" in run.stdout.readline()
            run.stdin.close()


class TestOutput:
    def test_a_closed_output_is_one_sentence(self):
        shell = f"exec {' '.join(COMMAND)} - >&-"
        result = subprocess.run(
            shell, shell=True, input=HEARTBEAT, stderr=subprocess.PIPE, check=False, timeout=PATIENCE
        )
        assert (result.returncode, result.stderr) == (1, b"Error: standard output is closed\n")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
    @pytest.mark.parametrize("command", [[*COMMAND, "-"], [*COMMAND[:3], "codecs"], [*COMMAND[:3], "--help"]])
    def test_a_full_disk_is_one_sentence(self, command):
        with Path("/dev/full").open("wb") as full:
            result = subprocess.run(
                command, input=HEARTBEAT, stdout=full, stderr=subprocess.PIPE, check=False, timeout=PATIENCE
            )
        assert result.returncode == 1
        assert result.stderr == b"Error: the output cannot be written: No space left on device\n"

    def test_without_an_error_output_the_messages_are_still_shown(self):
        shell = f"exec {' '.join(COMMAND)} - 2>&-"
        result = subprocess.run(
            shell, shell=True, input=HEARTBEAT, stdout=subprocess.PIPE, check=False, timeout=PATIENCE
        )
        assert result.returncode == 0
        assert b"heartbeat" in result.stdout


class TestCompressedFiles:
    @pytest.mark.parametrize("name", PACKED)
    def test_a_compressed_stream_hex_text_and_capture_are_read(self, name):
        pack = PACKED[name]
        for codec, data, found in (
            ("awesomerpc", 3 * HEARTBEAT, "3 heartbeat"),
            ("awesomerpc", HEARTBEAT.hex().encode(), "1 heartbeat"),
            ("dubbo", CAPTURE.read_bytes(), "8 request, 8 response"),
        ):
            result = CliRunner().invoke(main, ["inspect", "--codec", codec, "-"], input=pack(data))
            assert result.exit_code == 0
            assert found in result.stderr

    def test_several_members_are_one_stream(self):
        assert Input(io.BytesIO(gzip.compress(b"AR") + gzip.compress(b"AS"))).read() in (b"AR", b"ARAS")

    @pytest.mark.parametrize("name", PACKED)
    def test_a_file_that_is_cut_off_is_read_as_far_as_it_goes_and_says_so(self, name):
        data = os.urandom(30_000)
        packed = PACKED[name](500 * HEARTBEAT + data)[:-20]
        result = CliRunner().invoke(main, ["inspect", "--codec", "awesomerpc", "-"], input=packed)
        assert f"the {name} data is cut off: the file ends before it does" in result.output
        assert result.exit_code == (2 if name == "bzip2" else 1)  # bzip2 has nothing before the end of a block
        assert ("heartbeat" in result.stdout) is (name != "bzip2")

    def test_damaged_data_is_named(self):
        packed = bytearray(gzip.compress(os.urandom(1000)))
        packed[500] ^= 0xFF
        result = CliRunner().invoke(main, ["inspect", "--codec", "awesomerpc", "-"], input=bytes(packed))
        assert "the gzip data is damaged" in result.stdout
        assert result.exit_code == 1

    @pytest.mark.parametrize(("magic", "name"), [("04224d18", "lz4"), ("504b0304", "zip")])
    def test_a_compression_that_is_not_read_is_named_before_anything_else(self, magic, name):
        result = CliRunner().invoke(main, ["inspect", "--codec", "dubbo", "-"], input=bytes.fromhex(magic) + bytes(60))
        assert f"the file is compressed with {name}: decompress it first" in result.stderr
        assert result.exit_code == 2

    def test_zstd_is_read_where_there_is_a_library_and_named_where_there_is_none(self):
        empty = io.BytesIO(bytes.fromhex("28b52ffd2000010000"))
        if any(importlib.util.find_spec(name) for name in ("compression", "backports", "pyzstd", "zstandard")):
            assert Input(empty).read() == b""
        else:
            with pytest.raises(InputError, match="compressed with zstd"):
                Input(empty)

    @pytest.mark.parametrize(
        ("packed", "says"),
        [
            pytest.param(b"PK\x05\x06" + bytes(18), "a zip archive that is empty", id="empty zip"),
            pytest.param(b"7z\xbc\xaf\x27\x1c" + bytes(26), "`7z x -so FILE`", id="7z"),
            pytest.param(b"\x1f\x9d\x90" + bytes(9), "`gzip -dc FILE`", id="Z"),
            pytest.param(b"snoop\0\0\0\0\0\0\x02\0\0\0\x04", "`editcap -F pcapng FILE OUT`", id="snoop"),
            pytest.param(b"GMBU\0\2\1\0", "`editcap -F pcapng FILE OUT`", id="Network Monitor"),
            pytest.param(b"\x89PNG\r\n\x1a\n", "the file is a picture", id="picture"),
        ],
    )
    def test_a_file_of_another_kind_is_named_with_what_to_do(self, packed, says):
        with pytest.raises(InputError, match=re.escape(says)):
            Input(io.BytesIO(packed))

    @pytest.mark.parametrize("form", ["", "gz", "xz", "bz2"])
    def test_a_tar_archive_is_refused_also_when_it_is_compressed(self, tmp_path, form):
        path = tmp_path / "recording.tar"
        with tarfile.open(path, f"w:{form}") as archive:
            archive.add(__file__, "recording.bin")
        with path.open("rb") as file, pytest.raises(InputError, match="take the recording out first"):
            Input(file)

    def test_lzma_is_read(self):
        packed = lzma.compress(3 * HEARTBEAT, format=lzma.FORMAT_ALONE)
        assert Input(io.BytesIO(packed)).read() == 3 * HEARTBEAT

    @pytest.mark.parametrize("raw", [b"]\0\0\0\x12" + bytes(20), b"]\0\0"], ids=["message", "short"])
    def test_bytes_that_begin_like_lzma_without_its_header_are_a_stream(self, raw):
        assert Input(io.BytesIO(raw)).read() == raw

    def test_several_streams_of_xz_with_padding_are_one(self):
        packed = lzma.compress(b"AR") + bytes(8) + lzma.compress(b"AS")
        file = Input(io.BytesIO(packed))
        assert b"".join(iter(file.read, b"")) == b"ARAS"

    def test_a_file_that_is_compressed_again_is_decompressed_again(self):
        packed = gzip.compress(lzma.compress(gzip.compress(HEARTBEAT)))
        assert Input(io.BytesIO(packed)).read() == HEARTBEAT

    def test_layers_of_compression_are_bounded(self):
        packed = b""
        for _ in range(4):
            packed = gzip.compress(packed)
        with pytest.raises(InputError, match="compressed more than 3 times"):
            Input(io.BytesIO(packed))

    def test_a_bomb_of_two_layers_ends(self, monkeypatch):
        monkeypatch.setattr("metaprotocol_cli.input._MOST_NESTED", 1 << 20)
        file = Input(io.BytesIO(gzip.compress(gzip.compress(bytes(4 << 20)))))
        with pytest.raises(InputError, match="holds more than 1,048,576 bytes"):
            for _ in iter(file.read, b""):
                pass

    def test_a_dictionary_of_xz_that_takes_too_much_memory_is_refused(self):
        # The size is written into the header, since a compressor with such a dictionary takes gigabytes.
        packed = lzma.compress(b"AR", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}])
        header = bytearray(packed[12:24])
        assert header[4] == 16  # 2 << 19
        header[4] = 34  # 2 << 28
        header[8:12] = zlib.crc32(header[:8]).to_bytes(4, "little")
        with pytest.raises(InputError, match="takes more than 256 MiB"):
            Input(io.BytesIO(packed[:12] + header + packed[24:])).read()

    def test_memory_does_not_grow_with_what_comes_out(self):
        bomb = Input(io.BytesIO(gzip.compress(bytes(64 * 1024 * 1024))))
        assert max(len(bomb.read(65536)) for _ in range(100)) <= 65536
