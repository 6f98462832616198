"""After any sequence of changes, interrupted anywhere, a sync gives what starting over would give."""

import shutil
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from spotify_assets.lake.tables import Lake
from spotify_assets.refresh.frames import LakeFrames
from spotify_assets_tests.conftest import LANDED_AT, World, account, extended

pytestmark = [pytest.mark.integration, pytest.mark.metrics]


class Killed(BaseException):
    """As if the process were gone."""


def sync(world: World) -> None:
    world.ingest()
    world.refresh()


def sync_killed_after(world: World, commits: int) -> None:
    """Sync, and die right after that many commits."""
    done = 0

    def count(write: Any) -> Any:
        def written(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            result = write(*arguments, **options)
            done += 1
            if done >= commits:
                raise Killed
            return result

        return written

    raw = mock.patch.object(Lake, "replace", count(Lake.replace))
    computed = mock.patch.object(LakeFrames, "write", count(LakeFrames.write))
    with raw, computed, pytest.raises(Killed):
        sync(world)


def test_incremental_equals_rebuild(prepared):
    january = [extended("2024-01-31T12:00:00Z"), extended("2024-01-31T12:00:30Z", track="song ")]
    june = [extended("2024-06-10T12:00:00Z"), extended("2024-06-10T13:00:00Z", ms_played=100)]
    world = prepared({"anna/january.json": january, "anna/june.json": june})
    landed = world.root / "landing/history"

    # Its first record is superseded by those of January.
    world.land("anna/account.json", [account("2024-01-31 12:00"), account("2024-03-10 12:00", track="Other")])
    world.landing.land("overrides/exclusions.csv", b"what,value,listener\ntrack,Other,anna\n")
    world.landing.land("catalog/old.csv", b"artist,song,duration_ms,energy,valence,genre\nBand,Other,5,0.5,0.5,pop\n")
    sync_killed_after(world, 1)

    world.land("anna/february.json", [extended("2024-02-01T00:30:00Z", ms_played="long"), extended("soon"), 5])
    world.land("ben/cut.json", b"[{")
    (landed / "anna/june.json").unlink()
    world.landing.land("overrides/merges.csv", b"kind,from,into\nartist,Band,Group\n")
    world.landing.land("catalog/new.csv", b"artist,song,popularity,year\nBand,Other,61,1999\n")
    sync_killed_after(world, 8)

    (landed / "anna/january.json").unlink()
    (world.root / "landing/catalog/old.csv").unlink()
    replacement = [account("2024-01-31 12:00"), account("2024-05-10 12:00", track="Other")]
    world.land("anna/account.json", replacement, landed_at=LANDED_AT + timedelta(days=1))
    world.landing.land("overrides/exclusions.csv", b"what,value,until\nperiod,,2024-02-01\nfood,,\n")
    world.landing.land("overrides/merges.csv", b"kind,from,into\nrecording,band - song,Band - Other\n")
    world.overrides = {"timezones": {"anna": "Asia/Tokyo"}, "min_ms_played": 0}
    sync(world)
    incremental = world.everything()
    assert not world.refresh()
    shutil.rmtree(world.settings.lake_uri)
    sync(world)
    assert incremental == world.everything()
    assert {(row["played_at"].month, row["track_name"]) for row in incremental["plays"]} == {(5, "Other")}
    excluded = [row for row in incremental["rejected_plays"] if row["reason"] == "excluded"]
    assert [(row["played_at"].month, row["track_name"]) for row in excluded] == [(1, "Song")]
    [track] = [row for row in incremental["dim_track"] if row["track_name"] == "Other"]
    assert (track["popularity"], track["release_year"], track["genres"], track["features_source"]) == (
        61, 1999, None, None,
    )  # fmt: skip
