import base64
import hashlib
import re

import pytest
import rfc8785

import reports
from envelope.errors import EnvelopeError
from envelope.records import Picture
from reports.order import order
from reports.page import LIMIT_BYTES
from reports.view import View
from tests.reports import examples
from tests.reports.reading import Page


@pytest.fixture(scope="module")
def page_bytes():
    return reports.render(examples.envelope(), examples.measurements())


@pytest.fixture(scope="module")
def page(page_bytes):
    return Page(page_bytes)


def test_the_same_record_gives_the_same_bytes(page_bytes):
    envelope = type(examples.envelope()).model_validate_json(examples.envelope().model_dump_json())

    assert reports.render(envelope, examples.measurements()) == page_bytes


def test_the_record_digest_stands_in_the_page_and_in_a_meta_element(page):
    canonical = rfc8785.dumps(examples.envelope().model_dump(mode="json"))
    expected = hashlib.sha256(canonical).hexdigest()

    assert page.meta("record-digest") == f"sha256:{expected}"
    assert expected in page.text
    assert reports.record_digest(examples.envelope()) == expected


def test_another_record_has_another_digest():
    other = examples.envelope().model_copy(update={"valid_until": "2027-01-01T00:00:00Z"})

    assert reports.record_digest(other) != reports.record_digest(examples.envelope())


def test_a_number_without_canonical_form_is_refused_with_a_next_step():
    envelope = examples.envelope().model_copy(update={"seed": 2**60})

    with pytest.raises(EnvelopeError, match="Next: "):
        reports.record_digest(envelope)


def test_nothing_is_loaded_from_anywhere(page):
    for attribute in ("src", "srcset", "data", "action", "poster", "background"):
        assert all(v.startswith("data:image/png;base64,") for v in page.values(attribute))
    for element, name, value in page.attributes:
        if name == "href" and element == "image":
            assert value.startswith("data:image/png;base64,")
        elif name == "href":
            assert value.startswith("#") or value == "data:,"
    assert not re.search(r"@import|url\((?!#)|https?:", page.style)
    assert not page.values("style")
    assert page.elements["script"] == 0


def test_the_content_policy_forbids_everything_but_this_style_and_inline_pictures(page):
    policy = page.values("content")[0]
    hashed = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()

    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert f"style-src 'sha256-{hashed}'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy


def test_no_absolute_path_reaches_the_page():
    cell = (
        examples.measurements()
        .cells[0]
        .model_copy(
            update={
                "status": "crashed",
                "rows": {},
                "error": "OSError: /home/anna/lab/model.pt, ~/lab/x.pt, C:\\Users\\anna\\log.txt",
            }
        )
    )
    measurements = examples.measurements().model_copy(update={"cells": [cell]})

    text = Page(reports.render(examples.envelope(), measurements)).text

    assert "anna" not in text
    assert "~/lab" not in text
    assert "…/model.pt" in text
    assert "…/log.txt" in text


def test_every_claim_stands_on_the_page_with_the_verdict_of_the_record(page):
    for index, claim in enumerate(examples.envelope().claims, start=1):
        assert f"claim-{index}" in page.values("id")
        assert claim.id in page.text
        assert claim.statement in page.text
        assert claim.reason in page.text
        assert f"{claim.verdict}: {claim.statement}" in page.values("title")


def test_a_verdict_is_the_word_of_the_record_even_where_the_figures_say_otherwise():
    first, *rest = examples.envelope().claims
    assert first.verdict == "holds"
    changed = first.model_copy(update={"verdict": "unknown", "outcome": "crashed"})
    envelope = examples.envelope().model_copy(update={"claims": [changed, *rest]})

    page = Page(reports.render(envelope, examples.measurements()))

    assert f"unknown: {first.statement}" in page.values("title")
    assert f"holds: {first.statement}" not in page.values("title")


def test_the_counts_are_those_of_the_record(page):
    claims = examples.envelope().claims
    num = {v: sum(c.verdict == v for c in claims) for v in ("holds", "fails", "unknown")}

    said = f"Of {len(claims)} claims, {num['holds']} held, {num['fails']} failed and "
    assert said + f"{num['unknown']} stayed open." in page.text


def test_every_gap_stands_on_the_page_with_its_reason_and_what_settles_it(page):
    for gap in examples.envelope().not_measured:
        assert gap.what in page.text
        assert gap.reason in page.text
        assert gap.settle in page.text


def test_every_measurement_has_one_row_that_can_be_linked_to(page):
    ids = page.values("id")

    assert len(ids) == len(set(ids))
    for index in range(1, len(examples.measurements().summaries) + 1):
        assert f"m-{index}" in ids


def test_every_link_leads_somewhere(page):
    targets = {"#" + name for name in page.values("id")} | {"data:,"}

    hrefs = {v for element, name, v in page.attributes if name == "href" and element != "image"}
    assert hrefs <= targets


def test_monitors_stand_beside_the_floor_and_say_from_where_they_see(page):
    blind = page.text.partition("Monitors side by side")[2]

    assert "pixel floor" in blind
    assert "0.40 [0.28, 0.53]" in blind
    assert "from 80 px, not at 40" in blind
    assert "at no magnitude" in blind


def test_every_chart_has_a_title_and_a_description(page):
    labelled = page.values("aria-labelledby")

    drawn = [v for e, n, v in page.attributes if e == "svg" and n == "class" and v == "chart"]
    assert len(labelled) == len(drawn) >= 12
    assert set(" ".join(labelled).split()) <= set(page.values("id"))


def test_the_first_screen_names_blind_spots_triggers_and_what_is_not_said(page):
    first = page.text.partition("The conditions this record speaks about")[0]

    assert "every monitor is blind to: " in first
    assert "also blind to: " in first
    assert "unsettled: action swap, through wall" in first
    assert "planner scope: algorithm, num_samples, iterations, elites, horizon, block_size" in first
    assert "after 5 April 2026, 10:00 UTC" in first
    assert "That the model is safe, certified or fit for a purpose" in first


def test_a_monitor_without_positive_control_is_called_out_at_the_top():
    first, *rest = examples.envelope().monitors
    mute = first.model_copy(update={"positive_control": False, "blind_spots": []})
    envelope = examples.envelope().model_copy(update={"monitors": [mute, *rest]})

    text = Page(reports.render(envelope, examples.measurements())).text

    assert "no positive control: no injected violation was caught" in text


def test_an_earlier_step_that_is_open_is_said(page):
    assert (
        "Step 1, representation, is not measured in this record; steps 2, 3 and 4 were measured "
        "without it." in page.text
    )


def test_a_step_with_a_claim_that_nothing_was_measured_for_is_partly_measured():
    left = examples.measurements()
    view = View(examples.envelope(), left, (), "0" * 64)

    assert "partly measured" in order(view).markup
    assert re.search(r"\d claims? not measured", order(view).markup)


def test_nothing_is_invented_when_nothing_was_measured():
    envelope = examples.envelope().model_copy(
        update={
            "claims": [],
            "monitors": [],
            "suites": [],
            "not_measured": [],
            "revalidation_triggers": [],
        }
    )
    nothing = {"cells": [], "summaries": [], "pictures": []}
    measurements = examples.measurements().model_copy(update=nothing)

    page = Page(reports.render(envelope, measurements))

    assert "Nothing may be relied on." in page.text
    assert "No monitor was calibrated." in page.text
    assert "not measured: clean closed-loop planning" in page.text
    assert "not measured: how the imagined future departs" in page.text
    assert page.text.count("not measured: this class in any form.") == 8
    assert page.elements["script"] == 0


def test_evidence_without_an_estimate_reads_not_measured():
    summaries = [m.model_copy(update={"estimate": None}) for m in examples.measurements().summaries]
    monitors = [
        m.model_copy(
            update={
                "measured_false_alarms": None,
                "sensitivity": [
                    s.model_copy(update={"detection": None, "auroc": None, "delay_env_steps": None})
                    for s in m.sensitivity
                ],
            }
        )
        for m in examples.envelope().monitors
    ]
    claims = [
        c.model_copy(update={"estimate": None, "evidence": ["gone/quantity[]"]})
        for c in examples.envelope().claims
    ]
    envelope = examples.envelope().model_copy(update={"monitors": monitors, "claims": claims})
    measurements = examples.measurements().model_copy(update={"summaries": summaries})

    page = Page(reports.render(envelope, measurements))

    assert page.text.count("not measured") > len(summaries)
    assert "gone/quantity[] (not measured)" in page.text
    assert "measured not measured" not in page.text


def test_measurements_of_another_model_are_refused_with_both_digests():
    state = examples.measurements().model_state.model_copy(update={"tensor_digest": "0" * 64})
    measurements = examples.measurements().model_copy(update={"model_state": state})

    with pytest.raises(EnvelopeError, match=r"about model [0-9a-f]{64}.*about model 0{64}"):
        reports.render(examples.envelope(), measurements)


def heavy_png(mark: int) -> str:
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes([mark]) * 60_000).decode()


def test_a_frame_that_many_conditions_share_stands_on_the_page_once():
    one = examples.measurements().pictures[0]
    pictures = [one.model_copy(update={"caption": f"frame {place}"}) for place in range(40)]
    measurements = examples.measurements().model_copy(update={"pictures": pictures})

    rendered = reports.render(examples.envelope(), measurements)

    assert rendered.count(one.png_base64.encode()) == 1
    assert set(Page(rendered).values("aria-label")) >= {p.caption for p in pictures}


def test_pictures_that_would_burst_the_page_are_left_out_and_counted():
    one = examples.measurements().pictures[0]
    pictures = [one.model_copy(update={"png_base64": heavy_png(place)}) for place in range(40)]
    measurements = examples.measurements().model_copy(update={"pictures": pictures})

    rendered = reports.render(examples.envelope(), measurements)

    assert len(rendered) <= LIMIT_BYTES
    assert re.search(r"\d+ of 40 frames are left out", Page(rendered).text)


def test_no_class_loses_all_its_pictures_before_another_loses_one():
    first, *_ = examples.measurements().pictures
    pictures = [
        first.model_copy(
            update={
                "png_base64": heavy_png(index + 20 * (name == "noise")),
                "condition": {**first.condition, "nuisance": name},
                "caption": f"{name} {index}",
            }
        )
        for name in ("blur", "noise")
        for index in range(20)
    ]
    measurements = examples.measurements().model_copy(update={"pictures": pictures})

    alts = Page(reports.render(examples.envelope(), measurements)).values("aria-label")

    num = {name: sum(alt.startswith(name) for alt in alts) for name in ("blur", "noise")}
    assert num["blur"] - num["noise"] in (0, 1)
    assert num["noise"] > 0


def test_a_picture_that_is_no_png_is_not_put_on_the_page():
    for data in ("AAAA", "<svg/onload=x>", "iVBORw0KGgo=\n", "é"):
        picture = Picture(
            suite="nuisance_shift",
            condition={"nuisance": "blur", "direction": "d", "strength": 1.0},
            png_base64=data,
            caption="a frame",
        )
        measurements = examples.measurements().model_copy(update={"pictures": [picture]})

        page = Page(reports.render(examples.envelope(), measurements))

        assert page.elements["img"] == 0
        assert "unreadable frame" in page.text


def test_figures_far_outside_their_axis_do_not_break_the_page():
    summaries = [
        m.model_copy(
            update={
                "estimate": m.estimate
                and m.estimate.model_copy(update={"low": -1e308, "high": 1e308, "value": 5e-324})
            }
        )
        for m in examples.measurements().summaries
    ]
    measurements = examples.measurements().model_copy(update={"summaries": summaries})

    rendered = reports.render(examples.envelope(), measurements)

    assert b"nan" not in rendered.replace(b"finance", b"")
    assert not re.search(rb'="[^"]*\binf\b', rendered)


def test_what_failed_is_counted_apart_as_requirements_and_as_limits_on_record(page):
    failed = [claim for claim in examples.envelope().claims if claim.verdict == "fails"]
    defects = sum(claim.kind == "requirement" for claim in failed)

    assert re.search(rf"{defects} ?requirements? fails?", page.text)
    assert re.search(rf"{len(failed) - defects} ?limits on record", page.text)


def test_a_page_with_frames_stays_within_half_a_megabyte(page_bytes):
    # Two monitors by 28 violation classes at up to four magnitudes, each with its interval.
    assert len(page_bytes) < 2**19
