"""The login, with a browser that follows where the stand-in leads it."""

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from spotify_assets.sandbox.ports import free_port
from spotify_assets.sandbox.spotify_api import Garbage, Status
from spotify_assets.settings import load_settings
from spotify_assets.spotify import CredentialsError, SpotifyClient, SpotifyError
from spotify_assets.spotify.login import log_in
from spotify_assets.spotify.state import SpotifyState
from spotify_assets_tests.spotify.conftest import settings_for, visit


class Browser:
    """Opens addresses in a thread, as a browser does, and keeps what it was shown."""

    def __init__(self, *first):
        self.first = first
        self.pages = []
        self.url = ""
        self.thread = threading.Thread(target=self._run)

    def __call__(self, url):
        self.url = url
        self.thread.start()

    def _run(self):
        for action in self.first:
            action(self)
        self.pages.append(visit(self.url))

    @property
    def query(self):
        return {name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()}


def test_a_login_is_stored(api):
    settings, port, browser, lines = settings_for(api), free_port(), Browser(), []

    log_in(settings, port, browser, lines.append)

    browser.thread.join()
    known = SpotifyState(settings.spotify_state).of(api.client_id)
    assert known.refresh_token.get_secret_value().startswith("standin-refresh-token-")
    assert datetime.now(UTC) - known.authorized_at < timedelta(seconds=10)
    assert SpotifyClient(settings).me()["id"] == api.user
    assert browser.query["redirect_uri"] == f"http://127.0.0.1:{port}/callback"
    assert set(browser.query["scope"].split()) == {
        "playlist-read-private",
        "playlist-read-collaborative",
        "user-read-recently-played",
    }
    assert f"http://127.0.0.1:{port}/callback has to be registered" in lines[0]
    assert browser.url in lines[1]
    assert "Logged in until" in lines[2]
    (status, page), text = browser.pages[0], "\n".join([browser.pages[0][1], *lines])
    assert (status, "Thank you" in page) == (200, True)
    assert not [
        word for word in ("standin-secret", "standin-code", "standin-refresh", "standin-access") if word in text
    ]


def test_a_new_login_replaces_the_old_one_and_nothing_else(api):
    settings = settings_for(api)
    state = SpotifyState(settings.spotify_state)
    state.keep_login(api.client_id, "an-old-one")
    state.add_single_reads(api.client_id, "tracks")

    log_in(settings, free_port(), visit, str)

    assert state.of(api.client_id).refresh_token.get_secret_value() != "an-old-one"
    assert state.of(api.client_id).single_reads == {"tracks"}


def test_a_token_in_the_settings_would_go_before_it(api):
    lines = []

    log_in(settings_for(api, refresh_token="another"), free_port(), visit, lines.append)

    assert "SPOTIFY_ASSETS_REFRESH_TOKEN is set" in lines[-1]


def test_without_an_app(api):
    with pytest.raises(CredentialsError, match="SPOTIPY_CLIENT_ID"):
        log_in(load_settings(api_url=api.url), free_port(), visit, str)


def test_a_wrong_secret(api):
    with pytest.raises(CredentialsError, match="SPOTIPY_CLIENT_SECRET"):
        log_in(settings_for(api, client_secret="wrong"), free_port(), visit, str)


def test_the_user_denies(api):
    api.deny_login = True
    browser = Browser()

    with pytest.raises(SpotifyError, match="access_denied"):
        log_in(settings_for(api), free_port(), browser, str)
    browser.thread.join()
    assert "No login" in browser.pages[0][1]


def test_nobody_answers(api):
    with pytest.raises(SpotifyError, match=r"nobody logged in within 0[.]2 s"):
        log_in(settings_for(api), free_port(), lambda url: None, str, timeout=0.2)


def test_there_is_no_browser(api):
    def none(url):
        raise OSError("no display")

    def say(line):
        lines.append(line)
        if len(lines) == 2:  # the address to open
            threading.Timer(0.1, visit, [line.rsplit(" ", 1)[1]]).start()

    lines = []

    log_in(settings_for(api), free_port(), none, say)

    assert "Logged in" in lines[-1]


def test_an_answer_to_another_login_is_not_taken(api):
    port, pages = free_port(), []

    def other(url):
        pages.append(visit(f"http://127.0.0.1:{port}/callback?code=x&state=another"))
        pages.append(visit(f"http://127.0.0.1:{port}/callback?error=access_denied"))

    with pytest.raises(SpotifyError, match="2 answers belonged to another login"):
        log_in(settings_for(api), port, other, str, timeout=0.5)
    assert [status for status, _ in pages] == [400, 400]
    assert api.token_calls == []


def test_foreign_requests_do_no_harm(api):
    port = free_port()
    silent = socket.socket()

    def strangers(browser):
        silent.connect(("127.0.0.1", port))
        with socket.create_connection(("127.0.0.1", port)) as rude:
            rude.sendall(b"\x00\xff nonsense\r\n\r\n")
        for path in ("/", "/favicon.ico", "/callback/../etc", "/callback", "/callback?state=%ff&code=x"):
            browser.pages.append(visit(f"http://127.0.0.1:{port}{path}"))

    browser = Browser(strangers)
    with silent:
        log_in(settings_for(api), port, browser, str)
    browser.thread.join()

    assert [status for status, _ in browser.pages] == [404, 404, 404, 400, 400, 200]


def test_a_repeated_answer_does_no_harm(api):
    port, answered = free_port(), []

    def twice(url):
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        visit(url)
        answered.append(visit(f"http://127.0.0.1:{port}/callback?code=other&state={query['state']}"))

    log_in(settings_for(api), port, twice, str)

    assert answered[0][0] == 200
    assert api.token_calls == ["authorization_code"]


def test_the_port_is_taken(api):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SpotifyError, match=rf"port {port} .* register http://127.0.0.1:<port>/callback"):
            log_in(settings_for(api), port, visit, str)
    with pytest.raises(SpotifyError, match="port 99999"):
        log_in(settings_for(api), 99_999, visit, str)


def test_the_port_is_free_again_afterwards(api):
    port = free_port()
    for _ in range(2):
        log_in(settings_for(api), port, visit, str)

    assert not [thread for thread in threading.enumerate() if thread.name == "spotify-login"]


def test_the_code_is_exchanged_in_spite_of_failures(api):
    api.fail("/api/token", Status(503), Garbage(), Status(429, retry_after=0))

    started = time.monotonic()
    log_in(settings_for(api), free_port(), visit, str)

    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Status(400, text='{"error": "invalid_grant", "error_description": "expired"}'), "no longer accepts"),
        (Status(400, text='{"error": "other", "error_description": "Sorry"}'), "Sorry"),
        (Garbage('{"access_token": "standin-access-token-x", "expires_in": 3600}'), "without a refresh token"),
    ],
)
def test_spotify_gives_no_token(api, answer, message):
    api.fail("/api/token", answer)

    with pytest.raises(SpotifyError, match=message):
        log_in(settings_for(api), free_port(), visit, str)
    assert not SpotifyState("state/spotify.json").of(api.client_id).refresh_token
