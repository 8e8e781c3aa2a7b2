"""The colours of the style sheet can be read and told apart."""

import itertools
import math
import re
from importlib.resources import files

import pytest

STYLE = files("reports").joinpath("report.css").read_text(encoding="utf-8")
ROOTS = re.findall(r":root \{(.*?)\}", STYLE, flags=re.DOTALL)


def palette(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


THEMES = {"light": palette(ROOTS[0]), "dark": palette(ROOTS[1])}
SIMULATED = {
    # Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def linear(color: str) -> list[float]:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def contrast(a: str, b: str) -> float:
    light = sorted(
        sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(x), strict=True)) for x in (a, b)
    )
    return (light[1] + 0.05) / (light[0] + 0.05)


def lab(rgb: list[float]) -> tuple[float, float, float]:
    r, g, b = (min(1.0, max(0.0, c)) for c in rgb)
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def seen(color: str, sight: str) -> tuple[float, float, float]:
    rgb = linear(color)
    return lab([sum(m * c for m, c in zip(row, rgb, strict=True)) for row in SIMULATED[sight]])


@pytest.mark.parametrize("theme", THEMES)
def test_both_themes_name_the_same_colours(theme):
    assert THEMES[theme].keys() == THEMES["light"].keys()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["paper", "card"])
@pytest.mark.parametrize(
    "text", ["ink", "soft", "link", "holds", "fails", "unknown", "limit", "data"]
)
def test_text_has_a_contrast_of_at_least_four_and_a_half(theme, ground, text):
    colors = THEMES[theme]

    assert contrast(colors[text], colors[ground]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("verdict", ["holds", "fails", "unknown"])
def test_verdicts_can_be_read_on_their_tint_and_signs_on_their_mark(theme, verdict):
    colors = THEMES[theme]

    for text in (verdict, "ink", "soft"):
        assert contrast(colors[text], colors[f"{verdict}-tint"]) >= 4.5
    assert contrast(colors["on-mark"], colors[verdict]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("sight", SIMULATED)
def test_verdict_colours_stay_apart_for_every_kind_of_sight(theme, sight):
    colors = [THEMES[theme][name] for name in ("holds", "fails", "unknown")]

    apart = [
        math.dist(seen(a, sight), seen(b, sight)) for a, b in itertools.combinations(colors, 2)
    ]

    assert min(apart) >= 30


@pytest.mark.parametrize("theme", THEMES)
def test_unknown_is_as_visible_as_fails(theme):
    colors = THEMES[theme]

    assert contrast(colors["unknown"], colors["paper"]) >= 0.95 * contrast(
        colors["fails"], colors["paper"]
    )
