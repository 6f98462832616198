"""The JavaScript of the charts: made once, kept in a folder, and told apart from a file that is of no use."""

from importlib.metadata import version

import vl_convert
from starlette.testclient import TestClient

from spotify_assets.dashboard.app import create_app
from spotify_assets.dashboard.vega import Bundle
from spotify_assets.settings import load_settings


def test_it_is_made_once_and_then_read(tmp_path, monkeypatch):
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: "vega()")
    assert Bundle(tmp_path).content() == b"vega()"
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: "never asked for")
    assert Bundle(tmp_path).content() == b"vega()"


def test_an_empty_file_is_replaced(tmp_path, monkeypatch):
    (tmp_path / f"vega-{version('vl-convert-python')}.js").touch()
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: "vega()")
    assert Bundle(tmp_path).content() == b"vega()"
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"vega()"]


def test_a_browser_does_not_keep_that_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: "")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda _: tmp_path)
    answer = TestClient(create_app(load_settings()), base_url="http://localhost").get("/static/vega.js")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (503, "no-store")
