"""The HTML file: complete by itself, and without anything that runs."""

import re
from dataclasses import replace
from datetime import date
from html import unescape

from spotify_assets.dashboard.recap.files import chart_svg, fingerprint, recap_html
from spotify_assets.dashboard.recap.story import sections
from spotify_assets_tests.dashboard.warehouses import HOSTILE

LOADS = re.compile(r"<(script|link|img|iframe|object|embed|image|use)\b|\bon\w+=|javascript:|@import|url\((?!#)")
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_the_file_needs_nothing_else(of_year):
    html = recap_html(of_year(2024))
    assert not LOADS.search(html)
    # A track is named like an address; that is text.
    addresses = {*re.findall(r"(?:https?:)?//[^\s\"'<>&)]+", html)} - NAMESPACES
    assert addresses <= {"http://example.com"}
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"" in html


def test_no_identifier_is_there_twice(of_year):
    # Charts that share one would be cut by the outline of another.
    identifiers = re.findall(r'\bid="([^"]+)"', recap_html(of_year(2024)))
    assert len(identifiers) == len({*identifiers})


def test_names_are_escaped(of_year):
    html = recap_html(of_year(2024))
    assert HOSTILE not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; was your soundtrack" in html


def test_every_chart_is_drawn_in_the_colours_of_the_theme(of_year):
    recap = of_year(2024)
    html = recap_html(recap)
    assert html.count('<div class="drawing') == 2 * sum(1 for one in sections(recap) if one.chart)
    for section in sections(recap):
        if section.chart:
            svg = chart_svg(section.chart, 300, section.name)
            colors = {*re.findall(r'(?:fill|stroke)="([^"]+)"', svg)}
            assert {color for color in colors if not color.startswith(("var(--", "url(#"))} <= {"none", "transparent"}
            assert svg.startswith("<svg")


def test_it_says_the_numbers(of_year):
    words = unescape(re.sub("<[^>]*>", " ", recap_html(of_year(2024)))).replace("\u202f", " ")
    for said in (
        "1 hour of sound, heard on 4 of 61 days",
        "the last day with a play is 1 Mar 2024",
        "Europe/Stockholm",
    ):
        assert said in words


def test_another_content_has_another_fingerprint(of_year):
    recap = of_year(2024)
    found = fingerprint(recap)
    assert f'content="{found}"' in recap_html(recap)
    assert fingerprint(of_year(2024)) == found
    assert fingerprint(replace(recap, row=recap.row | {"plays": 6})) != found


def test_a_year_that_is_over_stays_as_it_is_when_the_listener_goes_on(of_year):
    recap = of_year(2023)
    later = replace(recap.filters.listener, last=date(2025, 1, 1))
    assert fingerprint(replace(recap, filters=replace(recap.filters, listener=later))) == fingerprint(recap)


def test_long_names_of_any_script_are_drawn(long_names):
    html = recap_html(long_names)
    # In the legend, cut between emoji.
    assert "\U0001f3a7\U0001f525\U0001f469\u200d\U0001f3a4\U0001f3a7" in html
    assert "\ud83c" not in html
