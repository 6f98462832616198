import gc

import pytest

from spotify_assets import garbage


@pytest.mark.parametrize(("threshold", "expected"), [(700, garbage.THRESHOLD), (100_000, 100_000)])
def test_unused_objects_are_looked_for_less_often_and_never_more_often(threshold, expected):
    former = gc.get_threshold()
    try:
        gc.set_threshold(threshold)
        garbage.collect_rarely()
        assert gc.get_threshold()[0] == expected
    finally:
        gc.set_threshold(*former)
