"""Commands run in the tests' own process."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spotify_assets.cli import commands
from spotify_assets.settings import settings


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., str]]:
    """Run a command in this process, where the engine is started already; variables are those of its environment.

    As a process of its own, a small command takes 3 s of CPU to start.
    """
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "data/dagster"))
    # Dagster lists all partitions many times a run: since 2023 there are fewer than since 2008.
    monkeypatch.setenv("SPOTIFY_ASSETS_PLAYS_START", "2023-01-01")

    def command(*arguments: str, expect: int = 0, **variables: str) -> str:
        with monkeypatch.context() as during:
            during.setattr(sys, "argv", ["spotify-assets", *arguments])
            for name, value in variables.items():
                during.setenv(name, value)
            settings.cache_clear()
            capfd.readouterr()
            code = commands.run(debug=False)
        output = "".join(capfd.readouterr())
        assert code == expect, output
        assert "Traceback" not in output
        return output

    yield command
    settings.cache_clear()
