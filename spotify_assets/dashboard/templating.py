"""Templates of pages and files, in which everything is escaped."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from spotify_assets.dashboard import formats
from spotify_assets.escaping import escape_controls

HERE = Path(__file__).parent


@cache
def templates() -> jinja2.Environment:
    """The environment of all templates."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": lambda text: escape_controls(str(text)),
        "shown_lines": lambda text: "\n".join(map(escape_controls, str(text).split("\n"))),
    }
    environment.policies["json.dumps_kwargs"] = {"default": _json_value, "separators": (",", ":")}
    environment.globals["formats"] = formats
    return environment


def _json_value(value: Any) -> Any:
    """Decimals, as sums of DuckDB are."""
    return float(value)
