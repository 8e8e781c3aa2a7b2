"""A complete, made-up audit of a two-room model: every suite, every kind of outcome.

The figures are invented but hang together: a model that plans well, never looks at the wall
(fails silently when it is repainted), and whose surprise monitor sees jumps and not colours.
"""

import base64
import hashlib
import random
import struct
import zlib
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal

from scipy.stats import beta

from envelope.criteria import default_criteria
from envelope.draft import draft
from envelope.records import (
    CalibratedMonitor,
    Calibration,
    Cell,
    Conventions,
    Criteria,
    Envelope,
    Estimate,
    FileDigest,
    Measurement,
    Measurements,
    ModelState,
    NotMeasured,
    Observation,
    Picture,
    Plan,
    PlannerScope,
    Scalar,
    SuiteText,
    Timing,
    Tool,
)

NUM_CASES = 104
NUM_STREAMS = 3
NUM_EPISODES = 60
MONITORS = ("surprise", "shell")
SUITES = ("planning", "nuisance_shift", "worst_case", "voe", "horizon_drift")


def sha(text: str) -> str:
    """A digest to stand for a file or a set of cases."""
    return hashlib.sha256(text.encode()).hexdigest()


def estimate(
    value: float,
    half_width: float,
    *,
    episodes: int = NUM_CASES,
    interval: Literal["clopper_pearson", "bootstrap", "newcombe"] = "bootstrap",
) -> Estimate:
    """A value with a symmetric interval."""
    return Estimate(
        value=value,
        low=value - half_width,
        high=value + half_width,
        episodes=episodes,
        interval=interval,
        seed=0 if interval == "clopper_pearson" else 7,
    )


def share(value: float, episodes: int = NUM_CASES) -> Estimate:
    """A share of episodes with its exact interval."""
    hits = round(value * episodes)
    low = float(beta.ppf(0.025, hits, episodes - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, episodes - hits)) if hits < episodes else 1.0
    return Estimate(
        value=hits / episodes,
        low=low,
        high=high,
        episodes=episodes,
        interval="clopper_pearson",
        seed=0,
    )


def measurement(
    path: str,
    found: Estimate | None,
    condition: dict[str, Scalar] | None = None,
    *,
    unit: str = "1",
    p_holm: float | None = None,
    note: str = "",
    **more: Scalar,
) -> Measurement:
    """A summary; `path` is `suite/quantity`."""
    suite, quantity = path.split("/")
    return Measurement(
        suite=suite,
        quantity=quantity,
        unit=unit,
        condition={**(condition or {}), **more},
        estimate=found,
        p_holm=p_holm,
        note=note,
    )


def cell(
    suite: str, arm: str, column: str, rate: float, num_rows: int, **condition: Scalar
) -> Cell:
    """A finished cell with one column of outcomes."""
    name = f"{suite}/{arm}/{sorted(condition.items())}"
    outcomes: list[Any] = [i < round(rate * num_rows) for i in range(num_rows)]
    random.Random(name).shuffle(outcomes)
    return Cell(
        id=sha(name),
        suite=suite,
        arm=arm,
        condition=condition,
        cases=sha(f"{suite} cases"),
        status="done",
        rows={"case": list(range(num_rows)), column: outcomes},
    )


def crashed(finished: Cell, error: str = "RuntimeError: out of memory") -> Cell:
    """The same cell, had it raised."""
    return finished.model_copy(update={"status": "crashed", "rows": {}, "error": error})


# --- planning ---------------------------------------------------------------------------------

ARMS = {"model": 0.86, "random": 0.12, "untrained_twin": 0.31, "true_dynamics": 0.97}


def planning() -> tuple[list[Cell], list[Measurement]]:
    """Closed loop without any shift: four arms, three planner streams on the model's."""
    cells = [
        cell("planning", arm, "success", rate, NUM_CASES, stream=stream)
        for arm, rate in ARMS.items()
        for stream in range(NUM_STREAMS if arm == "model" else 1)
    ]
    summaries = [
        measurement("planning/success", estimate(ARMS["model"], 0.05), arm="model"),
        *(
            measurement("planning/success", share(rate), arm=arm)
            for arm, rate in ARMS.items()
            if arm != "model"
        ),
        *(
            measurement("planning/success_by_stream", share(ARMS["model"] + d), stream=stream)
            for stream, d in enumerate((-0.02, 0.0, 0.02))
        ),
        *(
            measurement(
                "planning/success_gain",
                estimate(ARMS["model"] - ARMS[arm], 0.1, interval="newcombe"),
                p_holm=1e-9,
                over=arm,
            )
            for arm in ("random", "untrained_twin")
        ),
        measurement("planning/share_of_ceiling", estimate(0.906, 0.04)),
        *(measurement("planning/alarm_rate", share(0.04), monitor=name) for name in MONITORS),
    ]
    return cells, summaries


# --- nuisances --------------------------------------------------------------------------------

UNITS = {
    "background.color": ("delta_e", 0.0, 40.0),
    "background.gradient": ("delta_e", 0.0, 30.0),
    "agent.color": ("delta_e", 0.0, 50.0),
    "light.gain": ("gain", 1.0, 0.5),
    "distractor": ("px", 0.0, 20.0),
    "blur": ("px", 0.0, 2.0),
    "noise": ("std", 0.0, 0.2),
    "camera.shift": ("px", 0.0, 4.0),
}
"""Unit, value at strength 0, and largest change from it."""
DIRECTIONS = {
    "background.color": ("to_navy", "to_red", "to_green", "to_yellow", "lighter", "darker"),
    "agent.color": ("to_navy", "to_green", "lighter"),
    "light.gain": ("darker", "brighter"),
    "camera.shift": ("left", "up"),
}
CLOSED_LOOP: list[tuple[str, str, float, str, float, float, float]] = [
    # nuisance, direction, strength, frames, drop, half width, alarm rate
    ("background.color", "to_navy", 0.2, "current", 0.02, 0.06, 0.04),
    ("background.color", "to_navy", 0.6, "current", 0.38, 0.10, 0.10),
    ("background.color", "to_navy", 0.6, "goal", 0.33, 0.10, 0.06),
    ("background.color", "to_navy", 0.6, "both", 0.20, 0.09, 0.08),
    ("background.gradient", "horizontal", 0.6, "current", 0.01, 0.06, 0.05),
    ("background.gradient", "horizontal", 1.0, "current", 0.03, 0.06, 0.05),
    ("agent.color", "to_green", 0.4, "current", 0.03, 0.06, 0.30),
    ("agent.color", "to_green", 1.0, "current", 0.55, 0.10, 0.97),
    ("light.gain", "darker", 0.6, "current", 0.01, 0.06, 0.05),
    ("light.gain", "darker", 1.0, "current", 0.02, 0.06, 0.07),
    ("light.gain", "brighter", 0.6, "current", 0.00, 0.06, 0.05),
    ("light.gain", "brighter", 1.0, "current", 0.03, 0.06, 0.07),
    ("distractor", "corner", 0.6, "current", 0.08, 0.09, 0.20),
    ("blur", "isotropic", 0.6, "current", 0.01, 0.06, 0.05),
    ("blur", "isotropic", 1.0, "current", 0.03, 0.06, 0.05),
    ("noise", "white", 0.6, "current", 0.40, 0.10, 0.77),
]


def nuisance_condition(nuisance: str, direction: str, strength: float) -> dict[str, Scalar]:
    """The keys that every nuisance measurement carries."""
    unit, nominal, reach = UNITS[nuisance]
    sign = -1 if direction == "darker" and nuisance == "light.gain" else 1
    return {
        "nuisance": nuisance,
        "direction": direction,
        "strength": strength,
        "amount": round(nominal + sign * reach * strength, 6),
        "unit": unit,
        "nominal": nominal,
    }


def closed_loop(
    nuisance: str,
    direction: str,
    strength: float,
    frames: str,
    drop: float,
    half_width: float,
    alarm_rate: float,
) -> tuple[Cell, list[Measurement]]:
    """One shifted cell and what is said about it."""
    condition = {**nuisance_condition(nuisance, direction, strength), "frames": frames}
    success = ARMS["model"] - drop
    p_holm = 1e-6 if drop > 0.15 else 0.7
    found = [
        measurement("nuisance_shift/success", share(success), condition),
        measurement(
            "nuisance_shift/success_drop",
            estimate(drop, half_width, interval="newcombe"),
            condition,
            p_holm=p_holm,
        ),
        *(
            measurement(
                "nuisance_shift/closed_loop_alarm_rate",
                share(alarm_rate if monitor == "surprise" else alarm_rate / 3),
                condition,
                monitor=monitor,
            )
            for monitor in MONITORS
        ),
    ]
    return cell("nuisance_shift", "model", "success", success, NUM_CASES, **condition), found


def nuisances() -> tuple[list[Cell], list[Measurement]]:
    """Every class open loop at every strength, most of them in closed loop at one or two."""
    cells: list[Cell] = []
    summaries: list[Measurement] = []
    for nuisance, *rest in CLOSED_LOOP:
        one, found = closed_loop(nuisance, *rest)
        cells.append(one)
        summaries.extend(found)
    closed = {(nuisance, direction) for nuisance, direction, *_ in CLOSED_LOOP}
    shown = sorted(
        closed | {(nuisance, d) for nuisance, names in DIRECTIONS.items() for d in names}
    )
    for nuisance, direction in shown:
        for strength in (0.2, 0.4, 0.6, 0.8, 1.0):
            condition = nuisance_condition(nuisance, direction, strength)
            moved = 0.9 * strength * (1.6 if nuisance in ("agent.color", "noise") else 0.7)
            alarms = min(1.0, 0.04 + 0.9 * strength**2) if nuisance == "agent.color" else 0.05
            cells.append(
                cell("nuisance_shift", "model", "alarm", alarms, NUM_EPISODES, **condition)
            )
            summaries.append(
                measurement(
                    "nuisance_shift/displacement",
                    estimate(moved, 0.1 * moved, episodes=NUM_EPISODES),
                    condition,
                )
            )
            summaries.extend(
                measurement(
                    "nuisance_shift/alarm_rate",
                    share(alarms, NUM_EPISODES),
                    condition,
                    monitor=monitor,
                )
                for monitor in MONITORS
            )
    return cells, summaries


# --- nuisances together, and at their worst ---------------------------------------------------

BOX = {
    "agent.color": (0.0, 20.0),
    "background.color": (0.0, 8.0),
    "background.gradient": (0.0, 30.0),
    "blur": (0.0, 2.0),
    "light.gain": (0.5, 1.5),
}
"""What the shifted cells admit."""
NUM_SEARCHED = 60
BROKEN = {
    "background.color": 0.4,
    "background.gradient": 0.0,
    "agent.color": 0.05,
    "light.gain": 0.0,
    "distractor": 0.3,
    "blur": 0.1,
    "noise": 0.9,
    "camera.shift": 0.0,
    "joint": 0.2,
}
"""Share of solved cases that a search breaks."""


def box_condition(names: Iterable[str]) -> dict[str, Scalar]:
    """The ends of these classes, as a cell about several holds them."""
    ends = {name: BOX.get(name, (0.0, 1.0)) for name in names}
    return {
        **{f"low.{name}": low for name, (low, _) in ends.items()},
        **{f"high.{name}": high for name, (_, high) in ends.items()},
    }


def together(amounts: str, drop: float, half_width: float) -> tuple[Cell, list[Measurement]]:
    """One cell with all admitted classes at once."""
    said: dict[str, Scalar] = {"amounts": amounts, "frames": "current", "num_classes": len(BOX)}
    condition = {"nuisance": "joint", "loop": "joint", **said, **box_condition(BOX)}
    found = [
        measurement("nuisance_shift/joint_success", share(ARMS["model"] - drop), said),
        measurement(
            "nuisance_shift/joint_success_drop",
            estimate(drop, half_width, interval="newcombe"),
            said,
            p_holm=1e-6 if drop > 0.15 else 0.7,
        ),
        *(
            measurement(
                "nuisance_shift/joint_closed_loop_alarm_rate", share(0.06), said, monitor=monitor
            )
            for monitor in MONITORS
        ),
    ]
    rate = ARMS["model"] - drop
    return cell("nuisance_shift", "model", "success", rate, NUM_CASES, **condition), found


def worst_case() -> tuple[list[Cell], list[Measurement]]:
    """A search per class, and one over all of them; the joint cell before them is undecided."""
    one, summaries = together("uniform", 0.09, 0.06)
    cells = [one]
    for name, rate in BROKEN.items():
        said: dict[str, Scalar] = {"nuisance": name, "num_tries": 3, "num_bisections": 3}
        names = list(BOX) if name == "joint" else [name]
        is_admitted = set(names) <= set(BOX)
        condition = {**said, "is_admitted": is_admitted, **box_condition(names)}
        cells.append(cell("worst_case", "model", "broken", rate, NUM_SEARCHED, **condition))
        smallest = estimate(0.5, 0.1, episodes=round(rate * NUM_SEARCHED)) if rate > 0.2 else None
        quantity = "smallest_share" if name == "joint" else "smallest_amount"
        summaries += [
            measurement("worst_case/broken_share", share(rate, NUM_SEARCHED), said),
            measurement(f"worst_case/{quantity}", smallest, said, note="" if smallest else "few"),
        ]
    summaries.append(measurement("worst_case/lost_by_chance", share(0.05, NUM_SEARCHED)))
    return cells, summaries


# --- monitors ---------------------------------------------------------------------------------

KINDS: dict[str, Literal["physical", "visual", "sensor"]] = {
    "teleport": "physical",
    "through_wall": "physical",
    "freeze": "physical",
    "velocity_reversal": "physical",
    "action_swap": "physical",
    "blackout": "sensor",
    "frozen_camera": "sensor",
    "agent.color": "visual",
    "background.color": "visual",
    "distractor": "visual",
    "flicker": "visual",
    "occlusion": "visual",
    "vanish": "visual",
    "second_agent": "visual",
    "camera.jump": "sensor",
    "blur": "sensor",
    "noise": "sensor",
    "mirror_image": "sensor",
    "channel_swap": "sensor",
}
"""Physical where it is not said."""
_RATES = {
    "physical": {"surprise": (0.6, 1.0, 1.0), "shell": (0.05, 0.05, 0.05)},
    "visual": {"surprise": (0.1, 0.3, 0.5), "shell": (0.1, 0.7, 1.0)},
    "sensor": {"surprise": (0.3, 0.97, 1.0), "shell": (1.0, 1.0, 1.0)},
}
DETECTION = {
    # share detected at each magnitude, by monitor
    "teleport": {"surprise": (0.2, 0.7, 1.0, 1.0), "shell": (0.0, 0.05, 0.1, 0.2)},
    "through_wall": {"surprise": (0.3, 0.8, 1.0), "shell": (0.0, 0.0, 0.1)},
    "freeze": {"surprise": (0.5, 0.98, 1.0), "shell": (0.05, 0.05, 0.05)},
    "velocity_reversal": {"surprise": (0.6, 0.97, 1.0), "shell": (0.05, 0.05, 0.05)},
    "action_swap": {"surprise": (0.4, 0.9, 1.0), "shell": (0.05, 0.05, 0.1)},
    "blackout": {"surprise": (1.0, 1.0), "shell": (1.0, 1.0)},
    "frozen_camera": {"surprise": (0.2, 0.4, 0.9), "shell": (0.0, 0.0, 0.0)},
    "agent.color": {"surprise": (0.1, 0.3, 0.95, 1.0), "shell": (0.1, 0.2, 0.5, 0.9)},
    "background.color": {"surprise": (0.05, 0.05, 0.1, 0.2), "shell": (0.0, 0.05, 0.1, 0.1)},
    "distractor": {"surprise": (0.2, 0.5, 0.8), "shell": (0.1, 0.2, 0.6)},
}


def violations(criteria: Criteria) -> tuple[list[Cell], list[Measurement]]:
    """Each violation at each magnitude under both monitors, and lawful held-out episodes."""
    cells: list[Cell] = []
    summaries: list[Measurement] = []
    for violation, criterion in criteria.violations.items():
        kind = KINDS.get(violation, "physical")
        for place, magnitude in enumerate(criterion.magnitudes):
            condition: dict[str, Scalar] = {
                "violation": violation,
                "kind": kind,
                "magnitude": magnitude,
                "unit": criterion.unit,
            }
            by_monitor = DETECTION.get(violation, _RATES[kind])
            rates = {monitor: by_monitor[monitor][place] for monitor in MONITORS}
            cells.append(
                cell("voe", "model", "alarm", rates["surprise"], NUM_EPISODES, **condition)
            )
            summaries.append(
                measurement("voe/floor_detection", share(0.4, NUM_EPISODES), condition)
            )
            for monitor, rate in rates.items():
                inside = {**condition, "monitor": monitor}
                delay = estimate(7.0, 2.0, episodes=max(2, round(rate * NUM_EPISODES)))
                summaries += [
                    measurement("voe/detection", share(rate, NUM_EPISODES), inside),
                    measurement(
                        "voe/auroc",
                        estimate(0.5 + 0.45 * rate, 0.04, episodes=NUM_EPISODES),
                        inside,
                    ),
                    measurement(
                        "voe/delay",
                        delay if rate > 0.2 else None,
                        inside,
                        unit="env_steps",
                        note="" if rate > 0.2 else "too few clips with an alarm",
                    ),
                ]
    cells.append(cell("voe", "model", "alarm", 0.03, NUM_EPISODES, violation="none"))
    summaries += [
        measurement("voe/false_alarms", share(0.033, NUM_EPISODES), monitor=name)
        for name in MONITORS
    ]
    return cells, summaries


def monitors() -> list[CalibratedMonitor]:
    """Two monitors with a threshold from 59 lawful episodes."""
    calibration = Calibration(
        method="split_conformal",
        episodes=59,
        episodes_digest=sha("calibration"),
        model_steps_per_episode=20,
    )
    statistics = {"surprise": "largest prediction error", "shell": "latent norm off its shell"}
    return [
        CalibratedMonitor(
            name=name,
            statistic=f"{statistics[name]} in an episode",
            threshold=threshold,
            false_alarms_per_episode=0.05,
            calibration=calibration,
        )
        for name, threshold in zip(MONITORS, (0.0312, 1.75), strict=True)
    ]


# --- drift ------------------------------------------------------------------------------------


def drift() -> tuple[list[Cell], list[Measurement]]:
    """Error over nothing-moves by horizon, and success by goal distance."""
    ratios = {1: 0.08, 2: 0.13, 3: 0.19, 4: 0.25, 5: 0.31, 6: 0.38, 8: 0.52, 10: 0.68}
    offsets = {15: 0.95, 25: 0.86, 35: 0.62}
    cells = [cell("horizon_drift", "model", "drift", 0.3, NUM_EPISODES, horizons=10)]
    cells += [
        cell(
            "horizon_drift",
            "model",
            "success",
            rate,
            NUM_CASES,
            goal_offset_env_steps=offset,
            budget_env_steps=2 * offset,
        )
        for offset, rate in offsets.items()
        if offset != 25  # the clean arm has it
    ]
    summaries = [
        measurement(
            "horizon_drift/drift_ratio",
            estimate(ratio, 0.15 * ratio, episodes=NUM_EPISODES),
            horizon=horizon,
            env_steps=5 * horizon,
        )
        for horizon, ratio in ratios.items()
    ]
    summaries += [
        measurement("horizon_drift/success_by_offset", share(rate), goal_offset_env_steps=offset)
        for offset, rate in offsets.items()
    ]
    return cells, summaries


# --- the whole ---------------------------------------------------------------------------------


def planner_scope() -> PlannerScope:
    """CEM 200 x 10 that looks five model steps ahead."""
    return PlannerScope(
        algorithm="cem",
        num_samples=200,
        iterations=10,
        elites=20,
        horizon=5,
        block_size=5,
        execute_blocks=5,
        history=3,
        cost="terminal_latent_sse/1",
        conventions=Conventions(
            action_scale="zscore",
            batchnorm="eval",
            success_rule="two-room/16px",
            goal_offset_env_steps=25,
            budget_env_steps=50,
            solver_batch="any",
            dtype="float32",
            device="cpu",
        ),
        admitted={},
    )


def model_state() -> ModelState:
    """A model as trained, in one file."""
    return ModelState(
        files=[FileDigest(path="two_room.pt", size_bytes=1_234_567, sha256=sha("two_room.pt"))],
        tensor_digest=sha("tensors"),
        groups={"encoder": sha("encoder"), "predictor": sha("predictor")},
        config_digest=sha("config"),
        adapter="lewm",
        num_parameters=311_040,
        tuning=[],
        training={"data_digest": sha("data"), "updates": 4000, "seed": 1},
    )


def suite_texts() -> list[SuiteText]:
    """The docstrings of the four suites, shortened."""
    return [
        SuiteText(
            name="planning",
            family="base",
            question="Does the planner reach its goals with this model?",
            why_it_matters="Every other claim is about keeping this one.",
            observes="Closed-loop success, beside random actions, an untrained twin and the truth.",
            blind_to="Goals farther away than those sampled.",
        ),
        SuiteText(
            name="nuisance_shift",
            family="F2",
            question="What does a nuisance do to planning and to the alarm?",
            why_it_matters="A repainted wall can halve success while the monitor stays silent.",
            observes="Success and alarm rate per class, in the physical unit of the class.",
            blind_to="Two nuisances at once, and classes that are not listed.",
        ),
        SuiteText(
            name="worst_case",
            family="F2",
            question="What is the smallest admitted nuisance that makes a solved case fail?",
            why_it_matters="An average hides the cases that a small change breaks.",
            observes="The share of solved cases that a search breaks.",
            blind_to="What a longer search would find.",
        ),
        SuiteText(
            name="voe",
            family="F5",
            question="Which violations does each monitor see, and which not?",
            why_it_matters="A monitor's blind spots are where nobody will be warned.",
            observes="Detection, delay and false alarms at a calibrated threshold.",
            blind_to="Violations that are not listed.",
        ),
        SuiteText(
            name="horizon_drift",
            family="F7",
            question="How far ahead may one look?",
            why_it_matters="Error that grows with the horizon becomes a confident wrong plan.",
            observes="Rollout error over the error of assuming that nothing moves.",
            blind_to="Differences the encoder discards.",
        ),
    ]


def png(red: int, green: int, blue: int, size: int = 8) -> str:
    """A square of one colour, as base64 of a PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    lines = (b"\0" + bytes((red, green, blue)) * size) * size
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode()


def pictures(criteria: Criteria) -> list[Picture]:
    """One frame per nuisance class at strengths 0.2, 0.6 and 1, and one per violation."""
    found = []
    for place, nuisance in enumerate(UNITS):
        direction = DIRECTIONS.get(nuisance, ("",))[0]
        for strength in (0.2, 0.6, 1.0):
            shade = round(255 * (1 - strength))
            found.append(
                Picture(
                    suite="nuisance_shift",
                    condition=nuisance_condition(nuisance, direction, strength),
                    png_base64=png(shade, 25 * place, 200),
                    caption=f"{nuisance} at strength {strength:g}",
                )
            )
    for place, (violation, criterion) in enumerate(criteria.violations.items()):
        found.append(
            Picture(
                suite="voe",
                condition={"violation": violation, "magnitude": criterion.claim_at},
                png_base64=png(200, 25 * place % 256, 40),
                caption=f"{violation} at {criterion.claim_at:g} {criterion.unit}",
            )
        )
    return found


@cache
def measurements() -> Measurements:
    """Everything a standard run over the made-up model produced."""
    criteria = default_criteria()
    parts = (planning(), nuisances(), worst_case(), violations(criteria), drift())
    cells = [one for found, _ in parts for one in found]
    summaries = [one for _, found in parts for one in found]
    return Measurements(
        format="measurements/0.1",
        tool=Tool(
            name="world-model-envelope",
            version="0.1.0",
            source_digest=sha("source"),
            libraries={"numpy": "2.3.0", "torch": "2.13.0"},
        ),
        plan=Plan(
            profile="standard",
            seed=7,
            suites=list(SUITES),
            num_cases=NUM_CASES,
            num_streams=NUM_STREAMS,
            num_calibration_episodes=59,
            num_scoring_episodes=NUM_EPISODES,
            criteria=criteria,
        ),
        world="two-room",
        observation=Observation(size_px=64, env_steps_per_frame=5),
        factors={},
        planner_scope=planner_scope(),
        model_state=model_state(),
        cells=cells,
        summaries=summaries,
        monitors=monitors(),
        suites=suite_texts(),
        pictures=pictures(criteria),
        not_measured=[
            NotMeasured(
                what="background.color with the goal frame shifted alone, beyond strength 0.6",
                reason="the profile is standard",
                settle="measure with the profile deep",
            )
        ],
        timing=Timing(
            measured_at="2026-01-05T10:00:00Z",
            suite_seconds={
                "planning": 310.0,
                "nuisance_shift": 840.0,
                "worst_case": 60.0,
                "voe": 95.0,
                "horizon_drift": 160.0,
            },
            reused_cells=0,
            run_cells=len(cells),
        ),
    )


@cache
def example_envelope() -> Envelope:
    """The record of that run."""
    return draft(measurements())
