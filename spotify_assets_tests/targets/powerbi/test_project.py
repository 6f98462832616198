"""Projects on disk: what is written, what a second run replaces, and what it keeps."""

import contextlib
import json
import os

import pytest

from spotify_assets.settings import load_settings
from spotify_assets.targets.powerbi import AthenaSource, MySQLSource, ProjectError, write_project
from spotify_assets.targets.powerbi import project as project_module
from spotify_assets.targets.powerbi.project import check_name

SOURCE = MySQLSource("host:3306", "music")
TABLES = ("dim_artist", "dim_date", "fct_plays")
MODEL_FILE = "music.SemanticModel/definition/tables/fct_plays.tmdl"
PAGES_FILE = "music.Report/definition/pages/pages.json"


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def written(tmp_path):
    write_project(tmp_path, "music", SOURCE, TABLES)
    return tmp_path


def test_files_of_a_project(written):
    files = contents(written)
    assert {path for path in files if not path.startswith("music.Report/definition/pages/")} == {
        "music.pbip",
        "music.written.json",
        "music.SemanticModel/.platform",
        "music.SemanticModel/definition.pbism",
        "music.SemanticModel/definition/database.tmdl",
        "music.SemanticModel/definition/expressions.tmdl",
        "music.SemanticModel/definition/model.tmdl",
        "music.SemanticModel/definition/relationships.tmdl",
        "music.SemanticModel/definition/tables/dim_artist.tmdl",
        "music.SemanticModel/definition/tables/dim_date.tmdl",
        "music.SemanticModel/definition/tables/fct_plays.tmdl",
        "music.Report/.platform",
        "music.Report/definition.pbir",
        "music.Report/definition/report.json",
        "music.Report/definition/version.json",
    }
    assert json.loads(files["music.pbip"])["artifacts"] == [{"report": {"path": "music.Report"}}]
    reference = json.loads(files["music.Report/definition.pbir"])["datasetReference"]
    assert reference == {"byPath": {"path": "../music.SemanticModel"}}
    # Properties that the published schemas require and allow.
    assert set(json.loads(files["music.pbip"])) == {"$schema", "version", "artifacts", "settings"}
    assert set(json.loads(files["music.SemanticModel/definition.pbism"])) == {"$schema", "version", "settings"}
    platforms = [json.loads(files[f"music.{kind}/.platform"]) for kind in ("SemanticModel", "Report")]
    assert [one["metadata"]["type"] for one in platforms] == ["SemanticModel", "Report"]
    assert len({one["config"]["logicalId"] for one in platforms}) == 2


def test_a_second_run_changes_nothing(written):
    before = contents(written)
    times = {path: (written / path).stat().st_mtime_ns for path in before if path != "music.written.json"}
    write_project(written, "music", SOURCE, TABLES)
    assert contents(written) == before
    assert times == {path: (written / path).stat().st_mtime_ns for path in times}


def test_other_tables_replace_and_remove_files(written):
    write_project(written, "music", SOURCE, ("dim_artist", "dim_time"))
    tables = written / "music.SemanticModel/definition/tables"
    assert sorted(path.name for path in tables.iterdir()) == ["dim_artist.tmdl", "dim_time.tmdl"]
    assert not (written / "music.SemanticModel/definition/relationships.tmdl").exists()


def test_changed_files_of_the_model_stop_it_before_anything_is_written(written):
    (written / MODEL_FILE).write_text("table fct_plays\n")
    before = contents(written)
    with pytest.raises(ProjectError, match=r"1 files of music were changed .*fct_plays.tmdl: --force"):
        write_project(written, "music", MySQLSource("other", "music"), TABLES)
    assert contents(written) == before
    write_project(written, "music", SOURCE, TABLES, replace_changed=True)
    assert "measure Hours" in (written / MODEL_FILE).read_text()


def test_changed_and_added_files_stay(written):
    page = written / "music.Report/definition/pages/mine/page.json"
    own_table = written / "music.SemanticModel/definition/tables/My measures.tmdl"
    cache = written / "music.SemanticModel/.pbi/localSettings.json"
    for path in (page, own_table, cache):
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    (written / PAGES_FILE).write_text('{"pageOrder": ["mine"]}')
    for _ in range(2):
        # Also where the project has fewer tables, and so fewer visuals, than before.
        done = write_project(written, "music", SOURCE, ("dim_date", "fct_plays"), replace_changed=True)
        assert done.kept == (PAGES_FILE,)
        assert [path.read_text() for path in (page, own_table, cache)] == ["mine"] * 3
        assert (written / PAGES_FILE).read_text() == '{"pageOrder": ["mine"]}'


def test_deleted_files_come_back(written):
    before = contents(written)
    (written / MODEL_FILE).unlink()
    (written / PAGES_FILE).unlink()
    write_project(written, "music", SOURCE, TABLES)
    assert contents(written) == before


def test_lines_that_git_ended_otherwise_are_no_change(written):
    file = written / MODEL_FILE
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    write_project(written, "music", MySQLSource("other", "music"), TABLES)


@pytest.mark.parametrize("there", ["music.pbip", "music.SemanticModel/definition.pbism", "music.Report/report.json"])
def test_a_project_of_others_is_not_overwritten(tmp_path, there):
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("theirs")
    with pytest.raises(ProjectError, match="spotify-assets didn't write it"):
        write_project(tmp_path, "music", SOURCE, TABLES)
    assert contents(tmp_path) == {there: b"theirs"}
    write_project(tmp_path, "other", SOURCE, TABLES)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"../../secret": []}', '{"music.Report/../../a": ["1"]}', '{"music.pbip": 1}']
)
def test_a_damaged_list_of_files_removes_nothing(written, text):
    (written / "music.written.json").write_text(text)
    before = contents(written)
    with pytest.raises(ProjectError, match="is damaged"):
        write_project(written, "music", SOURCE, TABLES)
    assert contents(written) == before


@pytest.mark.parametrize("killed_at", range(1, 12))
def test_a_killed_run_is_finished_by_the_next_one(written, killed_at, monkeypatch, tmp_path_factory):
    other = MySQLSource("other", "music")
    expected = tmp_path_factory.mktemp("expected")
    write_project(expected, "music", other, ("dim_artist", "dim_time", "fct_plays"))
    replace, calls = os.replace, []

    def dies(source, target):
        calls.append(target)
        if len(calls) == killed_at:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(project_module.os, "replace", dies)
    with contextlib.suppress(KeyboardInterrupt):
        write_project(written, "music", other, ("dim_artist", "dim_time", "fct_plays"))
    monkeypatch.undo()
    write_project(written, "music", other, ("dim_artist", "dim_time", "fct_plays"))
    assert {path: found for path, found in contents(written).items() if not path.endswith(".part")} == contents(
        expected
    )


@pytest.mark.parametrize(
    "name", ["", "a/b", "a\\b", "..", ".a.", "a:b", 'a"b', "a\nb", "con", "LPT1", "nul.x", " a", "a ", "a.", "x" * 101]
)
def test_names_that_files_cannot_have_are_refused(name, tmp_path):
    with pytest.raises(ProjectError, match="can't be the project's name"):
        write_project(tmp_path, name, SOURCE, TABLES)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("name", ["listening", "it's (not) mine", "日本語", "a.b", "café=1"])
def test_other_names_are_fine(name, tmp_path):
    assert check_name(name) == name
    write_project(tmp_path, name, SOURCE, ("dim_time",))
    assert (tmp_path / f"{name}.pbip").exists()


@pytest.mark.parametrize(
    ("table", "message"),
    [("fct_play", "is no table"), ("raw_plays", "is a raw table"), ("plays", "is a cleaned table")],
)
def test_tables_that_do_not_fit_are_refused(table, message, tmp_path):
    with pytest.raises(ProjectError, match=message):
        write_project(tmp_path, "music", SOURCE, ("dim_date", table))


def test_no_user_and_no_password_is_written(tmp_path):
    settings = load_settings(mysql_url="mysql://mysql-user:s%40cret@db.example:3307/music?ssl_disabled=true")
    source = MySQLSource.of(settings)
    assert source == MySQLSource("db.example:3307", "music")
    write_project(tmp_path, "music", source)
    for path, content in contents(tmp_path).items():
        for hidden in (b"mysql-user", b"s@cret", b"s%40cret", b"ssl_disabled"):
            assert hidden not in content, path
    assert MySQLSource.of(load_settings(mysql_url="mysql://u:p@db/music")) == MySQLSource("db", "music")


def test_athena(tmp_path):
    write_project(tmp_path, "music", AthenaSource("spotify"), TABLES)
    assert "AmazonAthena.Databases" in (tmp_path / MODEL_FILE).read_text()
