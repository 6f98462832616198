"""Parquet files become the rows of a table in one commit, in the place of those of the same span and of no others."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake.exceptions import CommitFailedError

from spotify_assets.lake.copies import copies_of
from spotify_assets.lake.data_files import commit_files, replaced_files
from spotify_assets.lake.staging import staging_folder
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.windows import TimeWindow

PLAYS = TABLES["plays"]
MICROSECOND = timedelta(microseconds=1)


def moment(month, day=1):
    return datetime(2024, month, day, tzinfo=UTC)


def month_span(month, *, is_first=False):
    return TimeWindow(moment(month), moment(month + 1), is_first)


@pytest.fixture(params=["disk", "bucket"])
def lake(request, tmp_path):
    return Lake(str(tmp_path / "lake" if request.param == "disk" else request.getfixturevalue("bucket") + "/lake"))


def write(lake, *times, span=None, table="plays", listener="anna", rows_in_group=None):
    """Commit a file for each month of these times, in the place of what is in the span."""
    model, delta, token = TABLES[table], lake.ensure(table), uuid4().hex
    replaced = replaced_files(delta, model, span)
    with staging_folder(lake.uri, token) as staged:
        for month in sorted({time.date().replace(day=1) for time in times}):
            rows = [
                dict.fromkeys(model.columns) | {model.window: time, "listener": listener}
                for time in times
                if time.month == month.month
            ]
            path = staged / f"month={month:%Y-%m-%d}" / "any.parquet"
            path.parent.mkdir(parents=True)
            schema = pa.schema([field for field in model.arrow_schema if field.name != "month"])
            pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=rows_in_group or len(rows))
        commit_files(lake, delta, model, staged, token, replaced, f"metadata of {token}")
        assert not list(staged.rglob("*.parquet"))
    assert not staged.exists()
    return lake.open(table)


def times(lake, table="plays"):
    return sorted(lake.read(table)[TABLES[table].window].to_pylist())


def test_a_span_is_replaced_and_the_rest_stays(lake):
    write(lake, moment(1), moment(2), moment(3))
    delta = write(lake, moment(2, 10), moment(2, 20), span=month_span(2))
    assert times(lake) == [moment(1), moment(2, 10), moment(2, 20), moment(3)]
    assert delta.history(1)[0]["userMetadata"].startswith("metadata of ")
    write(lake, span=month_span(2))
    assert times(lake) == [moment(1), moment(3)]
    write(lake, moment(4))
    assert times(lake) == [moment(4)]


def test_the_first_span_reaches_back_to_the_first_row(lake):
    write(lake, moment(1), moment(2), moment(3))
    write(lake, moment(2, 5), span=month_span(2, is_first=True))
    assert times(lake) == [moment(2, 5), moment(3)]


def test_files_that_also_have_rows_outside_the_span_are_told(lake):
    delta = write(lake, moment(1, 5), moment(1, 20), moment(2))
    january, february = date(2024, 1, 1), date(2024, 2, 1)

    def replaced(first, end, *, is_first=False):
        found = replaced_files(delta, PLAYS, TimeWindow(first, end, is_first))
        return len(found.actions), found.shared

    assert replaced(moment(1), moment(1, 10)) == (1, {january})
    assert replaced(moment(1, 10), moment(2)) == (1, {january})
    assert replaced(moment(1, 10), moment(2), is_first=True) == (1, set())
    assert replaced(moment(1, 5) + MICROSECOND, moment(3)) == (2, {january})
    assert replaced(moment(1, 5), moment(1, 20)) == (1, {january})
    assert replaced(moment(1, 5), moment(1, 20) + MICROSECOND) == (1, set())
    assert replaced(moment(1, 21), moment(1, 22)) == (0, set())
    assert replaced(moment(1), moment(2) + MICROSECOND) == (2, set())
    assert replaced(moment(2), moment(2), is_first=True) == (1, set())
    assert replaced(moment(2) + MICROSECOND, moment(3)) == (0, set())
    assert february not in replaced(moment(1, 7), moment(3))[1]
    # Rows that stay are read from all files of the month, and so all are replaced.
    delta = append(lake, moment(1, 25))
    assert replaced(moment(1), moment(1, 10)) == (2, {january})
    assert replaced(moment(1), moment(1, 22)) == (1, set())


def append(lake, *times):
    """A further file of the months of these times."""
    rows = [dict.fromkeys(PLAYS.columns) | {"played_at": one, "month": one.date().replace(day=1)} for one in times]
    lake.write("plays", pa.Table.from_pylist(rows, PLAYS.arrow_schema), mode="append")
    return lake.open("plays")


def test_what_the_log_does_not_say_is_not_guessed(lake):
    """Of a file without statistics, its month is known."""
    write(lake, moment(1, 5))
    delta = append(lake, moment(1, 5))
    actions = [file.as_py() for file in pa.array(pa.table(delta.get_add_actions(flatten=True)).to_pylist())]
    assert len(actions) == 2

    class Forgetful:
        """The table as another program could have written it."""

        protocol, version, metadata = delta.protocol, delta.version, delta.metadata

        @staticmethod
        def get_add_actions(*, flatten):
            kept = [{name: file[name] for name in file if not name.startswith(("min.", "max."))} for file in actions]
            return pa.Table.from_pylist(kept)

    assert replaced_files(Forgetful, PLAYS, TimeWindow(moment(1, 4), moment(1, 6))).shared == {date(2024, 1, 1)}
    assert not replaced_files(Forgetful, PLAYS, month_span(1)).shared
    assert len(replaced_files(Forgetful, PLAYS, month_span(1)).actions) == 2
    elsewhere = [file | {"path": f"s3://another/{file['path']}"} for file in actions]
    Forgetful.get_add_actions = staticmethod(lambda *, flatten: pa.Table.from_pylist(elsewhere))
    assert replaced_files(Forgetful, PLAYS, month_span(1)) is None
    nowhere = [file | {"partition.month": None} for file in actions]
    Forgetful.get_add_actions = staticmethod(lambda *, flatten: pa.Table.from_pylist(nowhere))
    assert replaced_files(Forgetful, PLAYS, month_span(1)) is None


def test_a_table_with_features_of_another_program_is_left_to_the_engine(lake):
    delta = write(lake, moment(1))
    delta.alter.add_constraint({"recent": "played_at > '2000-01-01'"})
    assert replaced_files(lake.open("plays"), PLAYS, month_span(1)) is None


@pytest.fixture
def as_it_was(monkeypatch):
    """Tables stay in the version in which they were opened: the commits of others come too late to be seen."""
    monkeypatch.setattr(Lake, "ensure", lambda lake, table: lake.opened(table))


def test_of_two_writers_of_one_version_the_later_one_fails(lake, request):
    """Both find nothing to replace; with both, the rows would be there twice."""
    late = Lake(lake.uri)
    late.ensure("plays")
    write(lake, moment(1), span=month_span(1))
    request.getfixturevalue("as_it_was")
    with pytest.raises(CommitFailedError, match="Failed to commit transaction"):
        write(late, moment(1), span=month_span(1))
    assert times(lake) == [moment(1)]


def test_a_table_that_another_thread_opened_again_meanwhile_is_not_committed_to(lake):
    """What is removed is of the version before."""
    delta, token = lake.ensure("plays"), uuid4().hex
    replaced = replaced_files(delta, PLAYS, month_span(1))
    write(Lake(lake.uri), moment(1), span=month_span(1))
    lake.open("plays")
    with staging_folder(lake.uri, token) as staged, pytest.raises(CommitFailedError, match="meanwhile"):
        commit_files(lake, delta, PLAYS, staged, token, replaced, "")
    assert times(lake) == [moment(1)]


def test_files_that_were_taken_away_meanwhile_are_not_committed_as_no_rows(lake):
    delta, token = lake.ensure("plays"), uuid4().hex
    replaced = replaced_files(delta, PLAYS, month_span(1))
    with staging_folder(lake.uri, token) as staged:
        staged.parent.rename(staged.parent.with_name("elsewhere"))
        with pytest.raises(CommitFailedError, match="removed meanwhile"):
            commit_files(lake, delta, PLAYS, staged, token, replaced, "")


def test_the_log_has_rows_and_bounds_by_which_files_are_passed_over(lake):
    first, last = moment(1, 3) + MICROSECOND, moment(1, 30) + 7 * MICROSECOND
    delta = write(lake, last, first, moment(1, 9), listener="Änna 𠮷", rows_in_group=1)
    (file,) = pa.table(delta.get_add_actions(flatten=True)).to_pylist()
    assert (file["num_records"], file["partition.month"]) == (3, date(2024, 1, 1))
    assert (file["min.played_at"], file["max.played_at"]) == (first, last)
    assert (file["min.listener"], file["max.listener"]) == ("Änna 𠮷", "Änna 𠮷")
    assert (file["null_count.played_at"], file["null_count.local_date"]) == (0, 3)
    assert file["min.local_date"] is None
    # What was played is not in the log.
    assert file["min.track_name"] is None
    assert file["path"].endswith(".zstd.parquet")


def test_bounds_are_those_of_the_rows_and_not_of_a_group_that_has_some(lake):
    delta = write(lake, *[moment(5, day) for day in range(1, 29)], rows_in_group=5)
    (file,) = pa.table(delta.get_add_actions(flatten=True)).to_pylist()
    assert (file["min.played_at"], file["max.played_at"]) == (moment(5, 1), moment(5, 28))


def test_what_was_uploaded_is_not_downloaded(bucket, monkeypatch):
    lake = Lake(f"{bucket}/lake")
    delta = write(lake, moment(1), moment(2))
    files = {f"{lake.folder('plays')}/{path}": 1 for path in delta.get_add_actions()["path"].to_pylist()}
    monkeypatch.setattr(type(copies_of(lake.uri)._bucket), "download", None)
    local = lake.local_files(files)
    assert sum(pq.read_metadata(path).num_rows for path in local) == 2
