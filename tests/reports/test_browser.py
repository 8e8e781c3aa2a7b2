"""What a browser makes of the page. Skipped without Playwright and a browser, unless required."""

import itertools
import os
import re
import shutil

import pytest

import reports
from tests.reports import examples

BROWSER = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _missing(reason: str) -> None:
    if os.environ.get("REQUIRE_TOOLS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser():
    if not os.path.exists(BROWSER):
        _missing("no chromium on this machine")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is not installed")
    with sync_playwright() as tools:
        running = tools.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_bytes(reports.render(examples.envelope(), examples.measurements()))
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_the_page_without_errors_network_or_sideways_scroll(
    browser, report, width, scheme
):
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, java_script_enabled=True
    )
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    page.goto(report.as_uri())
    found = page.evaluate(
        """() => ({
            wide: document.documentElement.scrollWidth,
            paper: getComputedStyle(document.body).backgroundColor,
            sheets: document.styleSheets.length,
            frames: document.querySelectorAll('.still use').length,
            unseen: [...document.querySelectorAll('.still use')].filter(
                u => !document.querySelector(u.getAttribute('href') + ' image')).length,
        })"""
    )
    context.close()

    assert said == []
    assert {url for url in asked if not url.startswith("data:")} == {report.as_uri()}
    assert found["wide"] == width
    assert found["sheets"] == 1
    assert found["frames"] > 20
    assert found["unseen"] == 0
    assert found["paper"] == {"light": "rgb(251, 250, 247)", "dark": "rgb(20, 23, 26)"}[scheme]


def test_the_first_screen_holds_verdicts_blind_spots_and_what_ends_validity(browser, report):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri())
    tops = page.evaluate(
        """() => [...document.querySelectorAll('.tally, .card')]
            .map(e => e.getBoundingClientRect().top)"""
    )
    context.close()

    assert len(tops) == 6
    assert max(tops) < 900


def test_paper_is_white_and_ink_dark_whatever_the_scheme(browser, report):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(report.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    colors = page.evaluate(
        "() => [getComputedStyle(document.body).backgroundColor, "
        "getComputedStyle(document.body).color]"
    )
    context.close()

    assert colors == ["rgb(255, 255, 255)", "rgb(27, 33, 38)"]


def test_text_does_not_run_out_of_a_chart(browser, report):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri())
    outside = page.evaluate(
        """() => [...document.querySelectorAll('.chart text')].filter(t => {
            const box = t.getBoundingClientRect();
            const holder = t.closest('svg').parentElement.getBoundingClientRect();
            return box.left < holder.left - 1 || box.right > holder.right + 1;
        }).map(t => t.textContent)"""
    )
    context.close()

    assert outside == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_as_opened_is_at_most_fifteen_thousand_pixels_tall(browser, report, width):
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri())
    height = page.evaluate("() => document.documentElement.scrollHeight")
    context.close()

    assert 2_000 < height <= 15_000


def test_with_every_section_open_a_small_phone_does_not_scroll_sideways(browser, report):
    context = browser.new_context(viewport={"width": 360, "height": 780})
    page = context.new_page()
    page.goto(report.as_uri())
    wide = page.evaluate(
        """() => {
            document.querySelectorAll('details').forEach(d => { d.open = true; });
            return document.documentElement.scrollWidth;
        }"""
    )
    context.close()

    assert wide == 360


def test_a_link_into_a_closed_section_opens_it(browser, report):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri() + "#claim-1")
    page.wait_for_function("() => document.getElementById('claim-1').offsetHeight > 0")
    open_ = page.evaluate(
        "() => { let d = document.getElementById('claim-1'), n = 0;"
        " while ((d = d.parentElement.closest('details'))) n += d.open ? 1 : -9; return n; }"
    )
    context.close()

    assert open_ == 2


def test_sections_open_by_keyboard_and_headings_come_in_order(browser, report):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri())
    page.focus("details:has(> #drift) > summary")
    page.keyboard.press("Enter")
    found = page.evaluate(
        """() => ({
            open: document.querySelector('details:has(> #drift)').open,
            levels: [...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => +h.tagName[1]),
            unnamed: [...document.querySelectorAll('[role=img]')].filter(
                e => !e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby')).length,
        })"""
    )
    context.close()

    assert found["open"]
    assert found["unnamed"] == 0
    assert found["levels"][0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(found["levels"]))


def test_paper_shows_what_the_screen_keeps_closed(browser, report):
    context = browser.new_context(viewport={"width": 688, "height": 900})  # A4 less its margins
    page = context.new_page()
    page.goto(report.as_uri())
    page.emulate_media(media="print")
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    hidden = page.evaluate(
        """() => [...document.querySelectorAll('main details:not(.screen-only)')].filter(
            d => d.getBoundingClientRect().height
                <= d.querySelector('summary').getBoundingClientRect().height + 1).length"""
    )
    shown = page.evaluate(
        """() => [...document.querySelectorAll('.screen-only > .table, .strip')].filter(
            e => e.getBoundingClientRect().height > 0).map(e => e.className)"""
    )
    context.close()

    assert hidden == 0
    assert wide == 688
    assert shown.count("strip") == 1
    assert not any("table" in name for name in shown)


def test_a_page_of_a_made_up_audit_takes_at_most_twenty_five_sheets_of_paper(browser, report):
    context = browser.new_context()
    page = context.new_page()
    page.goto(report.as_uri())
    printed = page.pdf(format="A4", print_background=True)
    context.close()

    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 25
