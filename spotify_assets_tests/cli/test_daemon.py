"""Dagster's daemon itself runs in test_ui.py."""

import ast
import inspect

from dagster._daemon import controller

from spotify_assets.cli import daemon


def test_dagster_reads_how_often_definitions_are_loaded_when_it_compares(monkeypatch):
    read = {
        node.id
        for node in ast.walk(ast.parse(inspect.getsource(controller)))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert daemon.RELOAD_WORKSPACE in read
    seconds = getattr(controller, daemon.RELOAD_WORKSPACE)
    assert 0 < seconds < daemon.RELOAD_SECONDS
    monkeypatch.setattr(controller, daemon.RELOAD_WORKSPACE, seconds)  # brought back by the end of the test
    monkeypatch.setattr(daemon, "run_daemon", lambda: None)
    daemon.main()
    assert getattr(controller, daemon.RELOAD_WORKSPACE) == daemon.RELOAD_SECONDS
