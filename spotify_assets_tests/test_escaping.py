import pytest

from spotify_assets.escaping import escape_controls, markdown_code, neutralize_formula


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, Ünicode, 日本語, שלום", "plain text, Ünicode, 日本語, שלום"),
        ("👨\u200d👩\u200d👧 می\u200cشود e\u0301", "👨\u200d👩\u200d👧 می\u200cشود e\u0301"),
        ("\x1b]0;title\x07\x1b[2J", r"\x1b]0;title\x07\x1b[2J"),
        ("\x9b31m\x85\x7f", r"\x9b31m\x85\x7f"),
        ("a\nb\r\tc\0", r"a\nb\r\tc\x00"),
        ("gnp.\u202eexe\u2066\u200f\u061c", r"gnp.\u202eexe\u2066\u200f\u061c"),
        ("a\u200bb\ufeff\u2028", r"a\u200bb\ufeff\u2028"),
        ("\udcff.json", r"\udcff.json"),
    ],
)
def test_controls_are_escaped_and_writing_is_not(text, shown):
    assert escape_controls(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a.json", "`a.json`"),
        ("[x](javascript:y) <img src=x>", "`[x](javascript:y) <img src=x>`"),
        ("a`b", "``a`b``"),
        ("``a", "``` ``a ```"),
        ("`", "`` ` ``"),
        ("a\n# b\x1b", r"`a\n# b\x1b`"),
    ],
)
def test_markdown_is_not_live_in_inline_code(text, shown):
    assert markdown_code(text) == shown


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])  # noqa: RUF001
def test_formulas_are_neutralized(text):
    assert neutralize_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "1-1", " =1", "'"])
def test_other_text_stays(text):
    assert neutralize_formula(text) == text
