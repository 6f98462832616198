"""Landed responses: from files to raw tables, and their effect on later tables."""

import json
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from deltalake.exceptions import CommitFailedError

from spotify_assets.ingest import playlist_rows
from spotify_assets.ingest.columns import Limits
from spotify_assets.ingest.responses import mirror_metadata, mirror_playlists
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.model.raw import METADATA_TABLES
from spotify_assets.refresh import staleness
from spotify_assets.storage import Folder, StorageError
from spotify_assets_tests.conftest import account, extended, some_metrics
from spotify_assets_tests.readers.test_metadata import album, features, full_artist, line
from spotify_assets_tests.readers.test_playlists import (
    HOSTILE,
    PLAYLIST,
    about,
    capture,
    entry,
    episode,
    id_of,
    local,
    page,
    track,
)
from spotify_assets_tests.readers.test_recently_played import page as recent_page
from spotify_assets_tests.readers.test_recently_played import play

pytestmark = [pytest.mark.integration, some_metrics]

DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")


def land(world, path, content):
    """Land a file below the landing zone: text, bytes, or a document as JSON."""
    if not isinstance(content, str | bytes):
        content = json.dumps(content)
    world.landing.land(path, content.encode("utf-8", "replace") if isinstance(content, str) else content)
    return world.root / "landing" / path


def mirror(world, *keys):
    return mirror_playlists(world.landing, world.lake, world.settings, keys or DAYS)


def files(world):
    """Status and items by file, below the day's folder."""
    rows = world.rows("raw_playlist_files")
    return {row["source_file"].removeprefix("playlists/"): (row["status"], row["items"]) for row in rows}


def snapshot(world):
    """Names by day and playlist."""
    names: dict[tuple[str, str], list[str]] = {}
    for row in world.rows("raw_playlists"):
        names.setdefault((f"{row['snapshot_date']}", row["playlist_id"]), []).append(row["track_name"])
    return names


def test_a_capture_is_mirrored(world):
    land(world, "playlists/2024-01-02/x.json", capture(track("A"), None, local("Demo")))
    land(world, "playlists/2024-01-02/deeper/y.061530.json", [entry(track("B"))])
    mirror(world)
    assert snapshot(world) == {("2024-01-02", PLAYLIST): ["A", None, "Demo"], ("2024-01-02", "y"): ["B"]}
    told = ("source_file", "playlist_id", "playlist_name", "captured_at", "status", "items", "month")
    rows = [tuple(row[name] for name in told) for row in world.rows("raw_playlist_files")]
    at = datetime(2024, 1, 2, 6, 15, 30, tzinfo=UTC)
    month = date(2024, 1, 1)
    assert rows == [
        ("playlists/2024-01-02/deeper/y.061530.json", "y", None, at, "read", 1, month),
        ("playlists/2024-01-02/x.json", PLAYLIST, "Morning", datetime(2024, 1, 31, 6, tzinfo=UTC), "read", 3, month),
    ]
    assert [row["position"] for row in world.rows("raw_playlists")] == [0, 1, 2, 0]
    assert {row["playlist_name"] for row in world.rows("raw_playlists")} == {"Morning", None}


@pytest.mark.parametrize(
    ("captured", "last"),
    [
        ({"p.json": "06:00", "p.080000.json": "08:00", "p.070000.json": "07:00"}, "p.080000.json"),
        ({"p.json": "23:00", "p.080000.json": "08:00"}, "p.json"),
        ({"p.json": None, "p.080000.json": None, "p.070000.json": None}, "p.080000.json"),
        ({"a.json": None, "b.json": None}, "b.json"),
        ({"a.json": "06:00", "b.json": None}, "a.json"),
        ({"a.json": "06:00", "b.json": "06:00"}, "b.json"),
        ({"a.json": "soon", "b.010000.json": None}, "b.010000.json"),
    ],
)
def test_the_days_last_capture_is_its_snapshot(world, captured, last):
    for name, at in captured.items():
        moment = at and (f"2024-01-02T{at}:00Z" if ":" in at else at)
        land(world, f"playlists/2024-01-02/{name}", capture(track(name), captured_at=moment))
    mirror(world)
    assert files(world) == {
        f"2024-01-02/{name}": ("read", 1) if name == last else ("replaced", 0) for name in captured
    }
    assert snapshot(world) == {("2024-01-02", PLAYLIST): [last]}


def test_a_later_capture_that_cannot_be_read_replaces_nothing(world):
    land(world, "playlists/2024-01-02/p.json", capture(track("A")))
    land(world, "playlists/2024-01-02/p.080000.json", json.dumps(capture(track("B")))[:-9])
    land(world, "playlists/2024-01-02/p.090000.json", capture(track("B")) | {"pages": [page(total=7)]})
    land(world, "playlists/2024-01-02/p.100000.json", {"error": {"status": 404}})
    mirrored = mirror(world)
    assert snapshot(world) == {("2024-01-02", PLAYLIST): ["A"]}
    assert {name: status for name, (status, _) in files(world).items()} == {
        "2024-01-02/p.json": "read",
        "2024-01-02/p.080000.json": "unreadable",
        "2024-01-02/p.090000.json": "unreadable",
        "2024-01-02/p.100000.json": "ignored",
    }
    assert sorted(mirrored.unreadable) == [f"playlists/2024-01-02/p.{hour}0000.json" for hour in ("08", "09")]
    assert "cut off" in mirrored.unreadable["playlists/2024-01-02/p.080000.json"]


def test_days_do_not_mix(world):
    for day, name in zip(DAYS, "ABC", strict=True):
        land(world, f"playlists/{day}/p.json", capture(track(name)))
    mirrored = mirror(world)
    assert snapshot(world) == {(day, PLAYLIST): [name] for day, name in zip(DAYS, "ABC", strict=True)}
    assert dict(mirrored.rows_by_day["raw_playlists"]) == dict.fromkeys(DAYS, 1)


def test_one_day_again_leaves_the_others(world):
    for day in DAYS:
        land(world, f"playlists/{day}/p.json", capture(track("A")))
    mirror(world)
    for day in DAYS[:2]:
        land(world, f"playlists/{day}/p.json", capture(track("B"), track("C")))
    mirror(world, DAYS[1])
    assert {day: names for (day, _), names in snapshot(world).items()} == {
        DAYS[0]: ["A"], DAYS[1]: ["B", "C"], DAYS[2]: ["A"],
    }  # fmt: skip


def test_a_capture_that_is_replaced_by_one_of_the_same_size_is_read_again(world):
    for name in "AB":
        land(world, "playlists/2024-01-02/p.json", capture(track(name)))
        assert staleness.stale(world.lake, world.settings).windows["raw_playlists"] == ["2024-01-02"]
        mirror(world)
    assert snapshot(world) == {("2024-01-02", PLAYLIST): ["B"]}


def test_an_empty_playlist_is_a_snapshot_without_items(world):
    land(world, "playlists/2024-01-02/p.json", capture())
    mirror(world)
    assert (files(world), snapshot(world)) == ({"2024-01-02/p.json": ("read", 0)}, {})


def test_files_outside_of_day_folders_are_ignored(world):
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    for folder in ("2019-12-31", f"{tomorrow}", "soon", "2024-1-2", "2024-02-30", "20240102", "2024-01-02 "):
        land(world, f"playlists/{folder}/p.json", capture(track("A")))
    land(world, "playlists/p.json", capture(track("A")))
    assert not staleness.stale(world.lake, world.settings).windows
    land(world, "playlists/2024-01-02/p.json", capture(track("A")))
    land(world, "playlists/2024-01-02/.DS_Store", b"\x00\x01")
    land(world, "playlists/2024-01-02/p.json.part", "[{")
    land(world, "playlists/2024-01-02/notes.txt", "not mine")
    assert staleness.stale(world.lake, world.settings).windows["raw_playlists"] == ["2024-01-02"]
    mirrored = mirror(world)
    assert files(world) == {"2024-01-02/p.json": ("read", 1), "2024-01-02/notes.txt": ("ignored", 0)}
    assert not mirrored.unreadable


def test_a_later_start_of_snapshots_removes_earlier_ones(world):
    for day in DAYS:
        land(world, f"playlists/{day}/p.json", capture(track("A")))
    mirror(world)
    world.overrides = {"snapshots_start": datetime(2024, 1, 2, tzinfo=UTC)}
    keys = staleness.stale(world.lake, world.settings).windows["raw_playlists"]
    mirror(world, *keys)
    assert {day for day, _ in snapshot(world)} == {"2024-01-02", "2024-01-03"}
    assert "raw_playlists" not in staleness.stale(world.lake, world.settings).windows


def test_a_file_that_goes_or_cannot_be_opened(world, monkeypatch):
    outside = world.root / "outside.json"
    outside.write_text(json.dumps(capture(track("A"))))
    gone = land(world, "playlists/2024-01-02/gone.json", capture(track("A")))
    (world.root / "landing/playlists/2024-01-02/link.json").symlink_to(outside)
    (world.root / "landing/playlists/2024-01-02/nowhere.json").symlink_to(world.root / "nowhere")
    opened = Folder.open
    monkeypatch.setattr(Folder, "open", lambda self, path: (gone.unlink(True), opened(self, path))[1])
    assert mirror(world).unreadable == {
        "playlists/2024-01-02/link.json": "it is a link that leads out of the landing zone; copy the file itself",
    }
    assert sorted(files(world)) == ["2024-01-02/link.json"]


def test_a_file_that_cannot_be_read_now_drops_nothing_and_is_read_by_the_next_run(world, monkeypatch):
    def deny(self, path):
        raise PermissionError(13, "Permission denied", path)

    land(world, "playlists/2024-01-02/p.json", capture(track("A")))
    land(world, "metadata/tracks/a.ndjson", line(track("A")["id"], track("A")))
    mirror(world)
    metadata(world)
    land(world, "playlists/2024-01-02/q.json", capture(track("B")))
    land(world, "metadata/tracks/b.ndjson", line(track("B")["id"], track("B")))
    with monkeypatch.context() as denied:
        denied.setattr(Folder, "open", deny)
        with pytest.raises(StorageError, match=r"^playlists/2024-01-02/p.json can't be read now: permission denied; "):
            mirror(world)
        with pytest.raises(StorageError, match=r"^metadata/tracks/a.ndjson can't be read now: permission denied; "):
            metadata(world)
    assert sorted(files(world)) == ["2024-01-02/p.json"]
    assert len(world.rows("track_metadata")) == 1
    mirror(world)
    assert sorted(files(world)) == ["2024-01-02/p.json", "2024-01-02/q.json"]
    assert len(metadata(world)[0]) == 2


def land_days(world, *days):
    """Land a capture of a track of its own for each day; return the captures in order."""
    for day, name in zip(days, "ABCDEF", strict=False):
        land(world, f"playlists/{day}/p.json", capture(track(name)))
    return list(world.landing.captures("playlists"))


def test_a_day_is_read_when_its_rows_are_asked_for(world):
    opened = []

    def fetched(captures):
        for capture_, opener in world.landing.fetch(captures):
            opened.append(f"{capture_.day}")
            yield capture_, opener

    days = playlist_rows.snapshot_rows(fetched(land_days(world, *DAYS)), [], Limits(1_000_000, 1_000_000))
    assert next(days).items["track_name"].to_pylist() == ["A"]
    # The first file of the next day ends a day.
    assert opened == [*DAYS[:2]]
    assert [day.items["track_name"].to_pylist() for day in days] == [["B"], ["C"]]
    assert opened == [*DAYS]


def conflict_once(monkeypatch, meanwhile):
    """Let the first commit of items fail as if another writer had been first, after all of them were read."""
    write, failed = Lake.write, []

    def conflicting(lake, table, rows, **options):
        if table == "raw_playlists" and "predicate" in options and not failed:
            failed.append(sum(batch.num_rows for batch in rows))
            meanwhile()
            raise CommitFailedError("Failed to commit transaction")
        write(lake, table, rows, **options)

    monkeypatch.setattr(Lake, "write", conflicting)
    return failed


def test_after_a_conflict_the_captures_are_read_again(world, monkeypatch):
    land_days(world, *DAYS)
    broken = land(world, "playlists/2024-01-02/q.json", "{")
    failed = conflict_once(monkeypatch, lambda: None)
    mirrored = mirror(world)
    assert failed == [3]
    assert snapshot(world) == {(day, PLAYLIST): [name] for day, name in zip(DAYS, "ABC", strict=True)}
    assert files(world)[f"2024-01-02/{broken.name}"] == ("unreadable", 0)
    assert {table: dict(rows) for table, rows in mirrored.rows_by_day.items()} == {
        "raw_playlists": dict.fromkeys(DAYS, 1),
        "raw_playlist_files": {DAYS[0]: 1, DAYS[1]: 2, DAYS[2]: 1},
    }
    assert list(mirrored.unreadable) == ["playlists/2024-01-02/q.json"]


def test_both_tables_are_of_the_attempt_that_was_committed(world, monkeypatch):
    land_days(world, *DAYS)
    conflict_once(monkeypatch, (world.root / "landing/playlists/2024-01-02/p.json").unlink)
    mirrored = mirror(world)
    assert [day for day, _ in snapshot(world)] == [DAYS[0], DAYS[2]]
    assert sorted(files(world)) == ["2024-01-01/p.json", "2024-01-03/p.json"]
    assert dict(mirrored.rows_by_day["raw_playlists"]) == {DAYS[0]: 1, DAYS[2]: 1}


def test_a_landing_zone_that_fails_midway_leaves_what_was_there(world, monkeypatch):
    land_days(world, *DAYS)
    mirror(world)
    before = snapshot(world), files(world), world.lake.open("raw_playlists").version()
    for day in DAYS:
        land(world, f"playlists/{day}/p.json", capture(track("D")))
    opened = Folder.open

    def fail_on_last_day(folder, path):
        if DAYS[2] in path:
            raise StorageError("the landing zone can't be reached")
        return opened(folder, path)

    with monkeypatch.context() as failing:
        failing.setattr(Folder, "open", fail_on_last_day)
        with pytest.raises(StorageError, match=r"^the landing zone can't be reached$"):
            mirror(world)
    assert (snapshot(world), files(world), world.lake.open("raw_playlists").version()) == before
    mirror(world)
    assert set(map(tuple, snapshot(world).values())) == {("D",)}


def test_a_failing_reader_affects_its_file_only(world, monkeypatch):
    land(world, "playlists/2024-01-02/a.json", capture(track("A"), id=None))
    land(world, "playlists/2024-01-02/b.json", [entry(5), entry(track("B"))])
    item_fields = playlist_rows.item_fields
    monkeypatch.setattr(
        playlist_rows, "item_fields", lambda item: 1 / 0 if item.get("item") == 5 else item_fields(item)
    )
    assert mirror(world).unreadable == {"playlists/2024-01-02/b.json": "its reading failed (ZeroDivisionError)"}
    assert list(snapshot(world)) == [("2024-01-02", "a")]


def test_a_higher_limit_rereads_captures_that_were_too_large(world):
    long = track("A", more="x" * 1_100_000)
    land(world, "playlists/2024-01-02/p.json", capture(long))
    land(world, "playlists/2024-01-03/p.json", capture(track("A")))
    world.overrides = {"max_json_mb": 1}
    assert "SPOTIFY_ASSETS_MAX_JSON_MB" in mirror(world).unreadable["playlists/2024-01-02/p.json"]
    world.overrides = {"max_json_mb": 2}
    assert staleness.stale(world.lake, world.settings).windows["raw_playlists"] == ["2024-01-02"]
    mirror(world, "2024-01-02")
    assert files(world)["2024-01-02/p.json"] == ("read", 1)


def metadata(world, kind="tracks"):
    mirrored = mirror_metadata(world.landing, world.lake, world.settings, kind)
    rows = world.rows(METADATA_TABLES[kind])
    return {row[TABLES[METADATA_TABLES[kind]].primary_key[0]]: row for row in rows}, mirrored.unreadable


def test_the_latest_response_counts(world):
    def told(name, at):
        return line(id_of("A"), track("A", name=name), at)

    jan, feb, mar = (f"2024-0{month}-01T00:00:00Z" for month in (1, 2, 3))
    land(world, "metadata/tracks/1.ndjson", told("January", jan) + told("March", mar) + told("February", feb))
    land(
        world, "metadata/tracks/2024/2.ndjson", line(id_of("A"), None, "2024-04-01T00:00:00Z") + told("nameless", None)
    )
    land(world, "metadata/tracks/3.json", {"tracks": [track("A", name="Undated"), track("B")]})
    land(world, "metadata/tracks/4.ndjson", line(id_of("C"), None) + line(id_of("D"), None, jan))
    land(world, "metadata/tracks/5.ndjson", line(id_of("D"), None, feb) + line(id_of("E"), track("E")) * 2)
    rows, unreadable = metadata(world)
    assert {key[0]: (row["is_found"], row["track_name"]) for key, row in rows.items()} == {
        "A": (True, "March"),
        "B": (True, "B"),
        "C": (False, None),
        "D": (False, None),
        "E": (True, "E"),
    }
    assert rows[id_of("D")]["fetched_at"] == datetime(2024, 2, 1, tzinfo=UTC)
    assert not unreadable


def test_of_responses_at_the_same_time_the_last_in_order_of_path_counts(world):
    land(world, "metadata/tracks/b.ndjson", line(id_of("A"), track("A", name="b")))
    land(world, "metadata/tracks/a.ndjson", line(id_of("A"), track("A", name="a")))
    assert metadata(world)[0][id_of("A")]["track_name"] == "b"


def test_broken_metadata_costs_no_other(world):
    good = [line(id_of(name), full_artist(name)) for name in "ABCD"]
    land(world, "metadata/artists/torn.ndjson", (good[0] + "{}\n5\n" + good[1]).encode() + '{"name": "é'.encode()[:-1])
    land(world, "metadata/artists/broken.json", "[{")
    land(world, "metadata/artists/empty.ndjson", "")
    land(world, "metadata/artists/README.md", "notes")
    land(world, "metadata/artists/good.ndjson", good[2])
    land(world, "metadata/other/good.ndjson", good[3])
    rows, unreadable = metadata(world, "artists")
    assert sorted(row["artist_name"] for row in rows.values()) == ["A", "B", "C"]
    assert unreadable.keys() == {"metadata/artists/torn.ndjson", "metadata/artists/broken.json"}
    assert unreadable["metadata/artists/torn.ndjson"].startswith("3 of its responses")


def test_rows_of_deleted_metadata_are_removed(world):
    gone = land(world, "metadata/albums/a.ndjson", line(id_of("Album"), album()))
    assert list(metadata(world, "albums")[0]) == [id_of("Album")]
    assert "album_metadata" not in staleness.stale(world.lake, world.settings).whole
    gone.unlink()
    assert "album_metadata" in staleness.stale(world.lake, world.settings).whole
    assert metadata(world, "albums")[0] == {}


def kept(world, month="2024-01-01"):
    """Plays and reasons of what is not kept, by time and track, as they would be computed."""
    world.ingest()
    plays = world.compute("plays", [month]).collect()
    rejected = world.compute("rejected_plays", [month]).collect()
    return (
        {(f"{row['played_at']:%H:%M}", row["track_name"]): (row["ms_played"], row["ms_played_is_estimated"])
         for row in plays},
        sorted((f"{row['played_at']:%H:%M}", row["track_name"] or "", row["reason"]) for row in rejected),
    )  # fmt: skip


def test_polls_that_overlap_count_once_and_an_export_supersedes_them(world):
    plays = [play(f"2024-01-02T13:{minute}:00.000Z", name) for minute, name in ((10, "A"), (12, "B"), (20, "C"))]
    world.land("anna/recent/1.json", recent_page(plays[1], plays[0]))
    world.land("anna/recent/2.json", [recent_page(plays[2], plays[1])])
    found, rejected = kept(world)
    assert found == {("13:10", "A"): (200_000, True), ("13:12", "B"): (120_000, True), ("13:20", "C"): (200_000, True)}
    assert rejected == [("13:12", "B", "duplicate")]

    world.land(
        "anna/account.json", [account("2024-01-02 13:10", 90_000, "A"), account("2024-01-02 13:12", 60_000, "B")]
    )
    world.land("ben/export.json", [extended("2024-01-02T13:00:00Z"), extended("2024-01-02T14:00:00Z")])
    found, rejected = kept(world)
    assert {key: ms for key, (ms, _) in found.items() if key[1] != "Song"} == {
        ("13:10", "A"): 90_000,
        ("13:12", "B"): 60_000,
        ("13:20", "C"): 200_000,
    }
    assert rejected == [("13:10", "A", "superseded")] + [("13:12", "B", "superseded")] * 2

    world.land("anna/export.json", [extended("2024-01-02T13:09:58Z", 95_000, "A"), extended("2024-01-02T13:30:00Z")])
    found, rejected = kept(world)
    # The export lacks B and C.
    assert {key for key in found if key[1] != "Song"} == {("13:09", "A"), ("13:12", "B"), ("13:20", "C")}
    assert rejected == [("13:10", "A", "superseded")] * 2 + [("13:12", "B", "superseded")] * 2


def test_recent_plays_without_a_track_or_a_length_are_rejected(world):
    world.land(
        "anna/recent/1.json",
        recent_page(
            play("2024-01-02T13:10:00Z", track=track("A", duration_ms=None)),
            play("2024-01-02T13:11:00Z", track=None),
            play("2024-01-02T13:11:00.400Z", "B"),
            5,
        ),
    )
    found, rejected = kept(world)
    assert found == {}
    assert rejected == [("13:10", "A", "bad_duration"), ("13:11", "", "no_content"), ("13:11", "B", "too_short")]


def everything_in(lake):
    """What stands in the lake's files: their bytes, and all values of all tables."""
    written = b"\n".join(path.read_bytes() for path in Path(lake.uri).rglob("*") if path.is_file())
    return written.decode("utf-8", "replace") + "\n".join(
        json.dumps(table.to_pyarrow_table().to_pylist(), default=str, ensure_ascii=False) for _, table in lake.tables()
    )


def broken_rules(world):
    """Columns of the model's keys and not-null columns that hold what they must not."""
    values = {table: world.lake.read(table).to_pydict() for table in TABLES}
    broken = []
    for name, table in TABLES.items():
        keys = [values[name][column] for column in table.primary_key]
        broken += [f"{name}: {len(keys[0])} rows"] if len(set(zip(*keys, strict=True))) < len(keys[0]) else []
        broken += [
            f"{column}" for column in table.sql.columns if not column.nullable and None in values[name][column.name]
        ]
        for link in table.sql.foreign_keys:
            known = set(values[link.column.table.name][link.column.name])
            broken += [f"{link.parent}"] if not known.issuperset(values[name][link.parent.name]) else []
    return broken


def test_whatever_a_file_holds_every_table_is_computed_and_nobody_is_named(world):
    items = [entry(track(f"T{number}") | {field: value}) for number, value in enumerate(HOSTILE) for field in track()]
    items += [entry(track("T", album=track()["album"] | {field: value})) for value in HOSTILE
              for field in track()["album"]]  # fmt: skip
    items += [entry(track("N", added_by={"display_name": "Some One"})), entry(local()), entry(episode()), entry(None)]
    land(world, "playlists/2024-01-01/a.json", {"playlist": about(), "pages": [page(*items)]})
    for number, value in enumerate(HOSTILE):
        described = about(f"{number:022}") | {"description": value, "owner": {"id": value}, "public": value}
        land(world, f"playlists/2024-01-02/{number}.json", described | {"tracks": page(*items[:2])})
    bodies = {"tracks": track("T1"), "albums": album(), "artists": full_artist(), "audio_features": features("T1")}
    for kind, body in bodies.items():
        lines = [line(body["id"], body | {field: value}) for value in HOSTILE for field in body]
        lines += [json.dumps(json.loads(line(body["id"], body)) | {"fetched_at": value}) + "\n" for value in
                  [*HOSTILE, "9999-12-31T00:00:00Z", "0001-01-01T00:00:00Z"]]  # fmt: skip
        land(world, f"metadata/{kind}/a.ndjson", "".join(lines))
    recent = [
        play("2024-01-02T13:10:00Z", track=track("A") | {field: value}) for value in HOSTILE for field in track()
    ]
    world.land("anna/recent.json", recent_page(*recent))
    world.sync()
    assert len([row for row in world.rows("playlist_tracks") if row["playlist_id"] == PLAYLIST]) == len(items)
    assert {status for status, _ in files(world).values()} == {"read"}
    landed = len(recent)
    assert len(world.rows("plays")) + len(world.rows("rejected_plays")) == landed
    assert not staleness.stale(world.lake, world.settings)
    assert broken_rules(world) == []
    found = re.findall("some.?one.{20}", everything_in(world.lake), re.IGNORECASE)
    assert found == []


def changes(world):
    return [
        (row["snapshot_date"].day, row["change"], row["name"], row["days"])
        for row in sorted(world.rows("playlist_changes"), key=lambda row: (row["snapshot_date"], row["name"]))
    ]


def test_late_captures_and_days_that_go(world):
    for day, name in (("2024-01-01", "A"), ("2024-01-03", "B")):
        land(world, f"playlists/{day}/p.json", capture(track(name), name=f"Version {name}"))
    world.sync("playlist_tracks", "playlist_changes")
    assert changes(world) == [(3, "left", "A", 2), (3, "entered", "B", 2)]

    land(world, "playlists/2024-01-02/p.json", capture(track("B"), name="Version B"))
    world.sync("playlist_tracks", "playlist_changes", "dim_playlist")
    assert changes(world) == [(2, "left", "A", 1), (2, "entered", "B", 1)]
    versions = [(f"{row['valid_from']}", row["playlist_name"]) for row in world.rows("dim_playlist")]
    assert sorted(versions)[-2:] == [("2024-01-01", "Version A"), ("2024-01-02", "Version B")]

    for day in ("2024-01-02", "2024-01-03"):
        shutil.rmtree(world.root / "landing/playlists" / day)
    world.sync()
    assert changes(world) == []
    for table in ("raw_playlist_files", "raw_playlists", "playlist_tracks", "fct_playlist_tracks"):
        assert {f"{row['snapshot_date']}" for row in world.rows(table)} == {"2024-01-01"}, table
    assert [row["current_position"] for row in world.rows("playlist_track_tenure")] == [0]
    assert not staleness.stale(world.lake, world.settings)


def test_incremental_equals_rebuild(world):
    """Of files that land, change and go."""
    april, may = "2024-04-01T12:00:00Z", "2024-05-01T12:00:00Z"
    land(world, "playlists/2024-01-01/p.json", capture(track("A"), track("B"), name="Morning"))
    land(world, "playlists/2024-01-01/p.080000.json", capture(track("A"), episode(), name="Evening"))
    land(world, "playlists/2024-01-02/p.json", capture(track("A"), local("A", "Band"), None))
    land(world, "playlists/2024-01-02/q.json", [entry(track("C"))])
    land(world, "metadata/tracks/a.ndjson", line(id_of("A"), track("A", name="Z"), may))
    land(world, "metadata/tracks/b.ndjson", line(id_of("A"), track("A"), april) + line(id_of("B"), None, april))
    world.sync()
    for gone in ("playlists/2024-01-01/p.080000.json", "playlists/2024-01-02/q.json", "metadata/tracks/a.ndjson"):
        (world.root / "landing" / gone).unlink()
    land(world, "playlists/2024-01-02/p.json", "[{")
    land(world, "playlists/2024-01-03/p.json", capture(track("B"), track("a"), name="Morning", description="d"))
    land(world, "metadata/tracks/c.ndjson", line(id_of("B"), track("B"), may) + line(id_of("C"), track("C"), None))
    world.sync()
    incremental = world.everything()
    assert not staleness.stale(world.lake, world.settings)
    shutil.rmtree(world.settings.lake_uri)
    world.sync()
    assert incremental == world.everything()
    assert {row["track_name"] for row in incremental["track_metadata"]} >= {"A", "B", "C"}
    assert {row["snapshot_date"].day for row in incremental["fct_playlist_tracks"]} == {1, 3}
