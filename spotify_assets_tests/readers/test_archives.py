"""Gzip files and tar archives, whole, damaged and hostile. Zips are in the tests of ingest."""

import gzip
import io
import itertools
import json
import random
import tarfile
import zipfile

import pyarrow as pa
import pytest
from pyarrow import parquet

from spotify_assets.readers import archives
from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.history import read_history
from spotify_assets.readers.sources import sources
from spotify_assets_tests.conftest import account

PLAYS = [account("2021-04-22 05:41", track=name) for name in ("One", "Two")]
JSON = json.dumps(PLAYS).encode()
LARGEST = 100_000_000


def tar(members, mode="w:gz"):
    """A tar of contents by name, or of other kinds of members."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(data, bytes):
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
            else:
                member.type, member.linkname = data
                archive.addfile(member)
    return content.getvalue()


def read(name, content, largest=LARGEST):
    """Names of tracks by source, or the error of a source that can't be read."""
    found = {}
    with sources(name, lambda: io.BytesIO(content), largest) as parts:
        for source in parts:
            try:
                if source.error:
                    raise source.error
                with source.open() as stream:
                    records = read_history(stream, source.name, 1_000_000)
                    found[source.name] = [row["track_name"] for table in records.tables for row in table.to_pylist()]
            except (UnreadableError, NoHistoryError) as error:
                found[source.name] = error
    return found


def as_parquet():
    content = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(PLAYS), content)
    return content.getvalue()


@pytest.mark.parametrize("name", ["a/plays.json.gz", "a/plays.json.GZ", "a/plays.csv"])
@pytest.mark.parametrize(
    "content", [JSON, as_parquet(), "\n".join(map(json.dumps, PLAYS)).encode()], ids=["json", "parquet", "ndjson"]
)
def test_a_gzip_file_is_what_is_in_it(name, content):
    inner = "plays.csv" if name.endswith("csv") else "plays.json"
    assert read(name, gzip.compress(content)) == {f"{name}!{inner}": ["One", "Two"]}


def test_a_gzip_file_in_parts_and_one_that_is_unpacked_already():
    lines = [json.dumps(play).encode() + b"\n" for play in PLAYS]
    assert read("a.ndjson.gz", b"".join(map(gzip.compress, lines))) == {"a.ndjson.gz!a.ndjson": ["One", "Two"]}
    assert read("a.ndjson.gz", b"".join(lines)) == {"a.ndjson.gz": ["One", "Two"]}


@pytest.mark.parametrize(("name", "mode"), [("x.tgz", "w:gz"), ("x.tar.gz", "w:gz"), ("x.tar", "w"), ("x", "w:gz")])
def test_members_of_a_tar(name, mode):
    members = {
        "MyData/Streaming History.json": JSON,
        "MyData/plays.parquet": as_parquet(),
        "MyData/" + "long" * 60 + ".json": JSON,
        "MyData/photo.png": b"\x89PNG\r\n\x1a\n\x00",
        "MyData": (tarfile.DIRTYPE, ""),
        "MyData/._x.json": b"\0\5",
        "../../out.json": JSON,
        "/etc/out.json": JSON,
        "link.json": (tarfile.SYMTYPE, "/etc/passwd"),
        "hard.json": (tarfile.LNKTYPE, "MyData/Streaming History.json"),
        "device": (tarfile.CHRTYPE, ""),
        "inner.zip": b"PK\3\4",
        "inner.json.gz": gzip.compress(JSON),
    }
    found = {source.removeprefix(f"{name}!"): result for source, result in read(name, tar(members, mode)).items()}
    read_members = ["MyData/Streaming History.json", "MyData/plays.parquet", "MyData/" + "long" * 60 + ".json"]
    assert {member: found.pop(member) for member in read_members} == {
        member: ["One", "Two"] for member in read_members
    }
    assert {member: (type(error), str(error).split(";")[0]) for member, error in found.items()} == {
        "MyData/photo.png": (NoHistoryError, "not a data file (it is no text, and no Parquet)"),
        "MyData/._x.json": (NoHistoryError, "left behind by an operating system"),
        "../../out.json": (UnreadableError, "refused: its path leads out of the archive"),
        "/etc/out.json": (UnreadableError, "refused: its path leads out of the archive"),
        "link.json": (NoHistoryError, "a link or a device, and no file"),
        "hard.json": (NoHistoryError, "a link or a device, and no file"),
        "device": (NoHistoryError, "a link or a device, and no file"),
        "inner.zip": (UnreadableError, "it is an archive in an archive"),
        "inner.json.gz": (UnreadableError, "it is an archive in an archive"),
    }


def test_two_members_of_one_name_are_two_sources():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for _ in range(2):
            member = tarfile.TarInfo("a.json")
            member.size = len(JSON)
            archive.addfile(member, io.BytesIO(JSON))
    assert read("x.tar", content.getvalue()) == {"x.tar!a.json": ["One", "Two"], "x.tar!a.json*": ["One", "Two"]}


LONG = random.Random(0).randbytes(50_000)
# More than a buffer of Python 3.13, 128 KiB, which a first read fills.
LARGE = random.Random(0).randbytes(300_000)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.tgz", tar({"a.bin": LONG, "b.json": JSON})[:-200], "no whole gzip file.*cut off"),
        ("x.tgz", tar({"a.bin": LONG, "b.json": JSON})[:20_000], "no whole gzip file.*cut off"),
        ("x.tar", tar({"a.bin": LONG, "b.json": JSON}, "w")[:20_000], "no whole tar.*cut off"),
        ("x.json.gz", gzip.compress(JSON)[:-9], "no whole gzip file.*cut off"),
        ("x.json.gz", gzip.compress(JSON)[:12] + b"\xff" * 40, "no whole gzip file"),
        ("x.json.gz", gzip.compress(JSON)[:-8] + b"\0" * 8, "no whole gzip file"),
        ("x.json.gz", b"\x1f\x8b", "no whole gzip file"),
        ("x.json.gz", gzip.compress(b""), "it is empty"),
        ("x.gz", gzip.compress(gzip.compress(JSON)), "archive in an archive"),
        ("x.tgz", tar({"folder": (tarfile.DIRTYPE, "")}), "an empty archive"),
        ("x.tgz", tar({}), "it is empty"),
        ("x.7z", b"7z\xbc\xaf\x27\x1c\0\4", "7-Zip archive, which is not read; unpack it"),
        ("x.json.bz2", b"BZh91AY&SY", "bzip2 archive, which is not read; unpack it"),
    ],
    # Names of tests are the same in all workers; a gzip file holds the time at which it was written.
    ids=map(str, itertools.count()),
)
def test_a_damaged_archive_says_what_is_wrong(name, content, message):
    [error] = read(name, content).values()
    with pytest.raises((UnreadableError, NoHistoryError), match=message):
        raise error


def zeros(size, name):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = size
        archive.addfile(member, io.BytesIO(bytes(size)))
    return content.getvalue()


def test_bombs_are_refused(monkeypatch):
    monkeypatch.setattr(archives, "BOMB_BYTES", 1 << 20)
    for name, content in [
        ("x.ndjson.gz", gzip.compress((json.dumps(PLAYS[0]) + "\n").encode() * 50_000)),
        ("x.tgz", zeros(5 << 20, "a.json")),
    ]:
        [error] = read(name, content).values()
        assert "zip bomb" in str(error)
    [error] = read("x.tar", tar({"a.json": random.Random(0).randbytes(2_000_000)}, "w"), largest=1_000_000).values()
    assert "zip bomb" in str(error)


def test_a_tar_of_many_members_or_with_a_huge_name_is_refused(monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    [error] = read("x.tgz", tar(dict.fromkeys("abcd", b""))).values()
    assert str(error) == "it has more than 3 members"
    monkeypatch.setattr(archives, "MAX_HEADER_BYTES", 10_000)
    [error] = read("x.tgz", tar({"n" * 20_000: b""})).values()
    assert "name is too long" in str(error)


def test_other_archives_in_a_zip_are_refused():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.json.gz", gzip.compress(JSON))
        archive.writestr("b.json", JSON)
    found = read("x.zip", content.getvalue())
    assert str(found["x.zip!a.json.gz"]).startswith("it is an archive in an archive")
    assert found["x.zip!b.json"] == ["One", "Two"]


class BadSector(io.BytesIO):
    def read(self, size=-1):
        if self.tell() > 10_000:
            raise OSError(5, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.tgz", tar({"a.bin": LARGE})), ("x.gz", gzip.compress(LARGE)), ("x.tar", tar({"a.bin": LARGE}, "w"))],
)
def test_a_failing_disk_is_no_fault_of_the_archive(name, content):
    def read_all():
        with sources(name, lambda: BadSector(content), LARGEST) as parts:
            for source in parts:
                opened = source.open()
                while opened.read(100_000):
                    pass

    with pytest.raises(OSError, match="Input/output error"):
        read_all()
