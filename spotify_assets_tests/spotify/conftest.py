"""A stand-in for Spotify to each test, the settings that lead to it, and a user with a browser."""

import threading
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest

from spotify_assets.sandbox.spotify_api import StandIn
from spotify_assets.settings import Settings, load_settings
from spotify_assets.spotify import failures


@pytest.fixture(scope="module")
def _stopping() -> Iterator[list[threading.Thread]]:
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join()


@pytest.fixture
def api(_stopping: list[threading.Thread], monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr(failures, "WEB_API", replace(failures.WEB_API, first_wait=0.002))
    standin = StandIn(plays=2000).start()
    yield standin
    # It takes a fifth of a second, which no test waits for.
    _stopping.append(threading.Thread(target=standin.stop))
    _stopping[-1].start()


def settings_for(api: StandIn, **overrides: object) -> Settings:
    """The stand-in's apps, without a login."""
    first, *others = api.apps.items()
    found = {
        "client_id": first[0],
        "client_secret": first[1],
        "credentials": tuple(others),
        "api_url": api.url,
        "spotify_state": "state/spotify.json",
    }
    return load_settings(**(found | overrides))


def visit(url: str) -> tuple[int, str]:
    """Status and page of what a browser without a proxy ends at."""
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with browser.open(url, timeout=10) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def shown(error: BaseException) -> str:
    """All that is to be seen of an error, and of those it came from."""
    chain, text = [error], ""
    while chain:
        one = chain.pop()
        text += "".join(traceback.format_exception(one)) + repr(one) + repr(vars(one)) + repr(one.args)
        chain += [other for other in (one.__cause__, one.__context__) if other]
    return text
