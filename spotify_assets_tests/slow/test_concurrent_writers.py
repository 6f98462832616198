"""Several processes at once, on one lake: all finish, nothing is lost, nothing is there twice."""

import pytest

from spotify_assets.model import TABLES
from spotify_assets.sandbox.s3_servers import running_s3
from spotify_assets_tests.conftest import World, extended, use_s3
from spotify_assets_tests.slow import processes

MONTHS = [f"2024-{month:02}-01" for month in range(1, 9)]
PLAYS = {month: 20 + number for number, month in enumerate(MONTHS)}


@pytest.fixture(params=["folder", "bucket"])
def place(request, world, monkeypatch):
    """A world of eight months, read and not computed."""
    if request.param == "folder":
        yield landed(world)
        return
    with running_s3("localbucket") as address:
        world.uri = use_s3(address, monkeypatch)
        yield landed(world)


def landed(world: World) -> World:
    for month, plays in PLAYS.items():
        records = [
            extended(f"{month[:7]}-15T12:{number:02}:00Z", track=f"Song {number % 7}") for number in range(plays)
        ]
        world.land(f"anna/{month}.json", records)
    world.ingest()
    for table in ("plays", "hourly_listening"):
        world.lake.ensure(table)
    return world


def by_month(world, table="plays"):
    months = [str(row["month"]) for row in world.rows(table, "month")]
    return {month: months.count(month) for month in sorted(set(months))}


def all_at_once(
    there: World,
    remote: str,
    shares: list[list[str]],
    tidied: int = 2,
    table: str = "plays",
    rows: dict[str, int] = PLAYS,
) -> None:
    """Writers of shares of the months, a reader, and maintenance, so many times."""
    arguments = (there.root, there.uri)
    processes.finish(
        *[processes.start(processes.write_months, *arguments, remote, table, share) for share in shares],
        processes.start(processes.read, *arguments, table, rows, 12),
        processes.start(processes.keep_tidy, *arguments, remote, tidied),
    )


def test_different_months_at_once(place):
    all_at_once(place, "", [MONTHS[::3], MONTHS[1::3], MONTHS[2::3]])
    assert by_month(place) == PLAYS


def test_different_months_whose_rows_are_in_the_same_files_at_once(place):
    """Files of partial aggregates are of a year: each writer replaces those of all others."""
    place.frames.write("plays", place.compute("plays", MONTHS), MONTHS)
    rows = dict.fromkeys(MONTHS, 1)  # all plays of a month are in one hour
    all_at_once(place, "", [MONTHS[::3], MONTHS[1::3], MONTHS[2::3]], table="hourly_listening", rows=rows)
    assert {str(row["month"]): row["plays"] for row in place.rows("hourly_listening", "month", "plays")} == PLAYS


def test_the_same_months_at_once(place):
    all_at_once(place, "", [MONTHS[:3], MONTHS[:3], MONTHS[:3]])
    assert by_month(place) == {month: PLAYS[month] for month in MONTHS[:3]}


def test_the_same_tables_for_the_first_time_at_once(place):
    tables = ["dim_playlist", "dim_listener", "dim_platform", "dim_reason"]
    ready = processes.CONTEXT.Barrier(3)
    processes.finish(
        *[processes.start(processes.write_at_once, place.root, place.uri, tables, ready) for _ in range(3)]
    )
    for table in tables:
        found = place.rows(table)
        keys = {tuple(row[key] for key in TABLES[table].primary_key) for row in found}
        assert len(found) == len(keys) > 0


@pytest.mark.parametrize("other", [processes.sync, processes.sync_in_a_run])
def test_whole_syncs_at_once(place, other):
    processes.finish(*[processes.start(sync, place.root, place.uri) for sync in (processes.sync, other)])
    assert by_month(place) == PLAYS
    processes.require_nothing_stale(place)
    undisturbed = World(place.root / "undisturbed", place.spark)
    landed(undisturbed)
    undisturbed.sync()
    expected, found = undisturbed.everything(), place.everything()
    assert {table for table in expected if expected[table] != found[table] and table != "raw_files"} == set()


def test_readers_of_the_same_files_double_nothing(world):
    for number in range(12):
        world.land(f"anna/{number}.json", [extended(f"2024-{number + 1:02d}-01T13:37:00Z") for _ in range(500)])
    processes.finish(*[processes.start(processes.ingest, world.root, world.uri) for _ in range(3)])
    rows = world.rows("raw_plays")
    assert len(rows) == len({(row["source_file"], row["source_row"]) for row in rows}) == 6_000
    assert len(world.rows("raw_files")) == 12
    assert not world.ingest().changes
