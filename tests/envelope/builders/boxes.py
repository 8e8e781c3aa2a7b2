"""The made-up audit: nuisances together, and at their worst."""

from collections.abc import Iterable

from envelope.records import JOINT_SCALES, Cell, Measurement, Range, Scalar
from tests.envelope.builders.nuisances import UNITS
from tests.envelope.builders.pieces import MONITORS, NUM_CASES, cell, estimate, measurement, share
from tests.envelope.builders.planning import ARMS

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


def scaled_condition(scale: float) -> dict[str, Scalar]:
    """The ends of the box that goes this share of the way."""
    found: dict[str, Scalar] = {}
    for name, (low, high) in BOX.items():
        part = Range(low=low, high=high).shrunk(UNITS[name][1], scale)
        found |= {f"low.{name}": part.low, f"high.{name}": part.high}
    return found


def together(
    amounts: str, drop: float, half_width: float, scale: float = JOINT_SCALES[0]
) -> tuple[Cell, list[Measurement]]:
    """One cell with all admitted classes at once."""
    said: dict[str, Scalar] = {
        "amounts": amounts,
        "scale": scale,
        "frames": "current",
        "num_classes": len(BOX),
    }
    condition = {"nuisance": "joint", "loop": "joint", **said, **scaled_condition(scale)}
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
