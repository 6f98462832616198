"""What a page may do, who may ask, and that no name is markup, formula or terminal control."""

import csv
import io
import re

import pytest

from spotify_assets.dashboard.security import is_loopback
from spotify_assets_tests.dashboard.conftest import ENTITY_PAGES, PAGES
from spotify_assets_tests.dashboard.warehouses import FORMULA, HOSTILE


@pytest.mark.parametrize(
    "page", [*PAGES, *ENTITY_PAGES, f"/search?q={HOSTILE}", f"/rejected?reason={HOSTILE}&file={HOSTILE}"]
)
def test_names_are_never_markup(full, page):
    html = full.text(page)
    assert "<script>" not in html
    assert re.findall(r"<script[^>]*>", html.lower()) == re.findall(
        r'<script src="/static/[a-z.]+(?:\?[0-9a-z.]+)?"(?: defer)?>|<script type="application/json">', html.lower()
    )
    # No handler and no style in an attribute: the policy would block it.
    assert not re.search(r"<[^>]+\s(?:on[a-z]+|style)=", html)


def test_hostile_names_are_shown(full):
    assert HOSTILE in full.words("/track/12")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in full.text("/track/12")


@pytest.mark.parametrize("address", ["/", "/none", "/static/dashboard.css", "/?csv=totals"])
def test_every_response_has_the_policy(full, address):
    headers = full.get(address).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;")
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_covers_are_off_until_they_are_switched_on(full):
    assert "i.scdn.co" not in full.text("/track/11")
    answer = full.get("/track/11?covers=on")
    assert (
        '<img class="picture" src="https://i.scdn.co/image/ab67616d" alt="" loading="lazy" '
        'referrerpolicy="no-referrer"' in answer.text
    )
    assert "img-src 'self' data: https://i.scdn.co;" in answer.headers["Content-Security-Policy"]
    assert "example.com/spy" not in full.text("/track/12?covers=on")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:3001", "localhost.evil.example", "127.0.0.1.evil.example", ""]
)
def test_other_hosts_are_refused(full, host):
    answer = full.client.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "anna" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "localhost:3001", "127.0.0.1:80", "[::1]:3001", "LOCALHOST"])
def test_this_machine_is_answered(full, host):
    assert full.client.get("/", headers={"Host": host}).status_code == 200


def test_only_reading_is_allowed(full):
    assert full.client.post("/").status_code == 405


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "none.css", "%2e%2e/app.py"])
def test_no_other_file_is_served(full, name):
    assert full.get(f"/static/{name}").status_code == 404


def test_csv_runs_no_formula(full):
    answer = full.get("/charts?entity=track&csv=chart")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="chart.csv"'
    [head, *rows] = csv.reader(io.StringIO(answer.text))
    assert "recording_key" in head
    assert {row[head.index("track")] for row in rows} == {"Étude", HOSTILE, f"'{FORMULA}"}


def test_tracks_with_an_id_are_given_to_players(full):
    address = "/charts?entity=track"
    assert full.text(f"{address}&uris=chart") == "spotify:track:4uLU6hMCjMI75M1A2tKUQC\n"
    assert full.text(f"{address}&m3u=chart") == (
        "#EXTM3U\n#EXTINF:300,Band - Étude\nhttps://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC\n"
    )
    assert full.get(f"{address}&csv=none").status_code == 404


def test_the_connection_reads_nothing_else(full, tmp_path):
    import duckdb

    from spotify_assets.dashboard.warehouse import WarehouseFile
    from spotify_assets.settings import load_settings

    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    path = tmp_path / "w.duckdb"
    duckdb.connect(str(path)).close()
    with WarehouseFile(load_settings(warehouse=str(path))).connect() as connection:
        for sql in (
            f"FROM read_csv('{secret}')",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            "SET enable_external_access = true",
            "CREATE TABLE t (a INT)",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(sql)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("my.host", False),
    ],
)
def test_which_addresses_are_this_machines(host, expected):
    assert is_loopback(host) is expected
