"""Until when it holds what a reader told of a file; commands under a moved clock are tested where files are read."""

from datetime import timedelta

import pytest

from spotify_assets.readers.clock import CLOCK_SKEW
from spotify_assets.refresh.clock import was_read_by_another_clock, with_end, without_end
from spotify_assets_tests.conftest import utc

NOW = utc("2024-06-01 12:00:00")
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("valid_from", "version"),
    [
        ([], "abc"),
        ([None, None], "abc"),
        ([None, NOW + SECOND, NOW], "abc until 2024-06-01T12:00:00+00:00"),
    ],
)
def test_a_version_ends_where_the_first_time_may_be_valid(valid_from, version):
    assert with_end("abc", valid_from) == version
    assert without_end(version) == "abc"


@pytest.mark.parametrize(
    ("changed", "is_outdated"),
    [
        ({}, False),
        ({"reader_version": "abc until 2024-06-01T12:00:00+00:00"}, True),
        ({"reader_version": "abc until 2024-06-01T12:00:01+00:00"}, False),
        ({"last_reported_at": NOW + CLOCK_SKEW}, False),
        ({"last_reported_at": NOW + CLOCK_SKEW + SECOND}, True),
        ({"exported_at": NOW + CLOCK_SKEW}, False),
        ({"exported_at": NOW + CLOCK_SKEW + SECOND}, True),
    ],
)
def test_files_that_another_clock_read(changed, is_outdated):
    row = {"reader_version": "abc", "last_reported_at": NOW, "exported_at": None}
    assert was_read_by_another_clock([row, row | changed], NOW) is is_outdated


def test_catalogue_files_tell_no_time_of_plays():
    assert not was_read_by_another_clock([{"reader_version": "abc", "exported_at": NOW}], NOW)
