"""After any sequence of changes, interrupted anywhere, a sync gives what starting over would give."""

import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spotify_assets.lake.tables import Lake
from spotify_assets.refresh.frames import LakeFrames
from spotify_assets_tests.conftest import World, account, extended

MOMENTS = ("2024-01-31T12:00:00Z", "2024-01-31T12:00:30Z", "2024-02-01T00:30:00Z", "2024-04-10T12:00:00Z", "soon")
NAMES = ("Song", "song ", "Other")

records = st.one_of(
    st.builds(
        extended, st.sampled_from(MOMENTS), st.sampled_from([200_000, 100, "long"]), st.sampled_from([*NAMES, None])
    ),
    st.sampled_from([5, {}]),
)
minutes = st.sampled_from(("2024-01-31 12:00", "2024-02-01 00:30", "2024-03-10 12:00"))
contents = st.one_of(
    st.lists(records, max_size=4),
    st.lists(st.builds(account, minutes, st.just(200_000), st.sampled_from(NAMES)), min_size=1, max_size=3),
    st.just(b"[{"),
)
paths = st.sampled_from(("anna/a.json", "anna/b.json", "ben/a.json"))
steps = st.one_of(
    st.tuples(st.just("land"), paths, contents),
    st.tuples(st.just("delete"), paths),
    st.tuples(st.just("set"), st.sampled_from([{}, {"min_ms_played": 0}, {"timezones": {"anna": "Asia/Tokyo"}}])),
    st.tuples(st.just("sync")),
    st.tuples(st.just("killed"), st.integers(1, 12)),
)


class Killed(BaseException):
    """As if the process were gone."""


def sync_and_die(world: World, commits: int) -> None:
    """Sync, and die right after that many commits."""
    done = 0

    def count(write: Any) -> Any:
        def written(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            result = write(*arguments, **options)
            done += 1
            if done >= commits:
                raise Killed
            return result

        return written

    raw = mock.patch.object(Lake, "replace", count(Lake.replace))
    computed = mock.patch.object(LakeFrames, "write", count(LakeFrames.write))
    with raw, computed:
        try:
            world.sync()
        except Killed:
            return


def apply(world: World, step: tuple) -> None:
    match step:
        case ("land", path, content):
            world.land(path, content)
        case ("delete", path):
            (world.root / "landing/history" / path).unlink(missing_ok=True)
        case ("set", overrides):
            world.overrides = overrides
        case ("sync",):
            world.sync()
        case ("killed", commits):
            sync_and_die(world, commits)


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first=contents, others=st.lists(steps, min_size=2, max_size=5))
def test_incremental_equals_rebuild(spark, first, others):
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), spark)
        world.land("anna/a.json", first)
        world.sync()
        for step in others:
            apply(world, step)
        world.sync()
        incremental = world.everything()
        assert not world.refresh()
        shutil.rmtree(world.settings.lake_uri)
        world.sync()
        assert incremental == world.everything()
