"""A whole record over the made-up audit of `tests.envelope.builders`, with frames worth seeing.

The verdicts are set by hand where a page must show them; the report never computes one.
"""

from collections.abc import Callable
from functools import cache

from envelope.records import (
    Claim,
    Envelope,
    Family,
    InputScope,
    Measurement,
    Measurements,
    Monitor,
    NotMeasured,
    NuisanceScope,
    Outcome,
    Picture,
    Range,
    Scalar,
    Sensitivity,
    Trigger,
    Verdict,
)
from tests.envelope import builders
from tests.reports.drawing import Color, blend, picture_of_room

VERDICT_OF: dict[Outcome, Verdict] = {
    "met": "holds",
    "robust": "holds",
    "detected": "holds",
    "not_met": "fails",
    "blind": "fails",
    "fails_silently": "fails",
    "fails_loudly": "fails",
    "fails_alarm_unknown": "fails",
    "inconclusive": "unknown",
    "not_measured": "unknown",
    "crashed": "unknown",
}
NUISANCES: dict[str, tuple[Outcome, float]] = {
    # outcome, and the largest admitted change from nominal
    "background.color": ("fails_silently", 8.0),
    "background.gradient": ("robust", 30.0),
    "agent.color": ("fails_loudly", 20.0),
    "light.gain": ("robust", 0.5),
    "distractor": ("inconclusive", 0.0),
    "blur": ("robust", 2.0),
    "noise": ("fails_alarm_unknown", 0.0),
    "camera.shift": ("not_measured", 0.0),
}
DETECTION_RATE = 0.8


def claim(
    claim_id: str,
    outcome: Outcome,
    statement: str,
    reason: str,
    *,
    family: Family,
    kind: str,
    rests_on: list[str],
    evidence: list[Measurement],
) -> Claim:
    """A claim on the first of its evidence."""
    return Claim(
        id=claim_id,
        family=family,
        kind="bound" if kind == "bound" else "requirement",
        statement=statement,
        verdict=VERDICT_OF[outcome],
        outcome=outcome,
        reason=reason,
        criterion="fixed in the criteria before the run",
        rests_on=rests_on,
        suites=sorted({m.suite for m in evidence}),
        evidence=[m.id for m in evidence],
        estimate=evidence[0].estimate if evidence else None,
    )


def select(
    measured: Measurements, path: str, where: Callable[[dict[str, Scalar]], bool]
) -> list[Measurement]:
    """Summaries of one quantity whose condition fits."""
    suite, quantity = path.split("/")
    return [
        m
        for m in measured.summaries
        if m.suite == suite and m.quantity == quantity and where(m.condition)
    ]


def planning_claims(measured: Measurements) -> list[Claim]:
    """Three requirements on the clean world."""
    rests_on = ["model_state", "planner_scope", "input_scope.world", "input_scope.observation"]
    success = select(measured, "planning/success", lambda c: c["arm"] == "model")
    gains = select(measured, "planning/success_gain", lambda c: True)
    share = select(measured, "planning/share_of_ceiling", lambda c: True)
    facts = (
        ("success", "The planner reaches at least 0.70 of its goals.", success),
        ("above_floor", "Planning with the model beats random actions and its twin.", gains),
        ("share_of_ceiling", "The planner reaches 0.80 of what the truth would allow.", share),
    )
    return [
        claim(
            f"planning.{name}",
            "met",
            statement,
            "The lower end of the interval lies above what is asked for.",
            family="base",
            kind="requirement",
            rests_on=rests_on,
            evidence=evidence,
        )
        for name, statement, evidence in facts
    ]


def nuisance_claims(measured: Measurements) -> list[Claim]:
    """One bound per nuisance class."""
    found = []
    for name, (outcome, _) in NUISANCES.items():
        drops = select(
            measured, "nuisance_shift/success_drop", lambda c, n=name: c["nuisance"] == n
        )
        found.append(
            claim(
                f"nuisance.{name}",
                outcome,
                f"Planning keeps its success while {name} changes.",
                "The drop at the smallest failing amount is 0.38 [0.28, 0.48]."
                if "fails" in outcome
                else "Decided by the interval of the paired drop.",
                family="F2",
                kind="bound",
                rests_on=["model_state", f"input_scope.nuisance.{name}"],
                evidence=drops,
            )
        )
    return found


def sensitivities(measured: Measurements, monitor: str) -> list[Sensitivity]:
    """What the suite saw, with the outcome that the interval decides."""
    found = []
    for m in select(measured, "voe/detection", lambda c: c["monitor"] == monitor):
        assert m.estimate is not None
        other = {
            quantity: select(measured, f"voe/{quantity}", lambda c, m=m: c == m.condition)[
                0
            ].estimate
            for quantity in ("auroc", "delay")
        }
        detected, blind = m.estimate.low >= DETECTION_RATE, m.estimate.high < DETECTION_RATE
        found.append(
            Sensitivity(
                violation=str(m.condition["violation"]),
                kind=builders.KINDS[str(m.condition["violation"])],
                magnitude=float(m.condition["magnitude"]),
                unit=str(m.condition["unit"]),
                outcome="detected" if detected else "blind" if blind else "inconclusive",
                detection=m.estimate,
                auroc=other["auroc"],
                delay_env_steps=other["delay"],
                episodes_needed=None if detected or blind else 240,
            )
        )
    return found


def monitors(measured: Measurements) -> list[Monitor]:
    """Calibrated monitors with their blind spots."""
    found = []
    for calibrated in measured.monitors:
        seen = sensitivities(measured, calibrated.name)
        at_claim = {name: v.claim_at for name, v in measured.plan.criteria.violations.items()}
        blind = [
            s.violation
            for s in seen
            if s.outcome == "blind" and s.magnitude == at_claim[s.violation]
        ]
        false_alarms = select(
            measured, "voe/false_alarms", lambda c, n=calibrated.name: c["monitor"] == n
        )
        found.append(
            Monitor(
                **calibrated.model_dump(exclude={"calibration"}),
                calibration=calibrated.calibration,
                measured_false_alarms=false_alarms[0].estimate,
                positive_control=True,
                sensitivity=seen,
                blind_spots=blind,
            )
        )
    return found


def monitor_claims(measured: Measurements, found: list[Monitor]) -> list[Claim]:
    """False alarms, and one bound per violation."""
    claims = []
    for monitor in found:
        name = monitor.name
        claims.append(
            claim(
                f"monitor.{name}.false_alarms",
                "met",
                f"{name} raises at most 0.05 false alarms per episode.",
                "2 of 60 held-out lawful episodes alarmed.",
                family="F5",
                kind="requirement",
                rests_on=["model_state", f"monitors.{name}"],
                evidence=select(measured, "voe/false_alarms", lambda c, n=name: c["monitor"] == n),
            )
        )
        for seen in monitor.sensitivity:
            if measured.plan.criteria.violations[seen.violation].claim_at != seen.magnitude:
                continue
            evidence = select(
                measured,
                "voe/detection",
                lambda c, s=seen, n=name: (
                    (c["monitor"], c["violation"], c["magnitude"]) == (n, s.violation, s.magnitude)
                ),
            )
            claims.append(
                claim(
                    f"monitor.{name}.{seen.violation}",
                    seen.outcome,
                    f"{name} sees {seen.violation} of {seen.magnitude:g} {seen.unit}.",
                    "The interval of the detection rate decides.",
                    family="F5",
                    kind="bound",
                    rests_on=["model_state.groups", f"monitors.{name}"],
                    evidence=evidence,
                )
            )
    return claims


def drift_claims(measured: Measurements) -> list[Claim]:
    """Usable horizon and goal distance."""
    ratio = select(measured, "horizon_drift/drift_ratio", lambda c: c["horizon"] == 5)
    offsets = select(measured, "horizon_drift/success_by_offset", lambda c: True)
    return [
        claim(
            "drift.usable_horizon",
            "met",
            "The model can be trusted for five model steps.",
            "Error over nothing-moves at horizon 5 is 0.31 [0.26, 0.36], limit 0.50.",
            family="F7",
            kind="requirement",
            rests_on=["model_state", "planner_scope.horizon", "planner_scope.block_size"],
            evidence=ratio,
        ),
        claim(
            "drift.goal_offset",
            "not_met",
            "Goals up to 35 env steps away are reached.",
            "At 35 env steps the upper end, 0.71, lies below 0.75.",
            family="F7",
            kind="bound",
            rests_on=["planner_scope.conventions.goal_offset_env_steps"],
            evidence=offsets,
        ),
    ]


def nuisance_scope(name: str, reach: float) -> NuisanceScope:
    """Admitted change of a class, on both sides where it was measured on both."""
    unit, nominal, most = builders.UNITS[name]
    both = name == "light.gain"
    closed = [row for row in builders.CLOSED_LOOP if row[0] == name]
    far = max((most * row[2] for row in closed), default=0.0)
    return NuisanceScope(
        unit=unit,
        nominal=nominal,
        measured=Range(low=nominal - far if both else nominal, high=nominal + far),
        admitted=Range(low=nominal - reach if both else nominal, high=nominal + reach),
        frames=["current"] if closed else [],
    )


def triggers(claims: list[Claim]) -> list[Trigger]:
    """One trigger per field that matters."""
    rules = (
        ("model_state.tensor_digest", "digest_equal", "stop", "other numbers, other behaviour"),
        ("model_state.tuning", "equal", "stop", "tuning degrades planning and monitors unseen"),
        ("planner_scope.horizon", "at_most", "restrict", "a longer look adds compounding error"),
        ("planner_scope.num_samples", "within", "restrict", "more search finds more model error"),
        ("input_scope.nuisance", "within", "tighten_monitor", "success was kept in these ranges"),
        ("monitors.surprise", "equal", "tighten_monitor", "a threshold moves every blind spot"),
    )
    return [
        Trigger(
            field=field,
            comparison=comparison,
            claims=[
                c.id
                for c in claims
                if any(field.startswith(r) or r.startswith(field) for r in c.rests_on)
            ],
            brings_in=["drift.usable_horizon"] if "horizon" in field else [],
            suites=["planning", "horizon_drift"] if "planner" in field else ["planning", "voe"],
            acceptance="every lapsed claim holds again under the same criteria",
            meanwhile=meanwhile,
            reason=reason,
        )
        for field, comparison, meanwhile, reason in rules
    ]


WALL: Color = (232, 220, 196)
BALL: Color = (196, 62, 42)
TOWARD: dict[str, Color] = {
    "to_navy": (16, 32, 92),
    "to_green": (52, 140, 70),
    "to_red": (190, 40, 40),
    "lighter": (255, 255, 255),
    "darker": (40, 38, 36),
    "brighter": (255, 255, 255),
}


def frames(measured: Measurements) -> list[Picture]:
    """A drawn room under every nuisance, and clips of two violations."""
    shown = []
    for name in builders.UNITS:
        for direction in builders.DIRECTIONS.get(name, ("as drawn",))[:2]:
            for strength in (0.2, 0.6, 1.0):
                wall, ball = WALL, BALL
                if name in ("background.color", "light.gain", "background.gradient"):
                    wall = blend(WALL, TOWARD.get(direction, (90, 60, 120)), strength)
                if name == "agent.color":
                    ball = blend(BALL, TOWARD[direction], strength)
                shown.append(
                    Picture(
                        suite="nuisance_shift",
                        condition=builders.nuisance_condition(name, direction, strength),
                        png_base64=picture_of_room(
                            wall, ball, 20, 40, noise=strength if name == "noise" else 0.0
                        ),
                        caption=f"{name} {direction} at strength {strength:g}",
                    )
                )
    for violation in ("teleport", "background.color"):
        magnitude = measured.plan.criteria.violations[violation].claim_at
        for clip in ("lawful", "unlawful"):
            for frame in range(6):
                late = clip == "unlawful" and frame >= 3
                jump = 26 if late and violation == "teleport" else 0
                wall = TOWARD["to_navy"] if late and violation == "background.color" else WALL
                shown.append(
                    Picture(
                        suite="voe",
                        condition={
                            "violation": violation,
                            "magnitude": magnitude,
                            "unit": measured.plan.criteria.violations[violation].unit,
                            "clip": clip,
                            "frame": frame,
                            "critical": late and frame == 3,
                        },
                        png_base64=picture_of_room(wall, BALL, 10 + 3 * frame, 44 - jump),
                        caption=f"{violation}, {clip} clip, frame {frame}",
                    )
                )
    return shown


@cache
def measurements() -> Measurements:
    """The made-up audit with drawn frames."""
    plain = builders.measurements()
    return plain.model_copy(update={"pictures": frames(plain)})


@cache
def envelope() -> Envelope:
    """The record over it."""
    measured = measurements()
    found = monitors(measured)
    claims = [
        *planning_claims(measured),
        *nuisance_claims(measured),
        *monitor_claims(measured, found),
        *drift_claims(measured),
    ]
    return Envelope(
        format="envelope/0.1",
        assurance="self_attested",
        tool=measured.tool,
        profile="standard",
        seed=measured.plan.seed,
        measured_at="2026-01-05T10:00:00Z",
        valid_until="2026-07-04T10:00:00Z",
        plan_digest=builders.sha("plan"),
        measurements_digest=builders.sha("rows"),
        input_scope=InputScope(
            world=measured.world,
            observation=measured.observation,
            factors=measured.factors,
            nuisance={n: nuisance_scope(n, reach) for n, (_, reach) in NUISANCES.items()},
            joint=False,
        ),
        planner_scope=measured.planner_scope.model_copy(
            update={
                "admitted": {
                    "horizon": Range(low=1, high=8),
                    "goal_offset_env_steps": Range(low=15, high=25),
                }
            }
        ),
        model_state=measured.model_state,
        monitors=found,
        revalidation_triggers=triggers(claims),
        claims=claims,
        criteria=measured.plan.criteria,
        evidence=list(measured.summaries),
        not_measured=[
            *measured.not_measured,
            NotMeasured(
                what="Representation: intrinsic dimension, rank, seconds per plan",
                reason="no suite of this step was run",
                settle="run the representation suite on the same checkpoint",
            ),
            NotMeasured(
                what="Two nuisances at once",
                reason="no joint cell was planned in this profile",
                settle="measure with a joint cell",
            ),
        ],
        suites=measured.suites,
        timing=measured.timing,
    )
