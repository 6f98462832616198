"""Analysis queries in portable SQL; each is also a view of the same name in every SQL target.

A query is a file `analysis/<name>.sql` whose first line is the question as a comment. The queries use only syntax and
functions that DuckDB, MySQL, Snowflake and Athena share. Hours are `ms_played / 3.6e6`, a floating point number, since
Athena rounds a quotient by 3600000.0 to one decimal. Those on facts read all plays; add
`WHERE fct_plays.month >= DATE '2024-01-01'` to read only later ones.
"""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "analysis"


@cache
def questions() -> dict[str, str]:
    """SQL of each question, by name."""
    return {path.stem: path.read_text(encoding="utf-8").strip() for path in sorted(FOLDER.glob("*.sql"))}


def title(name: str) -> str:
    """The question in words: the first line of its SQL."""
    return questions()[name].splitlines()[0].removeprefix("--").strip()
