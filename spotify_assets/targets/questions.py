"""Questions that people ask of their listening, as SQL that every target understands.

Each is a file `<name>.sql` that begins with the question as a comment, and a view of that name in every SQL target.
They use no function that DuckDB, MySQL, Snowflake and Athena write differently. All of them take all plays: add
`WHERE fct_plays.month >= DATE '2024-01-01'` to read only what is from then on.
"""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "analysis"


@cache
def questions() -> dict[str, str]:
    """The SQL of each question, by name."""
    return {path.stem: path.read_text(encoding="utf-8").strip() for path in sorted(FOLDER.glob("*.sql"))}


def title(name: str) -> str:
    """The question itself."""
    return questions()[name].splitlines()[0].removeprefix("--").strip()
