"""Checks as Dagster runs them, on worlds that break them."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from deltalake import write_deltalake
from pyspark.sql import Row

from spotify_assets.definitions import definitions
from spotify_assets.defs.checks import history
from spotify_assets_tests.conftest import extended

pytestmark = pytest.mark.integration

JANUARY = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-01-01"}


@pytest.fixture
def check():
    """Evaluations of a check of a world, without computing anything."""

    def run(world, asset, name, tags=None):
        defs = definitions(world.settings)
        selection = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(asset), name))
        job = dg.define_asset_job("only_checks", selection=selection)
        resolved = dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("only_checks")
        result = resolved.execute_in_process(tags=tags, instance=dg.DagsterInstance.ephemeral(), raise_on_error=False)
        return {(one.asset_key.path[-1], one.check_name): one for one in result.get_asset_check_evaluations()}[
            asset, name
        ]

    return run


def test_unreadable_files_are_named_and_only_warn(world, check):
    world.land("anna/cut.json", "[{")
    world.land("anna/good.json", [extended("2024-01-31T13:37:00Z")])
    world.ingest()
    found = check(world, "raw_files", "unreadable_files")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "history/anna/cut.json" in found.description
    assert "no valid JSON" in found.description
    assert "good.json" not in found.description


def test_every_record_once(synced, check):
    assert check(synced, "rejected_plays", "every_record_once").passed
    assert check(synced, "rejected_plays", "every_record_once", JANUARY).passed


def test_records_that_raw_plays_lacks_are_noticed(synced, check):
    """Plays computed from it agree with it."""
    for table in ("raw_plays", "plays"):
        synced.lake.open(table).delete("source_file = 'history/anna/a.json'")
    found = check(synced, "rejected_plays", "every_record_once")
    assert not found.passed
    assert found.description == "another program changed raw_plays; spotify-assets sync reads what is missing again"


@pytest.mark.parametrize("tags", [None, JANUARY])
def test_a_lost_record_is_noticed(synced, check, tags):
    synced.lake.open("plays").delete("month = '2024-01-01'")
    found = check(synced, "rejected_plays", "every_record_once", tags)
    assert not found.passed
    assert found.metadata["kept"].value == found.metadata["landed"].value - 1


def test_a_doubled_record_is_noticed(synced, check):
    plays = synced.lake.read("plays")
    write_deltalake(synced.lake.table_uri("plays"), plays.slice(0, 1), mode="append")
    assert not check(synced, "rejected_plays", "every_record_once").passed


def test_one_record_taken_for_another_is_noticed(synced, check):
    synced.lake.open("plays").update(updates={"source_row": "7"}, predicate="month = '2024-01-01'")
    assert not check(synced, "rejected_plays", "every_record_once", JANUARY).passed


@pytest.mark.metrics("daily_track_plays")
@pytest.mark.parametrize("table", ["daily_track_plays", "hourly_listening", "monthly_content"])
def test_metrics_that_differ_from_facts_are_noticed(synced, check, table):
    assert check(synced, "fct_plays", f"{table}_has_its_totals").passed
    synced.lake.open(table).update(updates={"ms_played": "ms_played + 1"}, predicate="month = '2024-01-01'")
    found = check(synced, "fct_plays", f"{table}_has_its_totals")
    assert not found.passed
    assert "ms_played: 400,001 instead of 400,000" in found.description


@pytest.mark.parametrize("name", ["hourly_listening_has_its_totals", "primary_key"])
def test_a_check_is_the_first_to_use_the_engine(synced, check, monkeypatch, name):
    """As it is alone, in a run that begins where another failed, and in each process of the multiprocess executor."""
    monkeypatch.delenv("SPARK_CONNECT_MODE_ENABLED")  # PySpark sets it with the first session
    assert check(synced, "fct_plays", name).passed


@pytest.mark.metrics("track_metrics")
def test_two_rows_of_one_track_are_noticed(synced, check):
    assert check(synced, "track_metrics", "track_keys_once").passed
    rows = synced.lake.read("track_metrics")
    write_deltalake(synced.lake.table_uri("track_metrics"), rows.slice(0, 1), mode="append")
    found = check(synced, "track_metrics", "track_keys_once")
    assert not found.passed
    assert rows["track_key"][0].as_py() in found.description


def test_a_high_share_of_rejected_records_warns(world, check):
    short = [extended(f"2024-01-31T13:37:{second:02d}Z", 100) for second in range(60)]
    kept = [extended(f"2024-01-{day:02d}T13:{minute:02d}:00Z") for day in range(1, 4) for minute in range(60)]
    world.land("anna/a.json", short + kept)
    world.sync("plays", "rejected_plays")
    assert check(world, "rejected_plays", "rejected_share").passed
    world.overrides = {"max_rejected_share": 0.2}
    found = check(world, "rejected_plays", "rejected_share")
    assert (found.passed, found.description) == (False, "too_short rejects 25% of records")


def test_listening_that_cannot_be_and_what_was_reported_late(world, check):
    hour = 3_600_000
    burst = [extended(f"2024-02-03T12:00:{second:02d}Z", hour, f"Show {second}") for second in range(3)]
    # From January's last hours on: 25 hours of plays within 24, and never more than 24 within January.
    night = [
        extended(f"{day}T{end:02d}:30:00Z", hour, f"Rain {number} {day}")
        for number in range(2)
        for day, end in [*[("2024-01-31", end) for end in range(19, 24)], *[("2024-02-01", end) for end in range(8)]]
    ]
    began = int(datetime(2024, 2, 10, 9, tzinfo=UTC).timestamp())
    late = [
        extended(f"2024-02-{12 + days}T09:03:20Z", track=f"Far {days}", offline=True, offline_timestamp=began)
        for days in (0, 2)
    ]
    world.land("anna/a.json", burst + night + late)
    world.sync("plays", "rejected_plays")
    found = check(world, "plays", "implausible_listening")
    hours = "anna: 26.0 hours of plays in the 24 hours until"
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description == f"{hours} 2024-02-01 08:00 UTC; anna: 3 is_implausible plays in 2024-02"
    assert check(world, "plays", "implausible_listening", JANUARY).passed
    february = dict.fromkeys(JANUARY, "2024-02-01")
    assert check(world, "plays", "implausible_listening", february).description == found.description
    reported = check(world, "plays", "plays_reported_late")
    assert reported.passed
    assert reported.description == "anna: 2 of 31 plays, by 72.0 hours in the median and 96.0 hours at most"


@pytest.mark.parametrize(("overlap", "found"), [(15, None), (16, "26.1")])
def test_a_crossfade_does_not_make_a_day_longer(world, check, overlap, found):
    """480 songs, one each 180 s, are a day without a pause; by their lengths, with an overlap of 16 s, 26.1 hours."""
    ends = [datetime(2024, 1, 10, tzinfo=UTC) + timedelta(seconds=180 * number) for number in range(1, 481)]
    songs = [
        extended(f"{end:%Y-%m-%dT%H:%M:%SZ}", (180 + overlap) * 1000, f"Song {number}")
        for number, end in enumerate(ends)
    ]
    world.land("anna/a.json", songs)
    world.sync("plays", "rejected_plays")
    told = check(world, "plays", "implausible_listening")
    assert told.passed == (found is None)
    assert (told.description or "").startswith(f"anna: {found} hours of plays in the 24 hours" if found else "")


def test_of_many_implausible_months_the_worst_is_named():
    def month(number, hours, implausible):
        most = Row(within_a_day=hours * history.HOUR_MICROS, hour=24 * 30 * number)
        return Row(listener="anna", month=date(2024, number, 1), plays=9, implausible=implausible, most=most)

    found = history._implausible_listening([month(1, 25, 3), month(2, 43, 4), month(3, 26, 0), month(4, 24, 0)])
    assert found.description == (
        "anna: 43.0 hours of plays in the 24 hours until 1970-03-02 01:00 UTC, and the like in 2 more months; "
        "anna: 4 is_implausible plays in 2024-02, and the like in 1 more month"
    )
    assert found.metadata["is_implausible"].value == 7


def test_months_unlike_their_neighbours():
    months = {
        date(2024, month, 1): plays for month, plays in enumerate([1000, 900, 1100, 20, 1000, 950, 9000, 1000], 1)
    }
    assert history.outliers(months) == [
        "2024-04: 20 plays, about 1,000 in the months around it",
        "2024-07: 9,000 plays, about 1,000 in the months around it",
    ]
    assert history.outliers(months, {date(2024, 4, 1)}) == ["2024-04: 20 plays, about 1,000 in the months around it"]
    assert history.outliers({date(2024, 1, 1): 5, date(2024, 2, 1): 5000}) == []


def test_a_run_of_one_month_is_compared_with_the_months_around_it(world, check, monkeypatch):
    monkeypatch.setattr(history, "OUTLIER_PLAYS", 5)
    days = [f"2024-01-{day:02d}" for day in range(1, 12)] + ["2023-11-10", "2023-12-10", "2024-02-10"]
    world.land("anna/a.json", [extended(f"{day}T13:37:00Z") for day in days])
    world.sync("plays", "rejected_plays")
    found = check(world, "plays", "months_like_their_neighbours", JANUARY)
    assert (found.passed, found.description) == (False, "2024-01: 11 plays, about 1 in the months around it")
    february = dict.fromkeys(JANUARY, "2024-02-01")
    assert check(world, "plays", "months_like_their_neighbours", february).passed
