"""Overrides and catalogue files in a bucket: what is added, changed or deleted there reaches the tables."""

import io
import json
import zipfile

import boto3
import pytest

from spotify_assets_tests.conftest import extended, some_metrics

pytestmark = [pytest.mark.integration, some_metrics]

PLAYS = [
    extended("2024-01-01T12:00:00Z", track="Rain", artist="Old"),
    extended("2024-01-02T12:00:00Z", track="Sun", artist="New"),
    extended("2024-02-03T12:00:00Z", track="Wind", artist="New"),
]


def id_of(name):
    return name.ljust(22, "0")


def zipped(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"in/{name}.csv", text)
    return content.getvalue()


def tracks_of(*names, popularity=50):
    rows = (f"{id_of(name)},{name},New,Album,{popularity}\n" for name in names)
    return "track_id,track_name,artist_name,album_name,popularity\n" + "".join(rows)


def zipped_history(plays):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("Streaming_History_Audio_2024_0.json", json.dumps(plays))
    return content.getvalue()


@pytest.fixture
def bucket_world(s3_world):
    """The landing zone is in a bucket; the lake is a folder, which takes a fifth of the time."""
    s3_world.overrides = {"lake_uri": str(s3_world.root / "lake")}
    s3_world.land("anna/a.zip", zipped_history(PLAYS[:2]))
    s3_world.land("anna/b.zip", zipped_history(PLAYS[2:]))
    return s3_world


def delete(world, path):
    boto3.client("s3").delete_object(Bucket=world.uri.removeprefix("s3://"), Key=f"landing/{path}")


def popularity(world):
    return {
        row["track_name"]: row["popularity"] for row in world.rows("dim_track") if row["artist_name"] in ("Old", "New")
    }


def rejected(world):
    return [(row["artist_name"], row["reason"]) for row in world.rows("rejected_plays")]


def counted_as_one(world):
    return {row["artist_name"] for row in world.rows("dim_artist") if row["merged_by"] == "override"}


def test_what_changes_in_a_bucket_is_applied_and_equals_a_rebuild(bucket_world):
    world, landing = bucket_world, bucket_world.landing
    landing.land("catalog/one.zip", zipped(tracks=tracks_of("Rain")))
    landing.land("catalog/two.zip", zipped(tracks=tracks_of("Sun"), more=tracks_of("Wind")))
    landing.land("overrides/merges.csv", b"kind,from,into\nartist,Old,New\n")
    landing.land("overrides/exclusions.csv", b"what,value\ntrack,Wind\n")
    landing.land("overrides/genres.csv", b"artist,genre\nNew,zouk\n")
    world.sync()
    assert popularity(world) == {"Rain": 50, "Sun": 50}
    assert rejected(world) == [("New", "excluded")]
    assert counted_as_one(world) == {"Old", "New"}
    assert {row["genres"] for row in world.rows("dim_artist") if row["artist_name"] == "New"} == {"zouk"}
    before = {file["source_file"] for file in world.rows("raw_catalog_files")}
    assert before == {"catalog/one.zip!in/tracks.csv", "catalog/two.zip!in/more.csv", "catalog/two.zip!in/tracks.csv"}

    landing.land("catalog/one.zip", zipped(tracks=tracks_of("Rain", popularity=60)))
    landing.land("overrides/exclusions.csv", b"what,value\nartist,Old\nfood,x\n")
    delete(world, "overrides/genres.csv")
    world.sync()
    assert popularity(world) == {"Sun": 50, "Wind": 50}
    assert rejected(world) == [("Old", "excluded")]
    assert {row["genres"] for row in world.rows("dim_artist") if row["artist_name"] == "New"} == {None}

    delete(world, "catalog/two.zip")
    delete(world, "overrides/exclusions.csv")
    delete(world, "overrides/merges.csv")
    world.sync()
    assert popularity(world) == {"Rain": 60, "Sun": None, "Wind": None}
    assert rejected(world) == []
    assert counted_as_one(world) == set()
    incremental = world.everything()
    world.overrides = {"lake_uri": str(world.root / "again")}
    world.sync()
    assert world.everything() == incremental
