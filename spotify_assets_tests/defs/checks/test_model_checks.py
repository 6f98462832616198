import dagster as dg
import pytest

from spotify_assets.definitions import definitions
from spotify_assets.defs.checks import model_checks
from spotify_assets.model import TABLES
from spotify_assets.transforms import fct_plays
from spotify_assets_tests.conftest import extended
from spotify_assets_tests.transforms.test_metrics import played

pytestmark = pytest.mark.integration


@pytest.fixture
def facts(frame):
    plays = frame("plays", [played("2024-01-31 12:00:00"), played("2024-01-31 13:00:00")])
    return fct_plays(plays).fillna(False).toArrow().to_pylist()


def broken(found):
    return {
        check: {rule: count for rule, count in rules.items() if count}
        for check, rules in found.items()
        if any(rules.values())
    }


def test_every_table_has_the_checks_that_its_model_asks_for():
    for table in TABLES:
        names = {spec.name for spec in model_checks.check_specs(table)}
        assert {"primary_key", "not_null"} <= names, table
        assert ("foreign_keys" in names) == bool(TABLES[table].sql.foreign_keys), table


def test_what_all_else_stands_on_blocks():
    blocking = {spec.name for table in TABLES for spec in model_checks.check_specs(table) if spec.blocking}
    assert blocking == {"primary_key", "not_null"}


def test_good_rows_break_nothing(queries_of, facts):
    assert broken(model_checks.count_violations("fct_plays", queries_of({"fct_plays": facts}))) == {}


def test_no_rows_break_nothing(queries_of):
    assert broken(model_checks.count_violations("plays", queries_of({}))) == {}
    assert broken({"foreign_keys": model_checks.unresolved_keys("fct_plays", queries_of({}))}) == {}


def test_each_rule_is_counted(queries_of):
    good = {
        "play_id": "1", "listener": "anna", "content_type": "track", "content_key": "a", "track_key": "a",
        "recording_key": 1, "ms_played": 200_000, "ms_played_is_estimated": False, "is_stream": True,
        "is_implausible": False, "local_hour": 12, "platform": "android", "reason_start": "x", "reason_end": "x",
        "source_file": "f", "source_row": 0, "played_at_is_corrected": False,
    }  # fmt: skip
    dated = played("2024-01-31 12:00:00")
    times = {name: dated[name] for name in ("played_at", "local_date", "month")}
    times |= dict.fromkeys(["started_at", "reported_at"], dated["played_at"])
    rows = [
        good | times,
        good | times,  # the same key
        good | times | {"play_id": "2", "ms_played": -5, "is_stream": False},
        good | times | {"play_id": "3", "content_type": "video", "track_key": None, "recording_key": None},
        good | times | {"play_id": "4", "listener": None, "local_hour": 24},
    ]
    assert broken(model_checks.count_violations("plays", queries_of({"plays": rows}))) == {
        "primary_key": {"play_id": 1},
        "not_null": {"listener": 1},
        "constraints": {"ms_played_within_a_day": 1, "local_hour_of_a_day": 1},
        "accepted_values": {"content_type": 1},
    }


def test_foreign_keys_that_point_nowhere(queries_of, facts):
    found = model_checks.unresolved_keys("fct_plays", queries_of({"fct_plays": facts}))
    assert found["artist_key"] == 1
    assert set(found) == set(TABLES["fct_plays"].foreign_keys)
    artists = [{"artist_key": row["artist_key"]} for row in facts]
    found = model_checks.unresolved_keys("fct_plays", queries_of({"fct_plays": facts, "dim_artist": artists}))
    assert found["artist_key"] == 0


def test_each_table_is_checked_in_one_step():
    steps = {
        check.op.name: {key.asset_key.path[-1] for key in check.check_keys} for check in model_checks.build_checks()
    }
    assert sorted(name for tables in steps.values() for name in tables) == sorted(TABLES)
    together = steps.pop("metrics_follow_the_model")
    assert {"yearly_recap", "trips"} <= together
    # Other tables are computed from these, and so wait for their checks.
    assert not together & {"top_charts", "track_metrics", "daily_listening", "plays"}
    assert all(step == f"{table}_follows_the_model" for step, [table] in steps.items())


@pytest.mark.metrics("listening_clock", "play_lengths")
def test_a_table_that_cannot_be_read_keeps_no_other_from_being_checked(world):
    world.land("anna/a.json", [extended("2024-01-31T13:37:00Z")])
    world.sync()
    for file in (world.root / "lake/metrics/listening_clock").glob("*.parquet"):
        file.unlink()
    selection = dg.AssetSelection.checks_for_assets("listening_clock", "play_lengths")
    job = dg.Definitions.merge(
        definitions(world.settings), dg.Definitions(jobs=[dg.define_asset_job("only_checks", selection=selection)])
    ).resolve_job_def("only_checks")
    done = job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), raise_on_error=False)
    assert not done.success
    assert {found.asset_key.path[-1]: found.passed for found in done.get_asset_check_evaluations()} == {
        "play_lengths": True
    }
