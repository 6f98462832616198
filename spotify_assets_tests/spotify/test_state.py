"""The file that tells the next process of logins and quotas."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spotify_assets.spotify.errors import SpotifyError
from spotify_assets.spotify.state import SpotifyState
from spotify_assets_tests.spotify.conftest import shown

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_it_is_for_its_owner_alone():
    before = os.umask(0)
    try:
        SpotifyState("folder/state.json").keep_login("app", "token")
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path("folder/state.json").stat().st_mode) == 0o600
    assert sorted(os.listdir("folder")) == ["state.json", "state.json.lock"]


def test_it_is_so_from_its_first_byte(monkeypatch):
    modes = []
    monkeypatch.setattr(os, "fsync", lambda file: modes.append(stat.S_IMODE(os.fstat(file).st_mode)))
    Path(".state.json.part").touch(0o666)
    SpotifyState("state.json").keep_login("app", "token")

    assert modes == [0o600]


def test_changes_of_several_at_once_are_all_kept():
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: SpotifyState("state.json").add_single_reads("app", f"kind-{number}"), range(40)))

    assert len(SpotifyState("state.json").of("app").single_reads) == 40


def test_a_block_that_a_clock_years_ahead_stored_does_not_hold():
    state, soon = SpotifyState("state.json"), datetime.now(UTC) + timedelta(days=7)
    for until, expected in ((soon, (soon, {"tracks": soon})), (soon + timedelta(days=3650), (None, {}))):
        state.block("app", until)
        state.refuse("app", "tracks", until)
        known = state.of("app")
        assert (known.blocked_until, known.refused_until) == expected


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"app": 3}', b"\xff", b'{"app": {"blocked_until": "x-token"}}']
)
def test_a_damaged_file(content):
    Path("state.json").write_bytes(content)

    for use in (
        lambda: SpotifyState("state.json").of("app"),
        lambda: SpotifyState("state.json").block("app", NOW),
    ):
        with pytest.raises(SpotifyError, match=r"state[.]json is damaged; delete it") as caught:
            use()
        assert "x-token" not in shown(caught.value)


def test_a_folder_in_its_place():
    Path("state.json").mkdir()

    with pytest.raises(SpotifyError, match=r"state[.]json cannot be read"):
        SpotifyState("state.json").of("app")


def test_a_file_in_place_of_its_folder():
    Path("folder").touch()

    with pytest.raises(SpotifyError, match=r"folder/state[.]json cannot be"):
        SpotifyState("folder/state.json").keep_login("app", "token")


@pytest.mark.parametrize(
    ("authorized_at", "ends_at"),
    [
        ("2026-01-15T10:00:00Z", "2026-07-15T10:00:00Z"),
        ("2026-08-31T10:00:00Z", "2027-02-28T10:00:00Z"),
        ("2026-12-01T00:30:00+02:00", "2027-05-30T22:30:00Z"),
    ],
)
def test_a_login_ends_six_months_after_it_was_made(authorized_at, ends_at):
    Path("state.json").write_text(json.dumps({"app": {"refresh_token": "x", "authorized_at": authorized_at}}))

    assert SpotifyState("state.json").login_ends_at("app") == datetime.fromisoformat(ends_at)
    assert SpotifyState("state.json").login_ends_at("another") is None
