"""A sync that is killed at a random moment, again and again: the next one finishes, and tables are as undisturbed."""

import random
import shutil
import time
from datetime import timedelta

import pytest

from spotify_assets.sandbox.s3_servers import running_s3
from spotify_assets_tests.conftest import LANDED_AT, World, account, extended, some_metrics, use_s3
from spotify_assets_tests.ingest.test_responses import DAYS, capture, track
from spotify_assets_tests.ingest.test_responses import land as land_capture
from spotify_assets_tests.slow import processes
from spotify_assets_tests.test_incremental_equals_rebuild import sync_killed_after


def change(world: World, chance: random.Random) -> None:
    """Land, replace or delete something."""
    month = chance.randint(1, 6)
    name = f"{chance.choice(('anna', 'ben'))}/{month}.json"
    match chance.randint(0, 4):
        case 0:
            world.landing.remove([f"history/{name}"])
        case 1:
            land_capture(
                world, f"playlists/{chance.choice(DAYS)}/p.json", capture(track("A"), track(f"{chance.random()}"))
            )
        case 2:
            world.land(f"anna/account{month}.json", [account(f"2024-{month:02}-15 12:00")])
        case _:
            seconds = chance.sample(range(60), 10)
            plays = [extended(f"2024-{month:02}-15T12:00:{second:02}Z", track=f"{second}") for second in seconds]
            # On disk a file of the same size and time is the same file.
            world.land(name, plays, landed_at=LANDED_AT + timedelta(seconds=chance.randint(1, 10**6)))


@pytest.mark.parametrize(("where", "kills"), [("folder", 30), ("bucket", 10)])
def test_after_every_kill_the_next_sync_goes_on(where, kills, world, monkeypatch, request):
    chance = random.Random(f"killed in a {where}")
    if where == "bucket":
        address = request.getfixturevalue("localbucket")
        world.uri = use_s3(address, monkeypatch)
    for _ in range(8):
        change(world, chance)
    whole = 5.0
    killed = 0
    while killed < kills:
        change(world, chance)
        began = time.monotonic()
        victim = processes.start(processes.sync, world.root, world.uri)
        victim.join(chance.uniform(0, whole))
        if processes.kill(victim):
            killed += 1
            whole *= 1.1
        else:
            whole = time.monotonic() - began
        if killed == kills // 2:
            processes.finish(processes.start(processes.sync, world.root, world.uri))
            processes.require_nothing_stale(world)
    processes.finish(processes.start(processes.sync, world.root, world.uri))
    processes.require_nothing_stale(world)
    after_kills = world.everything()
    empty(world)
    processes.finish(processes.start(processes.sync, world.root, world.uri))
    assert {table for table, rows in world.everything().items() if rows != after_kills[table]} == set()


def empty(world: World) -> None:
    """Take the lake away."""
    if world.uri:
        from spotify_assets.storage import storage_at

        files = storage_at(world.settings.lake_uri)
        files.remove([file.path for file in files.files()])
    else:
        shutil.rmtree(world.settings.lake_uri)


@pytest.fixture
def localbucket():
    with running_s3("localbucket") as address:
        yield address


@some_metrics
def test_killed_after_every_commit_in_turn(world):
    """The second of two exports is synced again and again, each time dying one commit later."""
    world.land("anna/a.json", [extended("2024-01-31T12:00:00Z")])
    world.sync()
    world.land("anna/b.json", [extended("2024-01-31T12:00:30Z"), extended("2024-02-01T00:30:00Z", track="Other")])
    (world.root / "landing/history/anna/a.json").unlink()
    for commits in (1, 2, 3, 4, 5, 8):
        sync_killed_after(world, commits)
    world.land("anna/a.json", [extended("2024-01-31T12:00:00Z")])
    sync_killed_after(world, 6)
    world.sync()
    incremental = world.everything()
    empty(world)
    world.sync()
    assert incremental == world.everything()
