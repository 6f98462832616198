"""The dashboard on small warehouses: with all kinds of plays, with one play, with tables only, and without a file."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from spotify_assets.dashboard.app import create_app
from spotify_assets.settings import load_settings
from spotify_assets_tests.dashboard import warehouses

PAGES = (
    "/",
    "/recap",
    "/recap?year=2023",
    "/recap?year=2024",
    "/time",
    "/charts",
    "/charts?chart=year&entity=track",
    "/charts?entity=album",
    "/discovery",
    "/taste",
    "/popularity",
    "/behaviour",
    "/playlists",
    "/spoken",
    "/people",
    "/compare",
    "/compare?mode=listeners",
    "/compare?mode=artists",
    "/trust",
    "/rejected",
    "/search?q=e",
    "/day?date=2024-01-01",
)
ENTITY_PAGES = (
    "/artist/21",
    "/artist/22",
    "/track/11",
    "/track/12",
    "/track/13",
    "/album/31",
    "/show/61",
    "/playlist/51",
)
FILTERS = (
    "min=30&incognito=no&content=music&from=2024-01-01&to=2024-02-28",
    "listener=ben&content=spoken&period=last-year",
)


class Site:
    """Pages of a warehouse, as a browser on this machine gets them."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self._texts: dict[str, str] = {}

    def get(self, address: str) -> Any:
        return self.client.get(address)

    def text(self, address: str) -> str:
        """The page's HTML; it has to be there. Asked for once, as several tests read it."""
        if address not in self._texts:
            answer = self.get(address)
            assert answer.status_code == 200, (address, answer.status_code)
            self._texts[address] = answer.text
        return self._texts[address]

    def words(self, address: str) -> str:
        """What a reader sees: without markup and scripts, thin spaces as spaces."""
        html = re.sub(r"<(script|svg)\b.*?</\1>", "", self.text(address), flags=re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).replace("\u202f", " ").split())

    def block(self, address: str, name: str) -> str:
        """A block's words."""
        html = self.text(address)
        part = html.split(f'id="{name}" ')[1].split("</section>")[0]
        part = re.sub(r"<(script|svg|details)\b.*?</\1>", "", part, flags=re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", part)).replace("\u202f", " ").split())


def addresses(page: str) -> Iterator[str]:
    """The page with each of the filters."""
    for query in FILTERS:
        yield f"{page}{'&' if '?' in page else '?'}{query}".rstrip("?&")


def open_site(path: Path) -> Site:
    """The dashboard of a warehouse file."""
    settings = load_settings(warehouse=str(path), lake_uri=str(path.with_suffix(".lake")), listener="anna")
    return Site(TestClient(create_app(settings), base_url="http://localhost:3001"))


@pytest.fixture
def site_of() -> Callable[[Path], Site]:
    return open_site


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Sites of warehouses by name."""
    folder = tmp_path_factory.mktemp("warehouses")
    write = warehouses.write_warehouse
    return {
        "full": open_site(write(folder / "full.duckdb", warehouses.FULL)),
        "one": open_site(write(folder / "one.duckdb", warehouses.ONE)),
        "empty": open_site(write(folder / "empty.duckdb", [])),
        "missing": open_site(folder / "missing.duckdb"),
        "former": open_site(write(folder / "former.duckdb", warehouses.FULL, without=["records"])),
    }


@pytest.fixture
def full(made) -> Site:
    return made["full"]
