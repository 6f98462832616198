"""What no file of a listener tells is left out of pages, which say so once."""

import duckdb
import pytest

from spotify_assets.dashboard.blocks import AnsweredBlock, Block, paired
from spotify_assets.dashboard.formats import listing
from spotify_assets.dashboard.queries import Query
from spotify_assets_tests.dashboard.conftest import PAGES
from spotify_assets_tests.dashboard.warehouses import ACCOUNT_DATA, FULL, write_warehouse


@pytest.fixture(scope="module")
def account_data(tmp_path_factory):
    """A warehouse of plays as account data tells them."""
    path = write_warehouse(tmp_path_factory.mktemp("account_data") / "warehouse.duckdb", ACCOUNT_DATA)
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM listening_places")
        connection.execute("UPDATE listening_behaviour SET skips = 0, skips_known = 0")
        connection.execute("UPDATE dim_track SET duration_ms = NULL")
    return path


def test_behaviour_shows_how_long_plays_last_and_what_is_not_known(account_data, site_of):
    site = site_of(account_data)
    html, words = site.text("/behaviour"), site.words("/behaviour")
    for name in ("starts", "ends", "devices", "countries", "trips", "chosen", "shuffled", "skipped", "offline"):
        assert f'id="{name}"' not in html, name
    assert (
        "Nothing is known of skips, what you chose, shuffle, plays without a connection, how plays begin, how plays "
        "end, devices and countries: extended history tells that, account data and scrobbles don't." in words
    )
    # Of five plays of tracks four last 30 s or longer; what follows from lengths and ends is no stage.
    assert "80 % of plays last 30 seconds" in words
    stages = site.text("/behaviour?csv=funnel").strip().splitlines()[1:]
    assert stages == ["all plays,5,5,1.0", "5 seconds or more,5,5,1.0", "30 seconds or more,4,5,0.8"]


def test_the_funnel_is_titled_by_its_last_stage_that_is_known(tmp_path, site_of):
    path = write_warehouse(tmp_path / "warehouse.duckdb", FULL)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE fct_plays SET skipped = NULL")
    funnel = site_of(path).block("/behaviour", "funnel")
    assert "not skipped" not in funnel
    assert "of plays reach the end" in funnel


def test_playlists_without_plays_leave_out_what_is_played(full, tmp_path, site_of):
    path = write_warehouse(tmp_path / "warehouse.duckdb", FULL)
    said = "import your listening history"
    assert said not in full.words("/playlists")
    assert "Plays since" in full.block("/playlist/51", "tracks")
    assert 'id="dead-weight"' in full.text("/playlist/51")
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM playlist_impact")
    site = site_of(path)
    assert site.words("/playlists").count(said) == 1
    assert "Plays since" not in site.block("/playlist/51", "tracks")
    for address in ("/playlists", "/playlist/51"):
        for name in ("dead-weight", "uplift", "places"):
            assert f'id="{name}"' not in site.text(address), (address, name)


@pytest.mark.parametrize("page", ["/", "/artist/21", "/track/11"])
def test_no_panel_is_of_unknown_things_alone(account_data, site_of, page):
    words = site_of(account_data).words(page)
    assert "Nothing is known of " in words
    assert "on unknown" not in words
    assert "begins: unknown" not in words
    assert "by unknown" not in words
    assert "skipped \N{EN DASH}" not in words


@pytest.mark.parametrize("page", PAGES)
def test_pages_of_full_history_leave_nothing_out(full, page):
    if page not in ("/spoken", "/discovery"):  # of the one episode no length is known, and no end
        assert 'class="untold"' not in full.text(page)


def test_titles_are_of_what_is_known(tmp_path, site_of):
    """Most of the time was on devices, and began in ways, that no file tells."""
    plays = [one | {"ms_played": 10 * one["ms_played"]} for one in ACCOUNT_DATA] + FULL[:1]
    words = site_of(write_warehouse(tmp_path / "warehouse.duckdb", plays)).words("/behaviour")
    assert "was heard on unknown" not in words
    assert "How plays begin: unknown" not in words
    assert "was heard on " in words
    assert "How plays begin: " in words


def test_of_who_heard_no_spoken_word_no_end_is_missed(tmp_path, site_of):
    path = write_warehouse(tmp_path / "warehouse.duckdb", ACCOUNT_DATA)
    with duckdb.connect(str(path)) as connection:
        for table in ("show_metrics", "episode_metrics"):
            connection.execute(f"DELETE FROM {table}")
    words = site_of(path).words("/spoken")
    assert "No podcast or audiobook was heard." in words
    assert "Nothing is known of " not in words


def half(name, *, is_half=True):
    return AnsweredBlock(Block(name, Query("", {}), name, is_half=is_half), [])


def test_halves_stand_beside_one_another_and_one_alone_is_whole():
    page = [half("a"), half("b"), half("c"), half("whole", is_half=False), half("d"), half("e")]
    assert paired(page) == {"a", "b", "d", "e"}
    assert paired(page[:1]) == set()


def test_names_are_listed_in_words():
    assert [listing(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
