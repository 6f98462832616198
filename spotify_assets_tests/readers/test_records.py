"""Records of literal values; text that ends where the process's memory ends."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pyarrow as pa
import pytest

from spotify_assets.readers.records import RecordShaper
from spotify_assets_tests.conftest import utc

FIRST = "2024-01-31 13:37:00"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-31T13:37:00Z", FIRST),
        ("2024-01-31T13:37:00.123456789Z", "2024-01-31 13:37:00.123456"),
        (" 2024-01-31  13:37 ", FIRST),
        ("2024-1-31 13:37", FIRST),
        ("9999-12-31 23:59", "9999-12-31 23:59:00"),
        ("2024-01-31T13:37:00.5Z", "2024-01-31 13:37:00.500000"),
        ("2024-02-30 13:37", None),
        ("2024-01-31 24:00", None),
        ("2024-01-31 23:59:60", None),
        ("2024-01-31", None),
        ("10000-01-01 00:00", None),
        ("-2024-01-31 13:37", None),
        ("yesterday", None),
        ("now", None),
        ("2024", None),
        ("", None),
        (None, None),
        ("infinity", None),
        ("epoch", None),
        ("2024-01-31 13:37\x00", None),
        ("2024-01-31 13:37 BC", None),
    ],
)
def test_accepted_times(text, expected):
    lines = pa.array([json.dumps({"ts": text, "ms_played": 1})])
    [reported_at] = RecordShaper("extended").from_json(lines)["reported_at"].to_pylist()
    assert reported_at == (None if expected is None else utc(expected))


GUARDED = dedent("""
    import ctypes, json, mmap
    import pyarrow as pa
    from spotify_assets.readers.records import RecordShaper, sample_fields
    from spotify_assets.readers.times import DateEvidence, parse_times

    libc = ctypes.CDLL(None, use_errno=True)

    def guarded(text):
        # An Arrow array of one text, which ends where a page that can't be read begins.
        content = text.encode()
        page = mmap.PAGESIZE
        memory = mmap.mmap(-1, 2 * page)
        memory[page - len(content):page] = content
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        assert libc.mprotect(ctypes.c_void_p(start + page), page, 0) == 0, ctypes.get_errno()
        kept.append(memory)
        values = pa.foreign_buffer(start + page - len(content), len(content), memory)
        offsets = pa.array([0, len(content)], pa.int32()).buffers()[1]
        return pa.StringArray.from_buffers(1, offsets, values)

    kept = []
    shaper = RecordShaper("extended")
    whole = "2024-01-31T13:37:00.123456789Z"
    times = [whole[:length] for length in range(15, len(whole) + 1)]
    times += [time.replace("T", " ") for time in times[:6]] + ["31-01-2024 13:37"[:length] for length in range(13, 17)]
    for text in times:
        shaper.from_columns(pa.table({"ts": guarded(text)}))
    others = ["2024-05-31 14:00:00+02:00", "5/31/2024 11:59:59 PM"]
    others += ["31 May 2024, 12:00", "1717156800000", "31.5.2024 12:00"]
    for text in (other[:length] for other in others for length in range(9, len(other) + 1)):
        parse_times(pa.chunked_array([guarded(text)]), "month_first", DateEvidence())
    for name in ("Song of thirteen letters", "Sa\\u030angen om tretton bokst\\u00e4ver", "12345678901234567"):
        shaper.from_columns(pa.table({"ts": guarded(whole), "ms_played": guarded(name)}))
    line = json.dumps({"ts": whole, "ms_played": 12345678901, "master_metadata_track_name": "L\\u00e5t " * 9})
    for length in range(len(line), 12, -9):
        lines = guarded(line[:length])
        shaper.from_json(lines)
        sample_fields(lines)
    print(len(kept))
""")


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages by the C library of Linux")
def test_no_parser_reads_past_the_end_of_a_text():
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", GUARDED], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-500:]  # -11 is SIGSEGV
    assert int(done.stdout) > 40
