"""Text from files, names and services, made harmless where it is shown: terminal, Markdown, spreadsheet."""

import re

# C0 and C1 controls, Unicode's bidirectional controls (UAX #9), line separators, invisible characters and lone
# surrogates. The joiners U+200C and U+200D stay: emoji and Persian need them.
CONTROLS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
# First characters of text that spreadsheets run as a formula, also in their full-width forms:
# https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"  # noqa: RUF001  # full-width forms are meant


def escape_controls(text: str) -> str:
    r"""Write control, bidirectional and invisible characters as escapes: `\x1b`, `\n`, `\u202e`."""
    if text.isprintable():
        return text
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def markdown_code(text: str) -> str:
    """Text as inline code in Markdown, in which no markup, link or HTML is live; one line.

    https://spec.commonmark.org/0.31.2/#code-spans
    """
    shown = escape_controls(text)
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def neutralize_formula(text: str) -> str:
    """Prefix text with `'` that a spreadsheet would run as a formula."""
    return f"'{text}" if re.match(FORMULA, text) else text
