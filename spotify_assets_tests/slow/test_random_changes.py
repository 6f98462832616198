"""Random changes of files, overrides, time zones and settings: after them, a sync gives what a rebuild gives."""

import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from spotify_assets_tests.conftest import World, account, extended
from spotify_assets_tests.test_incremental_equals_rebuild import sync, sync_killed_after

pytestmark = pytest.mark.metrics

SYNCS = 5
CHANGES = 4
# Around the turn of a year with 53 ISO weeks, and a leap day.
FIRST, DAYS = datetime(2020, 12, 1, tzinfo=UTC), 60
LEAP = datetime(2020, 2, 28, 12, tzinfo=UTC)
# Whose offset changes there is of another season, half an hour, or a day.
ZONES = ["UTC", "Asia/Kathmandu", "America/New_York", "Pacific/Kiritimati", "Australia/Lord_Howe"]
TRACKS = [("Song", "Band"), ("song ", "Band"), ("Other", "Band"), ("Third", "Group"), ("Fourth", "Solo")]
SETTINGS = {
    "min_ms_played": [0, 30_000],
    "session_gap_minutes": [15, 30, 90],
    "chart_size": [2, 100],
    "forgotten_after_days": [7, 365],
    "obsession_plays": [2, 5],
}
EXCLUSIONS = ["track,Other,", "artist,Solo,anna", "period,,ben", "device,android,chloe"]
MERGES = ["artist,Band,Group", "recording,Band - Song,Band - Other", "album,Band - Album,Group - Album"]
GENRES = ["Band,pop", "Group,death metal", "Solo,pop"]


def moments(draw: random.Random, count: int) -> list[datetime]:
    """Times of plays: some a play apart, so that they are of one session, some around the leap day."""
    found = [LEAP if draw.random() < 0.1 else FIRST + timedelta(seconds=draw.randrange(DAYS * 86_400))]
    while len(found) < count:
        if draw.random() < 0.6:
            found.append(found[-1] + timedelta(seconds=draw.choice([0, 200, 230, 4000])))
        else:
            found.append(FIRST + timedelta(seconds=draw.randrange(DAYS * 86_400)))
    return found


def land_extended(world: World, draw: random.Random) -> None:
    records: list[object] = []
    for moment in moments(draw, draw.randint(1, 12)):
        track, artist = draw.choice([*TRACKS, (None, "")])
        more = {
            "conn_country": draw.choice(["SE", "SE", "FR"]),
            "shuffle": draw.random() < 0.5,
            "skipped": draw.choice([None, True, False]),
            "reason_start": draw.choice(["clickrow", "trackdone"]),
        }
        if draw.random() < 0.2:
            began = moment - timedelta(hours=draw.choice([1, 30, 900]))
            more |= {"offline": True, "offline_timestamp": int(began.timestamp())}
        if track is None:
            more |= {
                "episode_name": "Episode",
                "episode_show_name": "Show",
                "spotify_episode_uri": "spotify:episode:" + "E" * 22,
            }
        length = draw.choice([0, 20_000, 200_000, 200_000, 4_000_000, "long"])
        records.append(extended(f"{moment:%Y-%m-%dT%H:%M:%SZ}", length, track, artist, **more))
    if draw.random() < 0.2:
        records.append(5)
    world.land(f"{draw.choice(['anna', 'ben'])}/{draw.randint(1, 4)}.json", records)


def land_account(world: World, draw: random.Random) -> None:
    records = [
        account(f"{moment:%Y-%m-%d %H:%M}", draw.choice([100, 200_000]), *draw.choice(TRACKS))
        for moment in moments(draw, draw.randint(1, 8))
    ]
    world.land(f"{draw.choice(['anna', 'chloe'])}/StreamingHistory{draw.randint(0, 1)}.json", records)


def delete_file(world: World, draw: random.Random) -> None:
    landed = sorted((world.root / "landing").rglob("*.*"))
    if landed:
        draw.choice(landed).unlink()


def land_lines(file: str, header: str, lines: list[str]) -> Callable[[World, random.Random], None]:
    def land(world: World, draw: random.Random) -> None:
        chosen = draw.sample(lines, draw.randint(0, len(lines)))
        world.landing.land(f"overrides/{file}", "\n".join([header, *chosen, ""]).encode())

    return land


def land_catalogue(world: World, draw: random.Random) -> None:
    rows = [f"{artist},{track},{draw.randint(0, 99)},{draw.randint(1960, 2020)}" for track, artist in TRACKS[:-1]]
    chosen = draw.sample(rows, draw.randint(1, len(rows)))
    content = "\n".join(["artist,song,popularity,year", *chosen, ""]).encode()
    world.landing.land(f"catalog/{draw.choice('ab')}.csv", content)


def change_zone(world: World, draw: random.Random) -> None:
    zones = {listener: draw.choice(ZONES) for listener in draw.sample(["anna", "ben", "chloe"], 2)}
    world.overrides = {**world.overrides, "timezones": zones}


def change_setting(world: World, draw: random.Random) -> None:
    name = draw.choice(sorted(SETTINGS))
    world.overrides = {**world.overrides, name: draw.choice(SETTINGS[name])}


ALL_CHANGES: list[Callable[[World, random.Random], None]] = [
    land_extended,
    land_extended,
    land_account,
    delete_file,
    land_lines("exclusions.csv", "what,value,listener", EXCLUSIONS),
    land_lines("merges.csv", "kind,from,into", MERGES),
    land_lines("genres.csv", "artist,genre", GENRES),
    land_catalogue,
    change_zone,
    change_setting,
]


@pytest.mark.parametrize("seed", range(3))
def test_random_changes_give_what_a_rebuild_gives(world, seed):
    draw = random.Random(seed)
    for _ in range(SYNCS):
        land_extended(world, draw)
        for _ in range(draw.randint(1, CHANGES)):
            draw.choice(ALL_CHANGES)(world, draw)
        if draw.random() < 0.4:
            sync_killed_after(world, draw.randint(1, 8))
    sync(world)
    incremental = world.everything()
    assert not world.refresh()
    shutil.rmtree(world.settings.lake_uri)
    sync(world)
    rebuilt = world.everything()
    assert {table for table in rebuilt if rebuilt[table] != incremental[table]} == set()
    assert rebuilt["plays"]
    assert rebuilt["listening_sessions"]
