"""The working order: which steps the record covers, and which earlier one is open."""

from dataclasses import dataclass

from envelope.records import Family
from reports.html import Html, Node, tag
from reports.parts import counted, section
from reports.view import View
from reports.words import count, mark


@dataclass(frozen=True, slots=True)
class Step:
    """One step and the families whose evidence answers it."""

    title: str
    families: tuple[Family, ...]
    question: str


STEPS = (
    Step(
        "Representation",
        ("F1", "F3"),
        "What do the latents hold, and what do they cost per plan?",
    ),
    Step("Nuisances", ("F2",), "What does a change that should not matter do to planning?"),
    Step("Monitor", ("F5",), "What does the monitor not see? Published beside its threshold."),
    Step("Planner", ("base", "F4", "F7"), "Only then: how hard may it search, how far look?"),
    Step("Fine-tuning", ("F6",), "Is the candidate at least as good as its base where it matters?"),
)


def order(view: View) -> Html:
    """The five steps with their state, and a sentence on the first open one."""
    states = [_state(step, view) for step in STEPS]
    items = [
        tag(
            "li",
            tag("b", step.title, class_="step"),
            tag("span", mark("holds" if state == "measured" else "hollow"), state, class_="state"),
            tag("span", step.question, class_="question"),
            _found(step, view),
            class_="open" if state not in ("measured", "does not apply") else None,
        )
        for step, state in zip(STEPS, states, strict=True)
    ]
    return section(
        "order",
        view.number("order"),
        "Working order",
        "An audit has an order: what a later step found rests on the earlier ones.",
        tag("ol", items, class_="steps"),
        said=_sentence(states),
        is_open=True,
    )


def measured_families(view: View) -> set[str]:
    """Families of which the record holds at least one estimate, by suite or behind a claim."""
    family_of = {suite.name: suite.family for suite in view.envelope.suites}
    found: set[str] = {
        family_of[m.suite] for m in view.evidence if m.estimate is not None and m.suite in family_of
    }
    return found | {
        claim.family
        for claim in view.envelope.claims
        if any((m := view.measurement(item)) and m.estimate for item in claim.evidence)
    }


def _state(step: Step, view: View) -> str:
    if step.families == ("F6",) and not view.envelope.model_state.tuning:
        return "does not apply"
    measured = measured_families(view)
    there = [family for family in step.families if family in measured]
    if len(there) == len(step.families) and not _gaps(step, view):
        return "measured"
    return "partly measured" if there else "not measured"


def _gaps(step: Step, view: View) -> int:
    """Claims of a step for which nothing was measured, or whose cells crashed."""
    return sum(
        claim.family in step.families and claim.outcome in ("not_measured", "crashed")
        for claim in view.envelope.claims
    )


def _sentence(states: list[str]) -> str:
    first = next(
        (i for i, s in enumerate(states) if s in ("not measured", "partly measured")), None
    )
    if first is None:
        return "Every step that applies was measured, in this order."
    later = [
        str(i + 1)
        for i, s in enumerate(states)
        if i > first and s in ("measured", "partly measured")
    ]
    words = f"Step {first + 1}, {STEPS[first].title.lower()}, is {states[first]} in this record."
    if not later:
        return words
    steps = f"step {later[0]} was" if len(later) == 1 else f"steps {_listed(later)} were"
    what = "it" if states[first] == "not measured" else "the rest of it"
    return f"{words[:-1]}; {steps} measured without {what}."


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def _found(step: Step, view: View) -> Node:
    measured = measured_families(view)
    missing = [family for family in step.families if family not in measured]
    claims = [claim for claim in view.envelope.claims if claim.family in step.families]
    parts = counted(claims) if claims else "no claim"
    if step.families == ("F6",) and not view.envelope.model_state.tuning:
        return tag("span", "the model is as trained", class_="found")
    gap, num = None, _gaps(step, view)
    if missing and len(missing) < len(step.families):
        gap = tag("span", f"{', '.join(missing)} not measured", class_="beside")
    elif num and not missing:
        gap = tag("span", f"{count(num, 'claim')} not measured", class_="beside")
    return tag("span", parts, gap, class_="found", title=count(len(claims), "claim"))
