"""DAGSTER_HOME: its configuration, and one from before."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.test_utils import create_run_for_test

import spotify_assets
from spotify_assets.cli.home import EVENT_LOG, SHIPPED, dagster_home, shipped
from spotify_assets.cli.instance import instance
from spotify_assets.defs.event_log import PersistentSqliteEventLogStorage

pytestmark = pytest.mark.integration

# As version 0.1 copied it.
FORMER = """\
# Copied into DAGSTER_HOME (data/dagster unless you set it) by `spotify-assets` when it is missing there.
telemetry:
  enabled: false
nux:
  enabled: false
# Runs whose process died are marked as failed, so that nobody waits for them.
run_monitoring:
  enabled: true
freshness:
  enabled: true
concurrency:
  runs:
    max_concurrent_runs: 2
retention:
  sensor:
    purge_after_days:
      skipped: 2
      success: 30
      failure: 30
# Keeps its connections open: a sync of ten years of months takes a third of the time.
event_log_storage:
  module: spotify_assets.dagster_storage
  class: PersistentSqliteEventLogStorage
  config:
    base_dir:
      env: SPOTIFY_ASSETS_EVENT_LOG
"""


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def former(home):
    """Write a dagster.yaml from before into the home, take it over, and give the result."""

    def take_over(text: str) -> str:
        home.mkdir()
        (home / "dagster.yaml").write_text(text)
        dagster_home()
        return (home / "dagster.yaml").read_text()

    return take_over


def test_a_new_home_is_below_the_current_folder_and_has_the_shipped_configuration(tmp_path, monkeypatch):
    # Set first, so that it is taken back at the end.
    monkeypatch.setenv("DAGSTER_HOME", "")
    assert dagster_home() == tmp_path / "data/dagster"
    assert os.environ["DAGSTER_HOME"] == str(tmp_path / "data/dagster")
    assert (tmp_path / "data/dagster/dagster.yaml").read_text() == shipped("dagster.yaml").read_text()


def test_a_changed_dagster_yaml_is_listed_as_shipped():
    """Else homes that have today's would never get the next one: append the digest of the new file."""
    assert sha256(shipped("dagster.yaml").read_bytes()).hexdigest() == SHIPPED[-1]


def test_an_older_configuration_that_nobody_edited_is_replaced(former, capsys):
    assert sha256(FORMER.encode()).hexdigest() in SHIPPED
    assert former(FORMER) == shipped("dagster.yaml").read_text()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("event_log", "comments"),
    [
        ("", True),
        (
            "event_log_storage:\n  module: spotify_assets.dagster_storage\n  class: PersistentSqliteEventLogStorage\n"
            "  config: {base_dir: {env: SPOTIFY_ASSETS_EVENT_LOG}}\n",
            False,
        ),
        (
            "event_log_storage: {module: spotify_assets.dagster_storage, class: PersistentSqliteEventLogStorage,\n"
            "  config: {base_dir: {env: SPOTIFY_ASSETS_EVENT_LOG}}}\n",
            False,
        ),
        (
            "event_log_storage:\n  config:\n    # where\n    base_dir:\n      env: SPOTIFY_ASSETS_EVENT_LOG\n"
            "  class: PersistentSqliteEventLogStorage\n  module: spotify_assets.dagster_storage\n",
            False,
        ),
    ],
)
def test_an_edited_configuration_keeps_its_edits(former, capsys, home, event_log, comments):
    edited = FORMER.replace("max_concurrent_runs: 2", "max_concurrent_runs: 7  # a large machine")
    if event_log:
        edited = edited[: edited.index("event_log_storage")] + event_log
    taken_over = former(edited)
    content = yaml.safe_load(taken_over)
    assert content["concurrency"]["runs"]["max_concurrent_runs"] == 7
    assert content["event_log_storage"] == EVENT_LOG
    if comments:
        assert "# a large machine" in taken_over
    [line] = capsys.readouterr().err.splitlines()
    assert str(home / "dagster.yaml") in line
    dagster_home()
    assert capsys.readouterr().err == ""


def test_a_configuration_of_ones_own_is_left_alone(former, capsys):
    own = "event_log_storage:\n  module: dagster_postgres\n  class: PostgresEventLogStorage\n  config: {}\n"
    assert former(own) == own
    assert capsys.readouterr().err == ""


def test_a_home_below_any_folder(home, monkeypatch, tmp_path):
    odd = tmp_path / "sp ace ü#?100%25[1]"
    monkeypatch.setenv("DAGSTER_HOME", str(odd))
    with instance() as persistent:
        run = create_run_for_test(persistent)
    with instance() as persistent:
        assert [record.run_id for record in persistent.get_runs()] == [run.run_id]
    assert (odd / "history/runs.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == [odd.name]


def test_the_event_log_is_where_dagster_keeps_its_own(home):
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.get() as before:
        run = create_run_for_test(before, job_name="a_job")
        before.report_engine_event("told before", run)
    (home / "dagster.yaml").write_text(FORMER)
    with instance() as after:
        assert isinstance(after.event_log_storage, PersistentSqliteEventLogStorage)
        messages = [entry.message for entry in after.all_logs(run.run_id)]
    assert any("told before" in message for message in messages)


def test_a_home_from_before_works_with_dagsters_commands_too(home):
    home.mkdir()
    (home / "dagster.yaml").write_text(FORMER)
    with dg.DagsterInstance.get() as opened:
        assert isinstance(opened.event_log_storage, PersistentSqliteEventLogStorage)
        assert opened.event_log_storage.path_for_shard("index") == str(home / "history/runs/index.db")


def test_without_a_home_the_log_is_in_the_temporary_folder_of_the_command(tmp_path, monkeypatch):
    """`dagster dev` and others configure a temporary folder by the dagster.yaml of the current one."""
    from dagster._cli.utils import get_possibly_temporary_instance_for_cli

    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "dagster.yaml").write_text(shipped("dagster.yaml").read_text())
    with get_possibly_temporary_instance_for_cli() as opened:
        assert isinstance(opened.event_log_storage, PersistentSqliteEventLogStorage)
        create_run_for_test(opened, job_name="a_job")
        assert (Path(opened.root_directory) / "history/runs/index.db").exists()
        assert Path(opened.root_directory) != tmp_path
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dagster.yaml"]


def test_a_checkout_is_a_home_of_its_own(tmp_path):
    """`DAGSTER_HOME=$PWD dagster job list -w workspace.yaml`, with no further variable."""
    checkout = Path(spotify_assets.__file__).parent.parent
    for name in ("dagster.yaml", "workspace.yaml"):
        (tmp_path / name).write_text((checkout / name).read_text())
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "job", "list", "-w", "workspace.yaml"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("SPOTIFY_ASSETS_")}
        | {"DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Job: refresh_tables" in done.stdout
