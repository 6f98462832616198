from datetime import timedelta

import pytest
from deltalake.exceptions import CommitFailedError
from pyarrow import parquet
from pyspark.sql import functions as F

from spotify_assets import transforms
from spotify_assets.lake import tables
from spotify_assets.model import TABLES
from spotify_assets.refresh import frames, lineage, staleness
from spotify_assets.refresh.frames import RowsOutsideWindowError, WrongColumnsError
from spotify_assets.sandbox.s3_servers import running_s3
from spotify_assets_tests.conftest import extended, use_s3

pytestmark = pytest.mark.integration


@pytest.fixture
def landed(prepared):
    return prepared({"anna/a.json": [extended("2024-01-31T13:37:00Z"), extended("2024-02-29T13:37:00Z")]})


def months(world):
    return [f"{row['played_at']:%Y-%m}" for row in world.rows("plays")]


def test_a_write_replaces_its_window_and_no_other(landed):
    nothing = landed.compute("plays", ["2024-01-01"]).where("false")
    landed.frames.write("plays", nothing, ["2024-01-01"])
    assert months(landed) == ["2024-02"]


def test_a_month_touches_the_files_of_that_month_only(landed):
    def files():
        return {path for path in landed.lake.open("plays").file_uris() if "month=2024-02" in path}

    before = files()
    landed.frames.write("plays", landed.compute("plays", ["2024-01-01"]), ["2024-01-01"])
    assert files() == before


@pytest.mark.parametrize("hours", [-24 * 40, 24 * 40])
def test_rows_outside_the_window_are_refused_and_nothing_is_written(landed, hours):
    version = landed.lake.open("plays").version()
    moved = landed.compute("plays", ["2024-01-01"]).withColumn(
        "played_at", F.col("played_at") + F.lit(timedelta(hours=hours))
    )
    with pytest.raises(RowsOutsideWindowError, match="plays"):
        landed.frames.write("plays", moved, ["2024-01-01"])
    assert landed.lake.open("plays").version() == version


def test_rows_without_a_time_are_refused(landed):
    timeless = landed.compute("plays", ["2024-01-01"]).withColumn("played_at", F.lit(None).cast("timestamp"))
    with pytest.raises(RowsOutsideWindowError):
        landed.frames.write("plays", timeless, ["2024-01-01"])


def test_other_columns_than_the_models_are_refused(landed):
    with pytest.raises(WrongColumnsError, match="ms_played"):
        landed.frames.write("plays", landed.compute("plays", ["2024-01-01"]).drop("ms_played"), ["2024-01-01"])


def test_lists_that_a_query_builds_replace_what_a_table_has(world, frame):
    pair = {"listener_a": "anna", "listener_b": "ben", "entity_type": "track", "shared": 2}
    for names in ("One,Two", "Three"):
        built = frame("listener_affinity", [pair]).withColumn("shared_favourites", F.split(F.lit(names), ","))
        world.frames.write("listener_affinity", built, ())
    assert world.rows("listener_affinity", "shared_favourites") == [{"shared_favourites": ["Three"]}]


def test_an_empty_window_is_recorded_though_the_engine_makes_no_commit(world):
    world.ingest()
    commit = world.frames.write("plays", world.compute("plays", ["2020-01-01"]), ["2020-01-01"])
    assert commit["version"] == 1


def test_a_commit_whose_answer_was_lost_is_found(landed, monkeypatch):
    commit_files = frames.commit_files

    def lost(*arguments):
        commit_files(*arguments)
        raise CommitFailedError("Failed to commit transaction: 0")

    monkeypatch.setattr(frames, "commit_files", lost)
    version = landed.lake.open("plays").version()
    commit = landed.frames.write("plays", landed.compute("plays", ["2024-01-01"]), ["2024-01-01"])
    assert commit["version"] == landed.lake.open("plays").version() == version + 1
    assert sorted(months(landed)) == ["2024-01", "2024-02"]


def test_rows_of_a_year_that_stay_are_written_once_in_whatever_file_they_are(landed):
    landed.land("anna/b.json", [extended("2024-05-20T12:00:00Z")])
    landed.ingest()
    landed.refresh()
    landed.land("anna/c.json", [extended("2024-01-25T12:00:00Z")])
    landed.ingest()
    landed.refresh()
    days = ["2024-01-25", "2024-01-31", "2024-02-29", "2024-05-20"]
    assert sorted(f"{row['date']}" for row in landed.rows("hourly_listening")) == days


def test_days_of_a_month_that_stay_are_written_once(world):
    world.overrides = {"plays_grain": "daily", "plays_start": "2024-01-01"}
    days = ["2024-01-05", "2024-01-06", "2024-01-20"]
    for number, day in enumerate([*days, "2024-01-05"]):
        world.land(f"anna/{number}.json", [extended(f"{day}T1{number}:00:00Z")])
        world.ingest()
        world.refresh()
    assert sorted(f"{row['played_at']:%Y-%m-%d}" for row in world.rows("plays")) == ["2024-01-05", *days]


def test_a_conflict_is_tried_again_and_anything_else_is_not(landed, monkeypatch):
    attempts = []

    def conflict_once(self, *arguments, is_repeated):
        attempts.append(is_repeated)
        if len(attempts) == 1:
            raise RuntimeError("Failed to commit transaction: 0")
        return commit(self, *arguments, is_repeated=is_repeated)

    commit = frames.LakeFrames._commit
    monkeypatch.setattr(frames.LakeFrames, "_commit", conflict_once)
    landed.frames.write("plays", landed.compute("plays", ["2024-01-01"]), ["2024-01-01"])
    assert attempts == [False, True]
    monkeypatch.setattr(frames.LakeFrames, "_commit", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        landed.frames.write("plays", landed.compute("plays", ["2024-01-01"]), ["2024-01-01"])


@pytest.mark.parametrize("is_recent", [True, False])
def test_rows_follow_from_the_inputs_whose_fingerprint_is_stored(landed, monkeypatch, is_recent):
    """Another run writes the input after this one has built its query: seconds ago, or longer."""
    january, settings = ["2024-01-01"], landed.settings
    manager = landed.frames
    hours = transforms.hourly_listening(manager.read("plays", january), settings=settings)
    landed.land("anna/b.json", [extended("2024-01-30T13:37:00Z")])
    landed.ingest()
    landed.frames.write("plays", landed.compute("plays", january), january)
    if not is_recent:
        monkeypatch.setattr(tables, "RECENT_SECONDS", 0)
    manager.write("hourly_listening", hours, january)
    former = ["2024-01-31", "2024-02-29"]
    dates = [f"{row['date']}" for row in landed.rows("hourly_listening")]
    assert dates == (former if is_recent else ["2024-01-30", *former])
    assert ("hourly_listening" in staleness.stale(landed.lake, settings).windows) == is_recent


def test_a_write_that_is_repeated_reads_the_latest_inputs(landed, monkeypatch):
    january, settings = ["2024-01-01"], landed.settings
    manager = landed.frames
    hours = transforms.hourly_listening(manager.read("plays", january), settings=settings)
    commit_files = frames.commit_files

    def conflict(*arguments):
        monkeypatch.setattr(frames, "commit_files", commit_files)
        landed.land("anna/b.json", [extended("2024-01-30T13:37:00Z")])
        landed.ingest()
        landed.frames.write("plays", landed.compute("plays", january), january)
        raise CommitFailedError("Failed to commit transaction: 0")

    monkeypatch.setattr(frames, "commit_files", conflict)
    manager.write("hourly_listening", hours, january)
    assert f"{landed.rows('hourly_listening')[0]['date']}" == "2024-01-30"
    assert "hourly_listening" not in staleness.stale(landed.lake, settings).windows


def test_a_transform_that_asked_its_inputs_is_outdated_when_they_changed_before_its_write(landed):
    """That two names share an id is known only once the query is built: it looks for no links."""
    manager = landed.frames
    artists = manager.compute("dim_artist")
    landed.land("anna/b.json", [extended("2024-03-30T13:37:00Z", artist="Renamed")])
    landed.ingest()
    landed.refresh("plays", "monthly_content")
    manager.write("dim_artist", artists, ())
    assert "dim_artist" in staleness.stale(landed.lake, landed.settings).whole
    landed.refresh()
    merged = {row["artist_name"]: row["merged_by"] for row in landed.rows("dim_artist")}
    assert (merged["Band"], merged["Renamed"]) == ("id", "id")
    assert not staleness.stale(landed.lake, landed.settings)


def test_a_table_of_an_older_shape_takes_the_models_and_is_computed_anew(landed):
    import pyarrow as pa
    from deltalake import write_deltalake

    before = landed.everything()
    uri = landed.lake.table_uri("artist_metrics")
    write_deltalake(uri, pa.table({"old": [1]}), mode="overwrite", schema_mode="overwrite")
    landed.refresh()
    assert landed.everything() == before


def test_a_partial_aggregate_whose_files_are_of_months_is_laid_out_by_year_and_computed_anew(landed):
    from deltalake import write_deltalake

    before = landed.everything()
    lake = landed.lake
    rows = lake.read("hourly_listening").drop_columns(["year_start"])
    uri = lake.table_uri("hourly_listening")
    write_deltalake(uri, rows, mode="overwrite", schema_mode="overwrite", partition_by=["month"])
    landed.refresh()
    assert landed.everything() == before
    assert lake.open("hourly_listening").metadata().partition_columns == ["year_start"]


@pytest.mark.metrics("artist_metrics")
def test_rows_of_a_table_and_of_its_partitions(landed):
    frames = landed.frames
    assert (frames.rows("plays"), frames.rows("artist_metrics"), frames.rows("track_metadata")) == (2, 1, 0)
    months = ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert frames.rows_by_key("plays", months) == {"2024-01-01": 1, "2024-02-01": 1, "2024-03-01": 0}
    assert frames.rows_by_key("artist_metrics", []) == {}


def test_rows_of_months_are_counted_where_files_are_of_years(landed):
    months = {"2023-12-01": 0, "2024-01-01": 1, "2024-02-01": 1}
    assert landed.frames.rows_by_key("hourly_listening", list(months)) == months


def test_rows_of_days_are_counted_from_the_days_start_to_before_its_end(landed):
    """Row of `hourly_listening` of January: at the month's start."""
    landed.overrides = {"plays_grain": "daily"}
    days = {"2024-01-30": 0, "2024-01-31": 1, "2024-02-01": 0}
    assert landed.frames.rows_by_key("plays", list(days)) == days
    days = {"2023-12-31": 0, "2024-01-01": 1, "2024-01-02": 0}
    assert landed.frames.rows_by_key("hourly_listening", list(days)) == days
    for day, rows in days.items():
        assert landed.frames.rows_by_key("hourly_listening", [day]) == {day: rows}


@pytest.mark.integration
def test_requests_of_a_lake_in_a_bucket(world, tmp_path, monkeypatch):
    """Each takes 20 ms where the bucket is at a distance: their number must not grow unseen."""
    log = tmp_path / "requests"
    with running_s3("localbucket", requests=log) as address:
        world.uri = use_s3(address, monkeypatch)
        world.land("anna/a.json", [extended(f"2024-{month:02}-15T12:00:00Z") for month in range(1, 7)])
        world.sync("plays", "monthly_content", "dim_reason")
        frames = world.frames
        files = frames.lake.open("plays").file_uris()

        before = len(log.read_text().splitlines())
        for _ in range(3):
            assert frames.read("plays").count() == 6
            assert len(frames.read("plays").select("play_id").collect()) == 6
        made = log.read_text().splitlines()
        of_data = [line for line in made if line.startswith("GET ") and "/cleaned/plays/month" in line]
        # What this process wrote, it doesn't download.
        assert (len(files), len(of_data)) == (6, 0)
        # Each read looks whether there is a later version.
        assert len(made) - before < 25

        lake = world.lake
        before = len(log.read_text().splitlines())
        assert staleness.stale(lake, world.settings)
        opened = len(log.read_text().splitlines())
        staleness.stale(lake, world.settings)
        again = len(log.read_text().splitlines())
        tables = len(lineage.refreshed_tables())
        assert opened - before < 6 * tables
        assert again - opened < 3 * tables


@pytest.mark.metrics("daily_track_plays")
@pytest.mark.parametrize("table", ["monthly_content", "daily_track_plays"])
def test_rows_of_a_file_are_sorted_where_the_model_says_so(prepared, table):
    plays = [extended(f"2024-01-{day:02d}T13:37:00Z", track=f"Song {day}", artist="Band") for day in range(1, 29)]
    world = prepared({"anna/a.json": plays})
    [file] = world.lake.open(table).file_uris()
    values = parquet.ParquetFile(file).read([TABLES[table].sorted_by]).column(0).to_pylist()
    assert len(set(values)) > 20
    assert values == sorted(values)


@pytest.mark.parametrize("table", ["plays", "rejected_plays"])
def test_records_that_another_process_reads_meanwhile_are_not_taken_for_read(landed, table):
    """The fingerprint names each file that `raw_files` lists: its records must be among those that are read."""
    keys = ["2024-01-01", "2024-02-01"]
    manager = landed.frames
    first = manager.compute("plays", keys[:1])
    bad = extended("2024-02-16T10:00:00Z", track="Bad", ms_played=-5)
    landed.land("anna/b.json", [extended("2024-02-15T10:00:00Z", track="Late"), bad])
    landed.ingest()
    manager.write("plays", first, keys[:1])
    manager.write(table, manager.compute(table, keys[1:]), keys[1:])
    landed.refresh()
    assert len(landed.rows("plays")) == 3
    assert len(landed.rows("rejected_plays")) == 1
