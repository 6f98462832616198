"""Stand-ins for S3: both list as S3 does."""

import boto3
import pytest

from spotify_assets.sandbox.s3_servers import SERVERS, running_s3
from spotify_assets_tests.conftest import use_s3

pytestmark = pytest.mark.integration

KEYS = ["a", "lake/a/1", "lake/a/2", "lake/ab", "lake/b/1", "lake/b/c/2", "lakes/1"]


@pytest.fixture(scope="module", params=SERVERS)
def listed(request):
    """What is listed of a bucket with `KEYS`: keys and common prefixes, in pages of two."""
    with running_s3(request.param) as address, pytest.MonkeyPatch.context() as monkeypatch:
        bucket = use_s3(address, monkeypatch).removeprefix("s3://").split("/")[0]
        client = boto3.client("s3")
        for key in KEYS:
            client.put_object(Bucket=bucket, Key=key, Body=b"1")
        pages = client.get_paginator("list_objects_v2")

        def listing(prefix, **options):
            asked = {"Bucket": bucket, "Prefix": prefix, "PaginationConfig": {"PageSize": 2}, **options}
            found = [*pages.paginate(**asked)]
            keys = [entry["Key"] for page in found for entry in page.get("Contents", [])]
            return keys, [entry["Prefix"] for page in found for entry in page.get("CommonPrefixes", [])]

        yield listing


@pytest.mark.parametrize("prefix", ["", "a", "lake", "lake/", "lake/a", "lake/a/", "lake/b/c/", "missing/", "/"])
def test_keys_of_a_prefix(listed, prefix):
    assert listed(prefix) == ([key for key in KEYS if key.startswith(prefix)], [])


@pytest.mark.parametrize(("prefix", "found"), [
    ("", (["a"], ["lake/", "lakes/"])),
    ("lake", ([], ["lake/", "lakes/"])),
    ("lake/", (["lake/ab"], ["lake/a/", "lake/b/"])),
    ("lake/b/", (["lake/b/1"], ["lake/b/c/"])),
])  # fmt: skip
def test_keys_and_folders_of_a_prefix(listed, prefix, found):
    assert listed(prefix, Delimiter="/") == found


@pytest.mark.parametrize(("after", "found"), [("lake/a/1", 2), ("a", 3), ("lakes", 0)])
def test_keys_after_another(listed, after, found):
    assert len(listed("lake/a", StartAfter=after)[0]) == found


def test_requests_are_logged(tmp_path, monkeypatch):
    log = tmp_path / "requests"
    with running_s3("localbucket", requests=log) as address:
        bucket = use_s3(address, monkeypatch).removeprefix("s3://")
        boto3.client("s3").put_object(Bucket=bucket, Key="a b", Body=b"1")
        assert log.read_text().splitlines() == [f"PUT /{bucket}", f"PUT /{bucket}/a%20b"]
