"""Pages in a browser: charts are drawn under the policy, nothing is wider than a phone, the theme can be switched.

Needs Chromium (Debian's `chromium`) and Playwright, which drives it.
"""

import os
import re
import shutil
import threading

import pytest
import uvicorn
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import sync_playwright

from spotify_assets.dashboard.app import create_app
from spotify_assets.sandbox.ports import free_port
from spotify_assets.settings import load_settings
from spotify_assets_tests.dashboard.conftest import ENTITY_PAGES, PAGES
from spotify_assets_tests.dashboard.warehouses import FULL, write_warehouse

pytestmark = pytest.mark.integration

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRAWN = "document.documentElement.classList.contains('ready')"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The dashboard of the full warehouse, served on loopback."""
    folder = tmp_path_factory.mktemp("browser")
    path = write_warehouse(folder / "w.duckdb", FULL)
    settings = load_settings(warehouse=str(path), lake_uri=str(folder / "lake"), listener="anna")
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://localhost:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "continuous integration has to install Chromium"
        pytest.skip("there is no Chromium")
    with sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def context_of(browser):
    """A context for all pages of a width and theme, which keeps the charts' JavaScript."""
    contexts = {}

    def find(width, theme):
        if (width, theme) not in contexts:
            contexts[width, theme] = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        return contexts[width, theme]

    yield find
    for context in contexts.values():
        context.close()


@pytest.fixture
def opened(browser, address, context_of):
    """Open a page: its errors are collected in `complaints`. In a context of its own, unless it `is_shared`."""
    opened = []

    def open_page(path: str, *, width: int = 1280, theme: str = "light", is_shared: bool = False, **options):
        if is_shared:
            page = context_of(width, theme).new_page()
            opened.append(page)
        else:
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, **options)
            opened.append(context)
            page = context.new_page()
        page.complaints = []
        page.on(
            "console", lambda said: page.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                page.complaints.append(request.url)
                if address not in request.url and not request.url.startswith("data:")
                else None
            ),
        )
        page.goto(address + path)
        if options.get("java_script_enabled", True):
            page.wait_for_function(DRAWN, timeout=60_000)
        return page

    yield open_page
    for one in opened:
        one.close()


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (1280, "dark")])
@pytest.mark.parametrize("path", [*PAGES, *ENTITY_PAGES])
def test_pages_fit_and_draw_their_charts_without_complaints(opened, path, width, theme):
    page = opened(path, width=width, theme=theme, is_shared=True)
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".chart canvas").count() == page.locator(".chart").count()
    # Something is on each canvas: a chart that the policy keeps from being drawn is transparent.
    blank = """() => [...document.querySelectorAll('.chart canvas')].filter(canvas => {
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return !pixels.some(value => value !== 0);
    }).length"""
    assert page.evaluate(blank) == 0


def test_no_name_runs(opened):
    page = opened("/track/12")
    page.on("dialog", lambda dialog: pytest.fail("a name ran as a script"))
    assert page.locator("h1").inner_text() == "<script>alert(1)</script>"


def test_the_theme_can_be_switched_and_stays(opened):
    page = opened("/", theme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator("button.theme").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark


def test_a_filter_is_in_the_address(opened, address):
    page = opened("/charts?entity=track")
    page.locator("select[name=min]").select_option("30")
    page.wait_for_url(lambda url: "min=30" in url)
    assert "entity=track" in page.url
    assert "1:40" not in page.locator("#chart").inner_text()
    page.go_back()
    assert page.url == f"{address}/charts?entity=track"


def test_a_day_of_the_calendar_leads_to_its_plays(opened):
    page = opened("/time")
    page.locator("#calendar .twin summary").click()
    page.locator("#calendar .twin a").first.click()
    page.wait_for_url(lambda url: "/day?date=2023-12-31" in url)
    assert "1 play" in page.locator("h2").first.inner_text()


def test_tables_stand_in_for_charts_without_scripts(opened):
    page = opened("/behaviour", java_script_enabled=False)
    assert page.locator("#survival table").is_visible()
    assert not page.locator("#survival .chart").is_visible()


def test_every_control_can_be_reached_and_has_a_name(opened):
    page = opened("/", width=390)
    unnamed = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary')]
        .map(one => [one, one.textContent || one.getAttribute('aria-label') || one.labels?.[0]?.textContent || ''])
        .filter(([one, name]) => !name.trim())
        .map(([one]) => one.outerHTML)"""
    assert page.evaluate(unnamed) == []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
    assert page.evaluate("[...document.querySelectorAll('h1')].length") == 1


# One address of each kind: `/track/12` is that of all tracks.
KINDS = {re.sub(r"[?].*|\d+", "", path): path for path in [*PAGES, *ENTITY_PAGES]}


@pytest.mark.parametrize("path", KINDS.values())
def test_pages_are_accessible(opened, path):
    """No rule of axe-core is broken in either theme, at either width, also in what can be unfolded."""
    page = opened(path, width=390, is_shared=True)
    # Playwright evaluates outside of the policy, which the pages keep.
    page.evaluate(AXE_SCRIPT)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    broken = []
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        # Colours that are still fading from one theme to the other would be judged.
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        broken += broken_rules(page, f"{width} px, light")
        page.emulate_media(color_scheme="dark")
        # The others don't depend on the theme.
        broken += broken_rules(page, f"{width} px, dark", "color-contrast", "link-in-text-block")
    assert broken == []


def broken_rules(page, where, *rules):
    """What axe-core finds on the page as it is, by these of its rules, or by all of them."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    return [
        f"{where}: {rule['id']} ({rule['impact']}): {node['html']}: {node['failureSummary']}"
        for rule in page.evaluate("options => axe.run(options)", options)["violations"]
        for node in rule["nodes"]
    ]
