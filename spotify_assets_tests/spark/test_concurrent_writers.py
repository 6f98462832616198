"""Several processes that write one lake through one Connect server: all finish, nothing is lost or doubled.

On S3 they have to share it: Delta's log there is safe within one server only.
"""

import pytest

from spotify_assets_tests.slow.test_concurrent_writers import MONTHS, PLAYS, all_at_once, by_month, landed


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def place(request, world, s3_bucket):
    """A world of eight months, read and not computed."""
    if request.param == "bucket":
        world.uri = s3_bucket
    return landed(world)


def test_different_months_and_the_same_one_at_once(place, cluster):
    all_at_once(place, cluster.remote, [MONTHS[:1], MONTHS[:1], MONTHS[1:2]], tidied=1)
    assert by_month(place) == {month: PLAYS[month] for month in MONTHS[:2]}
