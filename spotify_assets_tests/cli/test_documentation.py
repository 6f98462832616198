import re
import tomllib
from importlib import import_module

import pytest

from spotify_assets.cli import documentation
from spotify_assets.cli.documentation import ROOT, is_secret
from spotify_assets.cli.sql import run_query
from spotify_assets.lake.tables import Lake
from spotify_assets.settings import Settings, load_settings, variable

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob(".github/**/*.md"))]
# Where a path that a page names may begin.
STARTS = ("spotify_assets/", "spotify_assets_tests/", "benchmarks/", "docs/", "infra/", ".github/", ".devcontainer/")
# A path or a dotted name with a placeholder in it, as `spotify_assets/transforms/<table>.py`.
PLACEHOLDER = re.compile(r"[<>*{]|NAME|\.\.\.")

# Names in CONTRIBUTING.md and docs/architecture.md that are no code of ours.
TOOLS = {"breakpoint"}


def named(page):
    return str(page.relative_to(ROOT))


def exists(name):
    """Whether a dotted name leads to a module, or to something that a module or class has."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            fields = getattr(found, "model_fields", {}) | getattr(found, "__annotations__", {})
            if not hasattr(found, part) and part not in fields:
                return False
            found = getattr(found, part, None)
        return True
    return False


@pytest.mark.parametrize("path", documentation.GENERATED)
def test_generated_pages_are_up_to_date(path):
    assert (ROOT / path).read_text(encoding="utf-8") == documentation.GENERATED[path](), "run: make docs"


def test_every_setting_is_described():
    page = documentation.settings_page()
    for name, field in Settings.model_fields.items():
        assert f"`{variable(name)}`" in page
        assert field.description


def test_env_example_has_every_credential_and_no_value_but_defaults(tmp_path):
    example = documentation.env_example()
    for name, field in Settings.model_fields.items():
        if is_secret(field) or name in documentation.COMMON:
            assert f"#{variable(name)}=" in example
    assert set(Settings.model_fields) >= documentation.COMMON
    before = load_settings()
    (tmp_path / ".env").write_text(re.sub(r"^#(?=[A-Z])", "", example, flags=re.MULTILINE))
    assert load_settings() == before


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_code_that_a_page_names_exists(page):
    for name in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")):
        if PLACEHOLDER.search(name):
            continue
        if name.startswith(STARTS) and " " not in name:
            assert (ROOT / name.partition("::")[0]).exists(), name
        elif re.fullmatch(r"\w+(/\w+)+[.](py|sql)", name):
            assert (ROOT / "spotify_assets" / name).exists(), name
        elif re.fullmatch(r"(spotify_assets|spotify_assets_tests|benchmarks)(\.\w+)+(\(\))?", name):
            assert exists(name.removesuffix("()")), name


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_names_that_contributors_read_are_in_the_code(page):
    sources = [path for folder in ("spotify_assets", "spotify_assets_tests") for path in (ROOT / folder).rglob("*.py")]
    words = {word for path in sources for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    text = (ROOT / page).read_text(encoding="utf-8")
    defined_there = set(re.findall(r"^ *(?:def )?(\w+)(?: = table)?\(", text, re.MULTILINE))
    named_there = set(re.findall(r"`([A-Za-z_]\w+)(?:\(\.\.\.\))?`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
    assert named_there - defined_there - TOOLS - words == set()


def test_the_map_has_every_layer_in_order():
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `spotify_assets/(\w+)(?:/|\.py)` \|", page, re.MULTILINE)
    assert listed == [name for layer in layers for name in layer.split(" | ") if name != "__main__"]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_blocks_of_code_are_closed(page):
    fences = re.findall(r"^ *```(\w*)", page.read_text(), re.M)
    assert len(fences) % 2 == 0
    # Only what opens a block names its language.
    assert not any(fences[1::2])


def test_the_queries_of_the_page_on_metrics_run(tmp_path):
    queries = re.findall(r"^```sql\n(.*?)^```", (ROOT / "docs/metrics.md").read_text(), re.M | re.S)
    assert len(queries) > 20
    for query in queries:
        assert run_query(Lake(str(tmp_path)), query).rows == [], query
