"""The made-up audit: each nuisance alone."""

from envelope.records import Cell, Measurement, Scalar
from tests.envelope.builders.pieces import (
    MONITORS,
    NUM_CASES,
    NUM_EPISODES,
    cell,
    estimate,
    measurement,
    share,
)
from tests.envelope.builders.planning import ARMS

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
