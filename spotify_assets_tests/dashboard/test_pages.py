"""Every page answers on every warehouse, and says what the tables hold."""

import csv
import io
import re
from datetime import date

import duckdb
import pytest

from spotify_assets.dashboard.pages.comparison import parse_span
from spotify_assets_tests.dashboard.conftest import ENTITY_PAGES, PAGES, addresses
from spotify_assets_tests.dashboard.warehouses import FORMULA, FULL, HOSTILE, ONE, write_warehouse


@pytest.mark.parametrize("page", [*PAGES, *ENTITY_PAGES])
def test_every_page_answers_with_every_filter(full, page):
    for address in addresses(page):
        assert full.get(address).status_code in ({200, 404} if "listener=ben" in address else {200}), address


@pytest.mark.parametrize("page", PAGES)
def test_every_page_answers_for_a_listener_with_one_play(made, page):
    assert made["one"].get(page).status_code == 200


@pytest.mark.parametrize("warehouse", ["empty", "missing"])
@pytest.mark.parametrize("page", ["/", "/day?date=2024-01-01", "/artist/21"])
def test_an_empty_warehouse_says_how_to_bring_data_in(made, warehouse, page):
    words = made[warehouse].words(page)
    assert "spotify-assets import my_spotify_data.zip --listener me" in words
    assert "spotify-assets demo" in words


def test_a_warehouse_that_lacks_a_table_says_what_to_do(made):
    answer = made["former"].get("/time")
    assert answer.status_code == 503
    assert "lacks 1 table (records): spotify-assets sync writes them" in answer.text


def test_a_warehouse_that_lacks_a_column_says_what_to_do(tmp_path, site_of):
    path = write_warehouse(tmp_path / "w.duckdb", FULL)
    with duckdb.connect(str(path)) as connection:
        connection.execute("ALTER TABLE top_charts DROP COLUMN peak_rank")
    answer = site_of(path).get("/charts?chart=year&entity=track")
    assert answer.status_code == 503
    assert "lacks a column: spotify-assets sync writes them" in answer.text


def test_a_page_shows_what_a_sync_wrote_meanwhile(tmp_path, site_of):
    path = write_warehouse(tmp_path / "w.duckdb", ONE)
    site = site_of(path)
    assert "plays 1 " in site.block("/", "totals")
    write_warehouse(tmp_path / "new.duckdb", FULL).replace(path)
    assert "plays 6 " in site.block("/?period=all", "totals")


def test_no_page_is_made_for_what_was_never_heard(full):
    for address in (
        "/artist/99",
        "/track/x",
        "/album/99999999999999999999999",
        "/show/-",
        "/playlist/1",
        "/day",
        "/day?date=2024-13-01",
        "/none",
    ):
        answer = full.get(address)
        assert answer.status_code == 404, address
        assert "Not found" in answer.text


def test_without_a_known_album_it_is_not_said_that_nothing_was_heard(full):
    assert "No music was heard in this period." in full.block("/?content=spoken", "top-tracks")
    for address, block in (("/?content=spoken", "top-albums"), ("/charts?content=spoken&entity=album", "chart")):
        assert "No music whose album is known was heard in this period." in full.block(address, block)


def test_the_overview_has_the_sums_of_the_plays(full):
    # 100 + 300 + 20 + 180 + 400 s of music, 3,600 s of a podcast: 4,600 s in six plays on five days.
    words = full.block("/", "totals")
    assert (
        "time 1.3 h plays 6 artists 2 tracks 3 albums 2 days with a play 5 of 62 skipped 17 % on shuffle 17 %" in words
    )


def test_short_plays_and_private_sessions_are_left_out(full):
    assert "plays 5 artists 2 tracks 2" in full.block("/?min=30", "totals")
    assert "plays 5 artists 2 tracks 3" in full.block("/?incognito=no", "totals")
    assert "plays 1 artists 0 tracks 0" in full.block("/?content=spoken", "totals")
    assert "plays 5 artists 2 tracks 3" in full.block("/?content=music", "totals")


def test_a_period_is_compared_with_the_one_before(full):
    # 1 January 2024: two plays, of one artist; the day before: one.
    words = full.block("/?from=2024-01-01&to=2024-01-01", "totals")
    assert "plays 2 +100 % vs the period before artists 1 ±0 % vs the period before" in words


def test_months_are_those_of_the_listener(full):
    # The first play ended on 31 December at 23:30 in Stockholm.
    words = full.block("/charts?from=2023-12-31&to=2023-12-31", "chart")
    assert "1 Band 1 1:40 100 %" in words


def test_the_chart_has_places_and_how_they_changed(full):
    words = full.block("/charts?entity=track&from=2024-01-01&to=2024-01-01", "chart")
    assert "1 = Étude Band 1 5:00 94 %" in words
    assert f"2 new {HOSTILE} Band 1 0:20 6.2 %" in words


def test_a_year_has_a_chart_of_its_own(full):
    words = full.block("/charts?entity=track&chart=year", "chart")
    assert "is on top of 2024" in words
    assert "1 new Étude Band 1 6:40" in words


def test_a_day_shows_its_plays_in_local_time(full):
    words = full.block("/day?date=2024-01-01", "plays")
    assert "2 plays, 5:20" in words
    assert "07:55 Étude Band Band's album 5:00 Android Played to its end" in words
    assert f"08:09 {HOSTILE} Band Band's album 0:20 Android Forward button" in words


def test_an_artist_has_its_share_and_neighbours(full):
    words = full.words("/artist/21")
    # 420 of 1,000 s.
    assert "of your music 42 %" in words
    assert f"2. {HOSTILE} →" in words
    assert "chosen by you, Android" in words


def test_an_artist_has_the_survival_curve_of_its_plays(full):
    # Plays of 100, 300 and 20 s, the last one skipped.
    assert "33 % of its plays end within 30 seconds, half last 1:40 or longer" in full.block("/artist/21", "survival")
    header, *rows = csv.reader(io.StringIO(full.text("/artist/21?csv=survival").lstrip("\ufeff")))
    assert header == ["seconds", "ended", "skipped", "survival"]
    assert [[float(value) for value in row] for row in rows] == [
        [20, 1, 1, 1],
        [100, 1, 0, pytest.approx(2 / 3)],
        [300, 1, 0, pytest.approx(1 / 3)],
    ]
    assert "No play of it ends within 30 seconds" in full.block("/track/11", "survival")
    assert "Its one play got to 0:20" in full.block("/track/12", "survival")


def test_places_are_named_and_their_codes_stay_in_the_csv(full):
    assert "All of it was heard in Sweden" in full.block("/behaviour", "countries")
    assert "1 trip, the last to Norway" in full.block("/behaviour", "trips")
    assert full.text("/behaviour?csv=countries").split("\n")[1].startswith("SE,")


def test_genres_are_named_as_people_write_them(full):
    assert "R&B and soul was emerging in Mar 2024" in full.block("/taste", "moves")
    chart = full.text("/taste").split('id="genres"')[1].split("</section>")[0]
    assert "R\\u0026B and soul" in chart.split("</script>")[0]
    assert ",rnb_soul," in full.text("/taste?csv=genres")


def test_a_track_links_to_spotify_where_its_id_is_known(full):
    assert 'href="https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC"' in full.text("/track/11")
    assert "open.spotify.com/track" not in full.text("/track/12")


@pytest.mark.parametrize(
    ("wanted", "found"), [("etu", True), ("ÉTU", True), ("tude", False), ("%", False), ("_tude", False)]
)
def test_search_matches_beginnings_without_accents(full, wanted, found):
    assert ("Étude" in full.words(f"/search?q={wanted}").split("Search", 1)[1].split("All time", 1)[0]) is found


def test_search_matches_where_a_word_begins(full):
    assert "Band's album" in full.words("/search?q=alb")


def test_trust_accounts_for_every_record(full):
    words = full.words("/trust")
    # Six plays of anna and two rejected records, of the eight in the file.
    assert "75 % of 8 records are kept, none is lost" in words
    assert "too short" in words
    assert "1 records" not in words
    assert "Played (ms)" in full.words("/rejected?reason=too_short")


def test_two_years_are_compared(full):
    words = full.block("/compare?a=2024&b=2023", "figures")
    assert "plays 5 1 +4" in words


def test_a_listener_of_one_year_has_the_last_month_compared_with_the_one_before(tmp_path, site_of):
    page = site_of(write_warehouse(tmp_path / "w.duckdb", ONE)).text("/compare")
    assert [re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in "ab"] == ["2024-05", "2024-04"]


def test_any_two_spans_are_compared(full):
    page = full.text("/compare?a=2024-01&b=2023-06-01..2023-12-31&min=10")
    assert "January 2024" in page
    assert 'name="a" value="2024-01"' in page
    assert 'name="b" value="2023-06-01..2023-12-31"' in page
    assert 'name="min" value="10"' in page  # the form keeps the filters
    whole = full.block("/compare?a=2023-01-01..2024-12-31&b=2024", "figures")
    assert "plays 6 5 +1" in whole
    # All time is compared with a day, and the other way round.
    assert "tracks 3 2 +1" in full.block("/compare?a=2023-01-01..2024-12-31&b=2024-01-01", "figures")
    assert "tracks 2 3" in full.block("/compare?a=2024-01-01&b=2023-01-01..2024-12-31", "figures")


def test_news_are_the_tracks_with_most_plays_of_each_kind(full):
    words = full.block("/", "news")
    # The first is in the title, too, and an artist has the name of the second.
    assert [words.count(name) for name in ("Étude", HOSTILE, FORMULA)] == [2, 2, 1]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2024", (date(2024, 1, 1), date(2024, 12, 31))),
        ("2024-02", (date(2024, 2, 1), date(2024, 2, 29))),
        (" 2024-12 ", (date(2024, 12, 1), date(2024, 12, 31))),
        ("2024-02-03", (date(2024, 2, 3), date(2024, 2, 3))),
        ("2023-06..2024", (date(2023, 6, 1), date(2024, 12, 31))),
        ("2024-03-01..2024-01-05", (date(2024, 1, 5), date(2024, 3, 1))),
        *[(text, None) for text in ("", "24", "2024-13", "2024..", "..", "2024-02-30", "99999", "1,2", None)],
    ],
)
def test_a_span_is_a_year_a_month_or_days(text, days):
    assert parse_span(text) == days


def test_titles_say_what_is_seen(full):
    assert "You listened most on Saturday mornings" in full.words("/time?content=spoken")
    assert "Half of all plays last 3:00 or longer" in full.words("/behaviour")


@pytest.mark.parametrize("page", ["/", "/behaviour"])
def test_plays_of_a_device_count_once_where_two_members_have_its_name(full, page):
    """As `unknown` is in the lake. All six plays are of one device."""
    header, *rows = csv.reader(io.StringIO(full.text(f"{page}?csv=devices").lstrip("\ufeff")))
    assert sum(int(row[header.index("plays")]) for row in rows) == 6


def test_popularity_has_the_scores_of_the_model_against_the_baselines(full):
    words = full.block("/popularity?period=all", "scores")
    assert "The model errs by 6.0 points of 100 on average" in words
    assert "error of straight lines 7.0 error of the mean 9.5 explained 40 %" in words
    assert "tracks 1 000 of 100 artists" in words
    assert "7 tracks with a popularity below 5 left out" in words


def test_popularity_names_what_was_overlooked_and_overplayed_of_the_tracks_heard(full):
    words = full.block("/popularity?period=all", "overlooked")
    assert f"{HOSTILE} is your most overlooked track: popularity 12, where 50 is expected" in words
    assert f"{HOSTILE} Band 12 50 1" in words
    assert "Étude Band 80 50 2" in full.block("/popularity?period=all", "overplayed")
    # Of a day on which neither was heard.
    assert "no catalogue file tells" in full.block("/popularity?from=2024-03-01&to=2024-03-01", "overlooked")


def test_popularity_says_what_tells_most_and_how(full):
    assert "how popular a track is: age of the track" in full.block("/popularity", "importance")
    assert "40 is expected at 20.0, 50 at 1.0" in full.block("/popularity", "effect-1")
    assert "hip hop" in full.block("/popularity", "effect-2")


def test_without_a_model_popularity_says_what_to_bring(tmp_path, site_of):
    path = write_warehouse(tmp_path / "w.duckdb", FULL)
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM popularity_model; DELETE FROM popularity_predictions")
    words = site_of(path).words("/popularity")
    assert "There is no popularity model" in words
    assert "500 tracks of 50 artists or more" in words


def test_the_funnel_is_of_plays_of_which_it_is_known(tmp_path, site_of):
    """Of Anna's five plays of tracks of 300 s: 100, 300, 20 (skipped), 180 and 400 s."""
    path = write_warehouse(tmp_path / "warehouse.duckdb", FULL)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE fct_plays SET skipped = NULL WHERE ms_played = 100000")
        connection.execute("UPDATE dim_track SET duration_ms = NULL WHERE recording_key = 12")
    stages = site_of(path).text("/behaviour?csv=funnel").strip().splitlines()
    assert stages == [
        "stage,plays,known,share",
        "all plays,5,5,1.0",
        "5 seconds or more,5,5,1.0",
        "30 seconds or more,4,5,0.8",
        '"of these, not skipped",3,4,0.75',
        "half of the track or more,3,4,0.75",
        "played to the end,4,5,0.8",
    ]
