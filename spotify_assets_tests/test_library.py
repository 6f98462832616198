"""The page for those who use the package as a library: its code runs as it stands, in order, in an empty folder."""

import re
from pathlib import Path

import pytest

import spotify_assets

pytestmark = pytest.mark.integration

PAGE = Path(spotify_assets.__file__).parents[1] / "docs/library.md"


def test_the_code_of_the_page_runs():
    text = PAGE.read_text()
    names: dict[str, object] = {"__name__": "library"}
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    assert len(blocks) > 10
    for block in blocks:
        # Lines of a traceback are those of the page.
        code = "\n" * text.count("\n", 0, block.start(1)) + block[1]
        exec(compile(code, str(PAGE), "exec"), names)
