"""What Dagster's folder holds of a listener goes with them; what it holds of others stays."""

import json
import sqlite3
from contextlib import closing

import dagster as dg
import pytest

from spotify_assets.cli.home import dagster_home
from spotify_assets.cli.instance import instance
from spotify_assets.cli.traces import remove_traces
from spotify_assets.defs.io_managers.previews import ROWS


@dg.asset(config_schema={"file": str}, check_specs=[dg.AssetCheckSpec("readable", asset="files")])
def files(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Names a landed file in a message, in metadata and in a check, as `read_landing` does."""
    file = f"history/{bytes.fromhex(context.op_execution_context.op_config['file']).decode()}/a.json"
    context.log.info(f"{file}: 2 records")
    check = dg.AssetCheckResult(passed=False, check_name="readable", description=file)
    return dg.MaterializeResult(metadata={"file": file}, check_results=[check])


def run_for(listener):
    config = {"ops": {"files": {"config": {"file": listener.encode().hex()}}}}
    with instance() as persistent:
        return dg.materialize([files], instance=persistent, run_config=config).run_id


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return dagster_home()


def everything(home):
    """All text below a folder, of databases as SQL and as it is in the file."""
    for path in (path for path in home.rglob("*") if path.is_file()):
        yield path.read_bytes().decode(errors="replace")
        if path.suffix == ".db":
            with closing(sqlite3.connect(path)) as connection:
                yield "\n".join(connection.iterdump())


@pytest.mark.parametrize("name", ["anna", "Änna \U0001f3b5 b."])
def test_no_file_names_a_forgotten_listener(home, name):
    kept, gone = run_for("anna2"), run_for(name)
    (home / "ui.log").write_text(f"run: history/{name}/a.json\nrun: history/anna2/a.json\n")
    spellings = {name, json.dumps(name)[1:-1], json.dumps(json.dumps(name)[1:-1])[1:-1]}
    traces = {f"history/{spelling}/" for spelling in spellings}
    assert any(trace in text for text in everything(home) for trace in traces)
    assert remove_traces(home, name) == []
    assert not [text for text in everything(home) for trace in traces if trace in text]
    assert (home / "ui.log").read_text() == "run: history/anna2/a.json\n"
    with instance() as persistent:
        assert [run.run_id for run in persistent.get_runs()] == [kept]
        assert gone != kept
        assert persistent.all_logs(kept)


def test_previews_of_rows_go_with_any_listener(home):
    """Rows may be of a listener without naming them."""

    @dg.asset
    def tracks() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={ROWS: dg.MetadataValue.md("| `a song that anna alone played` |")})

    kept = run_for("ben")
    with instance() as persistent:
        dg.materialize([tracks], instance=persistent)
    assert any("anna alone" in text for text in everything(home))
    assert remove_traces(home, "anna") == []
    assert not any("anna alone" in text for text in everything(home))
    with instance() as persistent:
        assert [run.run_id for run in persistent.get_runs()] == [kept]


def test_a_run_under_way_stays_and_is_told(home):
    run_id = run_for("anna")
    with instance() as persistent:
        storage = persistent._run_storage  # no API takes a run back to where it was
        with storage.connect() as connection:
            connection.exec_driver_sql(
                "UPDATE runs SET status = 'STARTED', run_body = replace(run_body, 'SUCCESS', 'STARTED')"
            )
    assert remove_traces(home, "anna") == [f"run {run_id[:8]} of __ephemeral_asset_job__ names them and is under way"]
