"""Text in a record is data: it never becomes markup, and it hides nothing."""

from typing import Any

import pytest
from pydantic import BaseModel

import reports
from envelope.records import Record
from reports.html import clean, tag
from tests.reports import examples
from tests.reports.reading import Page

PLAIN = " plain"
HOSTILE = (
    ' "><script>alert(1)</script><img src=x onerror=alert(1)><a href="javascript:alert(1)">&lt;b>'
    "<svg onload=alert(1)>--></style></title>]]>\u202e\u2066\u200b\x1b]8;;x\x07\n::error::x 'q'"
)
KEPT = frozenset({"suite", "quantity", "interval", "png_base64"})
"""Fields that decide which section shows a figure; poisoned in a test of their own."""


def poisoned(value: Any, payload: str, kept: frozenset[str] = KEPT) -> Any:
    """The record with the payload at the end of every free text, keys of mappings included."""
    if isinstance(value, BaseModel):
        update = {}
        for name, field in type(value).model_fields.items():
            free = field.annotation is str and not field.metadata
            held = getattr(value, name)
            if name in kept or (isinstance(held, str) and not free):
                continue
            update[name] = poisoned(held, payload, kept)
        return value.model_copy(update=update)
    if isinstance(value, str):
        return value + payload
    if isinstance(value, list):
        return [poisoned(item, payload, kept) for item in value]
    if isinstance(value, dict):
        return {
            (key if key in CONDITION_KEYS else key + payload): poisoned(item, payload, kept)
            for key, item in value.items()
        }
    return value


CONDITION_KEYS = frozenset(
    {"nuisance", "direction", "strength", "amount", "unit", "nominal", "frames", "monitor", "arm"}
    | {"violation", "kind", "magnitude", "horizon", "goal_offset_env_steps", "clip", "frame"}
)


@pytest.fixture(autouse=True)
def _room(monkeypatch):
    """Hostile text is long; a page that leaves pictures out would differ for that reason."""
    monkeypatch.setattr("reports.page.LIMIT_BYTES", 10_000_000)


def page(payload: str, kept: frozenset[str] = KEPT) -> Page:
    whole = examples.measurements()
    few = whole.model_copy(update={"summaries": whole.summaries[::6]})
    envelope: Record = poisoned(examples.envelope(), payload, kept)
    measurements: Record = poisoned(few, payload, kept)
    return Page(reports.render(envelope, measurements))


@pytest.mark.parametrize("kept", [KEPT, KEPT - {"suite", "quantity"}], ids=["known", "unknown"])
def test_hostile_text_in_every_field_creates_no_element_and_no_attribute(kept):
    plain, hostile = page(PLAIN, kept), page(HOSTILE, kept)

    plain.elements.pop("wbr")
    hostile.elements.pop("wbr")
    assert hostile.elements == plain.elements
    assert [(t, n) for t, n, _ in hostile.attributes] == [(t, n) for t, n, _ in plain.attributes]
    assert hostile.elements["script"] == 0
    assert not [name for _, name, _ in hostile.attributes if name.startswith("on")]
    assert all(v.startswith(("#", "data:")) for v in hostile.values("href"))
    assert "<script>alert(1)</script>" in hostile.text


def test_no_control_or_bidi_character_survives():
    text = "".join(page(HOSTILE).words) + "".join(v for _, _, v in page(HOSTILE).attributes)

    assert not [c for c in "\u202e\u2066\u200b\x1b\x07" if c in text]
    assert "\ufffd" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\u202eb", "a\ufffdb"),
        ("a\tb\r\nc", "a b\nc"),
        ("a\x00\x85b", "a\ufffd\ufffdb"),
        ("tag \U000e0041", "tag \ufffd"),
        ("in /data/run/model.pt there", "in …/model.pt there"),
        ("file:///home/anna/x.pt", "…/x.pt"),
        ("\\\\host\\share\\x.pt", "…/x.pt"),
        ("planning/success", "planning/success"),
        ("terminal_latent_sse/1", "terminal_latent_sse/1"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("1 / 2", "1 / 2"),
        ("criteria/0.1", "criteria/0.1"),
    ],
)
def test_text_is_cleaned_and_otherwise_left_alone(text, expected):
    assert clean(text) == expected


def test_a_string_is_escaped_as_content_and_as_attribute():
    built = tag("p", "<b>&", title='"<x>')

    assert built.markup == '<p title="&quot;&lt;x&gt;">&lt;b&gt;&amp;</p>'
