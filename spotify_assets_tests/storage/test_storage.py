"""The same operations on a folder and on a bucket."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from spotify_assets.storage import OutsideStorageError, StorageError, StoredFile, storage_at
from spotify_assets.storage import bucket as buckets


@pytest.fixture(params=["folder", "bucket"])
def files(request, tmp_path):
    """An empty storage."""
    return storage_at(
        f"{request.getfixturevalue('bucket')}/some/prefix" if request.param == "bucket" else str(tmp_path)
    )


@pytest.fixture
def objects(bucket):
    return storage_at(f"{bucket}/some/prefix")


def paths(files, folder=""):
    return [file.path for file in files.files(folder)]


def content(files, path):
    with files.open(path) as stream:
        return stream.read()


def test_files_in_order_of_path_with_size_and_time(files):
    names = ["a/b.json", "a.json", "a/c/d.json", "b", "ünï/ç ö+%?.json"]
    for name in names:
        files.write(name, b"12345")
    assert paths(files) == sorted(names)
    assert paths(files, "a") == ["a/b.json", "a/c/d.json"]
    assert paths(files, "nowhere") == []
    found = next(files.files("a"))
    assert found.size == 5
    assert abs(found.modified_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_empty_folders_go_and_others_stay(tmp_path):
    for folder in ("a/b/c", "a/d", "ab"):
        (tmp_path / folder).mkdir(parents=True)
    files = storage_at(str(tmp_path))
    files.write("a/d/file", b"")
    assert files.remove_empty_folders("a")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["a", "a/d", "a/d/file", "ab"]
    assert not files.remove_empty_folders("nowhere")


def test_what_is_written_is_read_and_can_be_sought(files):
    files.write("a", b"first")
    files.write("a", b"second")
    with files.open("a") as stream:
        assert stream.read() == b"second"
        stream.seek(3)
        assert stream.read() == b"ond"


def test_a_file_of_this_machine_is_copied_whole(files, tmp_path):
    source = tmp_path / "source.bin"
    source.write_bytes(os.urandom(100_000))
    files.upload(source, "deep/er/copy.bin")
    assert content(files, "deep/er/copy.bin") == source.read_bytes()


@pytest.mark.parametrize("way", ["whole", "in parts", "without hard links"])
def test_a_new_file_never_takes_the_place_of_another(files, tmp_path, monkeypatch, way):
    if way == "in parts":
        monkeypatch.setattr(buckets, "PUT_BYTES", 0)
        monkeypatch.setattr(buckets, "PART_BYTES", 5 << 20)
    if way == "without hard links":

        def refuse(*arguments):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    first, second = tmp_path / "first.bin", tmp_path / "second.bin"
    first.write_bytes(os.urandom((5 << 20) + 1))
    second.write_bytes(b"second")
    files.create(first, "deep/er/copy.bin")
    with pytest.raises(FileExistsError):
        files.create(second, "deep/er/copy.bin")
    assert content(files, "deep/er/copy.bin") == first.read_bytes()
    assert paths(files, "deep") == ["deep/er/copy.bin"]


@pytest.mark.parametrize("in_memory", [10, 10_000_000])
def test_fetched_files_come_in_order_and_open_more_than_once(files, monkeypatch, in_memory):
    monkeypatch.setattr(buckets, "IN_MEMORY_BYTES", in_memory)
    expected = {f"{number:02}": os.urandom(100 + number) for number in range(30)}
    for name, data in expected.items():
        files.write(name, data)
    found = {}
    for file, opener in files.fetch(files.files()):
        with opener() as one, opener() as other:
            found[file.path] = one.read()
            assert other.read() == found[file.path]
    assert list(found.items()) == list(expected.items())


def test_what_was_deleted_since_it_was_listed_concerns_itself_only(files):
    for name in "abc":
        files.write(name, name.encode())
    listed = list(files.files())
    files.remove(["b"])
    found = {}
    for file, opener in files.fetch(listed):
        try:
            with opener() as stream:
                found[file.path] = stream.read()
        except FileNotFoundError:
            found[file.path] = None
    assert found == {"a": b"a", "b": None, "c": b"c"}
    with pytest.raises(FileNotFoundError):
        files.open("b")


def test_lines_are_added_as_they_come(files):
    with files.lines("metadata/a.ndjson") as add:
        for number in range(60):
            add(f"{number}\n")
    written = b"".join(content(files, path) for path in paths(files, "metadata"))
    assert written == "".join(f"{number}\n" for number in range(60)).encode()


def test_no_line_no_file(files):
    with files.lines("metadata/a.ndjson"):
        pass
    assert paths(files) == []


def test_lines_before_an_error_are_there(files):
    def stop_after_one():
        with files.lines("a.ndjson") as add:
            add("one\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_after_one()
    [path] = paths(files)
    assert content(files, path) == b"one\n"


def test_removing_leaves_what_else_is_there(files):
    for name in ("a/1", "a/2", "b/1"):
        files.write(name, b"x")
    assert files.remove(["a/1", "b/1"]) == 2
    assert paths(files) == ["a/2"]
    assert files.remove([]) == 0


def test_a_folder_that_is_left_empty_goes(tmp_path):
    files = storage_at(str(tmp_path))
    files.write("a/b/c", b"x")
    files.remove(["a/b/c"])
    assert list(tmp_path.iterdir()) == []


def test_links_are_files_and_lead_nowhere_else(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("x")
    (tmp_path / "in").mkdir()
    for name, target in {"file": "outside/secret", "folder": "outside", "loop": "in"}.items():
        (tmp_path / "in" / name).symlink_to(tmp_path / target)
    files = storage_at(str(tmp_path / "in"))
    assert paths(files) == ["file", "folder", "loop"]
    for name in ("file", "folder", "folder/secret", "../outside/secret"):
        with pytest.raises(OutsideStorageError):
            files.open(name)


class TestBucket:
    def test_prefixes_that_begin_alike_are_kept_apart(self, bucket):
        storage_at(f"{bucket}/lake").write("a", b"1")
        storage_at(f"{bucket}/lake2").write("b", b"2")
        assert paths(storage_at(f"{bucket}/lake")) == ["a"]
        assert paths(storage_at(bucket)) == ["lake/a", "lake2/b"]

    def test_more_objects_than_are_deleted_at_once(self, objects, monkeypatch):
        monkeypatch.setattr(buckets, "DELETED_AT_ONCE", 3)
        for number in range(10):
            objects.write(f"{number}", b"")
        assert objects.remove(paths(objects)) == 10
        assert paths(objects) == []

    def test_markers_of_empty_folders_are_no_files(self, objects):
        objects.client.put_object(Bucket=objects.name, Key=f"{objects.prefix}history/", Body=b"")
        assert paths(objects) == []

    def test_another_content_has_another_tag(self, objects):
        objects.write("a", b"1")
        [before] = objects.files()
        objects.write("a", b"2")
        [after] = objects.files()
        assert before.etag
        assert before.etag != after.etag

    def test_all_versions_are_removed(self, objects):
        objects.client.put_bucket_versioning(Bucket=objects.name, VersioningConfiguration={"Status": "Enabled"})
        for data in (b"1", b"2"):
            for name in ("a", "ab"):
                objects.write(name, data)
        objects.client.delete_object(Bucket=objects.name, Key=f"{objects.prefix}a")
        objects.remove(["a"])
        kept = objects.client.list_object_versions(Bucket=objects.name)
        assert [version["Key"] for version in kept["Versions"]] == [f"{objects.prefix}ab"] * 2
        assert "DeleteMarkers" not in kept
        assert objects.remove_old_versions() == 1
        assert content(objects, "ab") == b"2"
        assert len(objects.client.list_object_versions(Bucket=objects.name)["Versions"]) == 1

    def test_a_broken_connection_is_tried_again(self, objects, monkeypatch):
        from botocore.exceptions import ReadTimeoutError
        from botocore.response import StreamingBody

        objects.write("a", b"whole")
        read, failures = StreamingBody.read, []

        def breaks_once(self, amt=None):
            if not failures:
                failures.append(1)
                raise ReadTimeoutError(endpoint_url="x")
            return read(self, amt)

        monkeypatch.setattr(StreamingBody, "read", breaks_once)
        [(_, opener)] = objects.fetch([StoredFile("a", 5, datetime.now(UTC))])
        assert opener().read() == b"whole"
        assert failures


class TestClearErrors:
    def test_no_such_bucket(self, bucket):
        with pytest.raises(StorageError, match="there is no bucket nobody-has-this; make it, or name another"):
            storage_at("s3://nobody-has-this/lake").check()

    def test_no_credentials(self, bucket, monkeypatch):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(StorageError, match="no AWS credentials; set AWS_ACCESS_KEY_ID"):
            list(storage_at(bucket).files())

    def test_half_of_the_credentials(self, bucket, monkeypatch):
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(StorageError, match="redentials"):
            list(storage_at(bucket).files())

    def test_nobody_there(self, bucket, monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(StorageError, match=f"{bucket}: Could not connect to the endpoint URL"):
            list(storage_at(bucket).files())

    def test_a_profile_that_does_not_exist(self, bucket, monkeypatch):
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        with pytest.raises(StorageError, match="nobody"):
            list(storage_at(bucket).files())

    @pytest.mark.parametrize(
        ("code", "raised", "words"),
        [
            ("AccessDenied", PermissionError, "permission denied"),
            ("InvalidObjectState", OSError, "archived"),
            ("SlowDown", StorageError, "SlowDown"),
            ("ExpiredToken", StorageError, "refused access"),
        ],
    )
    def test_what_s3_says_of_one_object(self, objects, code, raised, words):
        from botocore.exceptions import ClientError

        with pytest.raises(raised, match=words), objects._translate_errors("a"):
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GetObject")
