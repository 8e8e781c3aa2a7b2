"""The first screen: verdicts, blind spots, what would end validity, what this page does not say."""

from collections.abc import Sequence

from envelope.records import Claim, Envelope, Monitor, Verdict
from reports.fields import box_words, planner_words
from reports.html import Html, Node, group, joined, tag
from reports.view import View, claim_anchor
from reports.words import VERDICTS, count, mark, moment

MOST_NAMED = 8
"""Claims that the first screen names one by one."""
_ASSURANCE = {
    "self_attested": "Measured by those who publish it; nobody else has checked.",
    "third_party": "Measured by a third party.",
    "reproduced": "Measured twice, independently.",
}


def header(view: View) -> Html:
    """What was measured, when, and until when the record speaks."""
    record = view.envelope
    world = record.input_scope.world
    facts: list[tuple[str, Node]] = [
        ("measured", moment(record.measured_at)),
        ("valid until", moment(record.valid_until)),
        ("world", tag("b", world)),
        ("planner", tag("b", planner_words(record))),
        ("model", tag("code", record.model_state.tensor_digest[:12])),
        ("profile", tag("b", record.profile)),
        ("assurance", tag("b", record.assurance.replace("_", " "))),
    ]
    return tag(
        "header",
        tag("p", "Validity envelope", class_="kicker"),
        tag("h1", "What was measured, and where that ends"),
        tag(
            "dl",
            [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts],
            class_="facts",
        ),
        id="top",
    )


def verdicts(view: View) -> Html:
    """Counts with one mark per claim, and a sentence."""
    return tag(
        "section",
        tag("h2", "Verdicts", class_="unseen"),
        tag("div", [_tally(view, verdict) for verdict in VERDICTS], class_="tallies"),
        tag("p", _sentence(view.envelope.claims), class_="sentence"),
        _named(view),
        _note() if view.envelope.claims else None,
        id="verdicts",
        class_="front",
    )


def _named(view: View) -> Html | None:
    """The claims to look at first: requirements that fail, and what stayed open."""
    claims = view.envelope.claims
    lines = (
        ("fails", "Not met", [c for c in _of(claims, "fails") if c.kind == "requirement"]),
        (
            "unknown",
            "Open",
            sorted(_of(claims, "unknown"), key=lambda claim: claim.kind == "bound"),
        ),
    )
    items = [
        tag(
            "li",
            mark(verdict),
            tag("b", f"{words}: "),
            joined([view.claim_link(claim.id) for claim in found[:MOST_NAMED]]),
            tag("a", f", and {len(found) - MOST_NAMED} more", href="#claims")
            if len(found) > MOST_NAMED
            else None,
        )
        for verdict, words, found in lines
        if found
    ]
    return tag("ul", items, class_="marks named") if items else None


def _note() -> Html:
    return tag(
        "p",
        "A failing ",
        tag("b", "bound"),
        " is a limit on record (a blind spot, a nuisance limit): relying within it is covered, "
        "relying beyond it is not. A failing ",
        tag("b", "requirement"),
        " is a defect for this use. ",
        tag("b", "Unknown"),
        " is never a pass. Whether a deployment is inside is said by ",
        tag("code", "envelope check"),
        ".",
        class_="small",
    )


def _of(claims: Sequence[Claim], verdict: str) -> list[Claim]:
    return [claim for claim in claims if claim.verdict == verdict]


def _tally(view: View, verdict: Verdict) -> Html:
    found = [
        (index, claim)
        for index, claim in enumerate(view.envelope.claims)
        if claim.verdict == verdict
    ]
    pips = [
        tag(
            "a",
            mark(verdict),
            href=f"#{claim_anchor(index)}",
            title=f"{verdict}: {claim.statement}",
            aria_label=f"{verdict}: {claim.statement}",
        )
        for index, claim in found
    ]
    counted: list[tuple[int, str]] = [(len(found), verdict)]
    if verdict == "fails" and found:
        defects = sum(claim.kind == "requirement" for _, claim in found)
        limits = len(found) - defects
        counted = [
            (defects, "requirement fails" if defects == 1 else "requirements fail"),
            (limits, "limit on record" if limits == 1 else "limits on record"),
        ]
    return tag(
        "div",
        tag(
            "p",
            [tag("span", tag("b", num, class_="big"), words) for num, words in counted],
            class_="counts",
        ),
        tag("p", pips or "none", class_="pips"),
        class_=f"tally {verdict}",
    )


def _sentence(claims: Sequence[Claim]) -> str:
    if not claims:
        return "This record makes no claim. Nothing may be relied on."
    holds, fails, unknown = (len(_of(claims, verdict)) for verdict in VERDICTS)
    defects = sum(claim.kind == "requirement" for claim in _of(claims, "fails"))
    bounds = fails - defects
    first = f"Of {count(len(claims), 'claim')}, {holds} held, {fails} failed and {unknown} "
    first += "stayed open." if unknown else "stayed open: every question asked was decided."
    if not fails:
        return first
    what = []
    if defects:
        what.append(count(defects, "requirement that is not met", "requirements that are not met"))
    if bounds:
        what.append(
            count(bounds, "bound, a limit on record", "bounds, all of them limits on record")
        )
    return f"{first} What failed: {', and '.join(what)}."


def cards(view: View) -> Html:
    """Three boxes: what no monitor sees, what ends validity, what this page does not say."""
    return tag("div", _unseen(view), _endings(view), _boundary(view), class_="cards")


def _card(title: str, *children: Node, class_: str = "") -> Html:
    return tag("section", tag("h3", title), *children, class_=f"card {class_}".strip())


def _unseen(view: View) -> Html:
    record = view.envelope
    if not record.monitors:
        body: Node = tag(
            "p",
            mark("hollow"),
            tag("b", "No monitor was calibrated. "),
            "Nothing in this record would raise an alarm.",
        )
    else:
        silent = [
            claim.id.removeprefix("nuisance.")
            for claim in record.claims
            if claim.outcome == "fails_silently"
        ]
        common = _blind_to_all(record)
        body = [
            tag("ul", _sight("fails", "every monitor is blind to", common), class_="marks")
            if common
            else None,
            [_monitor_sight(monitor, record, common) for monitor in record.monitors],
        ]
        if silent:
            body.append(tag("h4", "planning fails, and no monitor says so"))
            body.append(tag("ul", _sight("fails", "silent under", silent), class_="marks"))
    return _card("What the monitor cannot see", body, class_="unseen-card")


def _blind_to_all(record: Envelope) -> list[str]:
    """Classes that each of several monitors is blind to, to be said once."""
    first, *rest = record.monitors
    return [name for name in first.blind_spots if rest and all(name in m.blind_spots for m in rest)]


def _monitor_sight(monitor: Monitor, record: Envelope, common: Sequence[str]) -> Html:
    seen = {s.violation for s in monitor.sensitivity}
    unsettled = sorted(
        {
            s.violation
            for s in monitor.sensitivity
            if s.outcome in ("inconclusive", "crashed")
            and s.violation in record.criteria.violations
            and s.magnitude == record.criteria.violations[s.violation].claim_at
        }
    )
    untried = [name for name in record.criteria.violations if name not in seen]
    alone = [name for name in monitor.blind_spots if name not in common]
    lines = [
        _sight("fails", "also blind to" if common else "blind to", alone),
        _sight("unknown", "unsettled", unsettled),
        _sight("hollow", "not measured", untried),
    ]
    control = None
    if not monitor.positive_control:
        control = tag(
            "li",
            mark("unknown"),
            tag("b", "no positive control: "),
            "no injected violation was caught, so its silence means nothing",
        )
    nothing = None
    if control is None and not any(lines):
        words = "no more" if common else "no violation class that was tried"
        nothing = tag("li", f"{words} was found to be a blind spot")
    heading = tag("h4", tag("code", monitor.name), " alarms above ", f"{monitor.threshold:.4g}")
    return group(heading, tag("ul", lines, control, nothing, class_="marks"))


def _sight(shape: str, word: str, names: Sequence[str]) -> Html | None:
    if not names:
        return None
    return tag("li", mark(shape), tag("b", f"{word}: "), joined([_spoken(n) for n in names]))


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _endings(view: View) -> Html:
    record = view.envelope
    by_field: dict[str, dict[str, None]] = {}
    for trigger in record.revalidation_triggers:
        name, *parts = trigger.field.split(".")
        by_field.setdefault(name, {})[parts[0] if parts else name] = None
    items = [
        tag("li", tag("b", _spoken(name) + ": "), joined([tag("code", part) for part in parts]))
        for name, parts in by_field.items()
    ]
    clock = tag("li", tag("b", "time: "), "after ", moment(record.valid_until))
    lead = "A change in any of these ends reliance on the claims that rest on it:"
    none = "This record names no trigger."
    return _card(
        "What would end validity",
        tag("p", lead if items else none),
        tag("ul", items, clock),
        tag("p", tag("a", "Triggers in full", href="#triggers"), class_="small"),
    )


def _boundary(view: View) -> Html:
    record = view.envelope
    scope = record.input_scope
    joint = (
        f"Several nuisances at once beyond {box_words(scope)}."
        if scope.joint
        else "One nuisance at a time. Two off nominal at once is unmeasured."
    )
    num = len(record.not_measured)
    items: list[Node] = [
        "That the model is safe, certified or fit for a purpose. It says what was observed.",
        f"Anything about another world, camera, planner or checkpoint than {scope.world} with "
        f"{planner_words(record)} and model {record.model_state.tensor_digest[:12]}.",
        joint,
        _ASSURANCE[record.assurance],
        "Why something fails. A symptom is reported, no cause asserted.",
        "Who signed it, or whether it still applies today: ask envelope verify and check.",
        group(
            tag("a", count(num, "thing") + " a reader may assume", href="#not-measured"),
            " and that nobody measured.",
        ),
    ]
    return _card(
        "What this report does not say",
        tag("ul", [tag("li", item) for item in items]),
        class_="boundary",
    )
