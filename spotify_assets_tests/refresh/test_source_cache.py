"""What follows from the source is computed once, and again when the source changes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spotify_assets.refresh import source_cache
from spotify_assets.storage import private_folder


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A folder in the place of the package's, and one for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "a.py").write_text("one = 1\n")
    monkeypatch.setattr(source_cache, "PACKAGE_FOLDER", folder)
    yield folder
    source_cache._state_of_source.cache_clear()


class Source:
    """Counts how often it is asked."""

    asked = 0

    def __call__(self):
        self.asked += 1
        return {"asked": self.asked, "name": "Björk"}


def kept(compute, *versions):
    """As another process would: with the state of the source read anew."""
    source_cache._state_of_source.cache_clear()
    return source_cache.kept("thing", compute, *versions)


def test_a_value_is_computed_once(source):
    compute = Source()
    assert [kept(compute) for _ in range(3)] == [{"asked": 1, "name": "Björk"}] * 3
    assert compute.asked == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a.py").write_text("one = 2\n"),
        lambda folder: (folder / "b.sql").write_text(""),
        lambda folder: (folder / "a.py").rename(folder / "c.py"),
        lambda folder: (folder / "a.py").unlink(),
    ],
)
def test_a_change_of_any_file_computes_it_anew(source, change):
    compute = Source()
    kept(compute)
    change(source)
    assert kept(compute)["asked"] == 2


def test_a_change_that_keeps_size_and_time_computes_it_anew(source):
    compute = Source()
    before = (source / "a.py").stat()
    kept(compute)
    (source / "a.py").write_text("one = 2\n")
    os.utime(source / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert kept(compute)["asked"] == 2


def test_what_is_no_source_changes_nothing(source):
    compute = Source()
    kept(compute)
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "a.pyc").touch()
    (source / ".#a.py").symlink_to("nobody@nowhere")
    (source / "a.py").touch()
    kept(compute)
    assert compute.asked == 1


def test_another_version_of_a_library_computes_it_anew(source):
    compute = Source()
    assert [kept(compute, version)["asked"] for version in ("2.0", "2.0", "2.1", "2.0")] == [1, 1, 2, 1]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_a_file_that_is_damaged_is_written_again(source, content):
    compute = Source()
    kept(compute)
    [file] = private_folder().iterdir()
    file.write_bytes(content)
    assert kept(compute)["asked"] == 2
    assert kept(compute)["asked"] == 2


def test_without_a_folder_it_is_computed_each_time(source, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    compute = Source()
    assert [kept(compute)["asked"] for _ in range(2)] == [1, 2]


def test_a_folder_that_is_full_fails_nothing(source, monkeypatch):
    def fails(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fails)
    assert kept(Source())["asked"] == 1


def test_old_files_are_removed(source):
    for number in range(source_cache.MOST_FILES + 5):
        kept(Source(), str(number))
    assert len(list(private_folder().iterdir())) == source_cache.MOST_FILES


def test_a_second_process_parses_no_source(tmp_path):
    """Code versions are the same from the file as from the source."""
    script = (
        "import json; from spotify_assets.refresh import lineage, source_code\n"
        "parsed = []; before = source_code.parse_module\n"
        "source_code.parse_module = lambda *args: parsed.append(args) or before(*args)\n"
        "from spotify_assets.model import TABLES\n"
        "print(json.dumps([[name, lineage.upstreams(name), lineage.code_version(name), str(lineage.source(name)),\n"
        "    str(lineage.copied_columns(name)), lineage.takes(name, 'window')] for name in TABLES]))\n"
        "print(len(parsed))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert runs[0][0] == runs[1][0]
    assert int(runs[0][1]) > 50
    assert runs[1][1] == "0"
