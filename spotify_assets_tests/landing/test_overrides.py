import pytest

from spotify_assets.landing.overrides import DateOrders, OverrideProblem, read_date_orders
from spotify_assets.landing.zone import LandingZone
from spotify_assets.settings import load_settings
from spotify_assets.storage import StorageError

PATH = "overrides/date_order.csv"


def read(tmp_path, content, **settings):
    landing = LandingZone(str(tmp_path))
    if content is not None:
        landing.land(PATH, content if isinstance(content, bytes) else content.encode())
    return read_date_orders(landing, load_settings(**settings))


def test_an_order_is_that_of_a_file_or_of_all_in_an_archive(tmp_path):
    orders = read(
        tmp_path,
        "source_file,order\nhistory/anna/a.csv,day_first\n\nhistory/anna/b.zip, Month_First\n"
        '"history/a,b.csv",day_first\n',
        date_order="day_first",
    )
    assert orders.problems == ()
    assert orders.default == "day_first"
    sources = ("history/anna/a.csv", "history/anna/b.zip!in/c.csv", "history/a,b.csv", "history/anna/other.csv")
    assert [orders.of(source) for source in sources] == ["day_first", "month_first", "day_first", None]
    assert list(orders.unmatched(["history/anna/a.csv", "history/anna/b.zip"])) == [
        OverrideProblem(PATH, "line 5: there is no file 'history/a,b.csv' in the landing zone")
    ]


def test_a_spreadsheet_may_have_saved_it(tmp_path):
    orders = read(tmp_path, "\ufeffOrder;Note;Source_file\r\nday_first;why;a.csv\r\n")
    assert orders.by_source == {"a.csv": "day_first"}


def test_a_bad_line_is_told_and_skipped(tmp_path):
    orders = read(tmp_path, "source_file,order\na.csv,dmy\nb.csv\n,day_first\nc.csv,month_first\n")
    assert orders.by_source == {"c.csv": "month_first"}
    assert [problem.reason for problem in orders.problems] == [
        "line 2: expected a file and day_first or month_first, got 'dmy'",
        "line 3 has 1 columns, not 2",
        "line 4: expected a file and day_first or month_first, got 'day_first'",
    ]


def test_a_file_without_the_header_or_that_is_no_text_is_told(tmp_path):
    assert read(tmp_path, None) == DateOrders()
    for content, reason in [
        ("a.csv,day_first\n", "its first line is not the header source_file,order"),
        ("", "its first line is not the header source_file,order"),
        (
            b"source_file,order\n\xff",
            "it can't be used: it is no UTF-8 text: byte 0xff at position 18; save it as UTF-8",
        ),
    ]:
        assert read(tmp_path, content).problems == (OverrideProblem(PATH, reason),)


def test_only_what_applies_to_a_file_is_in_its_version(tmp_path):
    orders = read(tmp_path, "source_file,order\na.zip!b.csv,day_first\n", date_order="month_first")
    assert orders.version("a.zip", depends_on_default=False) == " dates !b.csv=day_first"
    assert orders.version("a.zip", depends_on_default=True) == " dates !b.csv=day_first else month_first"
    assert orders.version("a.zi", depends_on_default=True) == " dates else month_first"
    assert orders.version("a.zi", depends_on_default=False) == ""


def test_an_error_of_the_disk_drops_no_line(tmp_path):
    (tmp_path / PATH).mkdir(parents=True)  # opening it fails, as on a network share that is gone
    with pytest.raises(StorageError, match=r"overrides/date_order[.]csv can't be read now: is a directory"):
        read(tmp_path, None)


@pytest.mark.parametrize("rest", ["d.csv,day_first\n", "x" * 200_000])
def test_a_quote_that_is_never_closed_ends_the_file(tmp_path, rest):
    orders = read(
        tmp_path,
        f'source_file,order,note\na.csv,day_first,"two\nlines"\n\nb.csv,day_first,\nc.csv,day_first,"why\n{rest}',
    )
    assert orders.by_source == {"a.csv": "day_first", "b.csv": "day_first"}
    assert [problem.reason for problem in orders.problems] == [
        "line 6 has a quote that is never closed; no more lines are read"
    ]
