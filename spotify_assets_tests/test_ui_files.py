import os

from spotify_assets.ui_files import RUN_DATABASE, version_of_runs


def test_it_changes_with_either_file_and_a_file_that_is_not_there_is_no_error(tmp_path):
    assert version_of_runs(tmp_path) == []
    (tmp_path / "history").mkdir()
    seen = [version_of_runs(tmp_path)]
    for name in RUN_DATABASE:
        (tmp_path / name).touch()
        seen.append(version_of_runs(tmp_path))
        os.utime(tmp_path / name, (1, 1))
        seen.append(version_of_runs(str(tmp_path)))
    assert [len(version) for version in seen] == [0, 1, 1, 2, 2]
    assert len({tuple(version) for version in seen}) == 5


def test_a_file_that_goes_while_it_is_looked_at_is_no_error(tmp_path, monkeypatch):
    """SQLite removes the write-ahead log when the last connection is closed."""
    (tmp_path / "history").mkdir()
    (tmp_path / RUN_DATABASE[0]).touch()
    monkeypatch.setattr(os.path, "exists", lambda path: True)
    assert len(version_of_runs(tmp_path)) == 1
