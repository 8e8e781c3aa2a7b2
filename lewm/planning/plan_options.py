"""The options that each search algorithm and each cost has, with their ranges and defaults."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PlanOption:
    """A number that one algorithm or one cost reads."""

    low: float
    high: float
    default: float | None
    """None: absent unless given."""
    whole: bool = False
    """Whether only whole numbers make sense."""


_BOUNDS = {
    "action_low": PlanOption(-1e6, 1e6, None),
    "action_high": PlanOption(-1e6, 1e6, None),
}
"""Env units. Candidates are cut to them; without, they are not."""

ALGORITHMS: dict[str, dict[str, PlanOption]] = {
    "cem": _BOUNDS,
    "icem": {
        "noise_beta": PlanOption(0.0, 10.0, 2.0),
        "momentum": PlanOption(0.0, 1.0, 0.1),
        "kept_elites": PlanOption(0, 65536, 5, whole=True),
        "action_low": PlanOption(-1e6, 1e6, -1.0),
        "action_high": PlanOption(-1e6, 1e6, 1.0),
    },
    "mppi": {"temperature": PlanOption(1e-6, 1e6, 0.5), **_BOUNDS},
    "gradient": {
        "learning_rate": PlanOption(1e-6, 1e3, 0.1),
        "weight_decay": PlanOption(0.0, 1.0, 0.01),
        **_BOUNDS,
    },
    "random_shooting": _BOUNDS,
}

COSTS: dict[str, dict[str, PlanOption]] = {
    "terminal_latent_sse/1": {},
    "summed_latent_sse/1": {},
    "terminal_latent_sse_control/1": {"control_weight": PlanOption(0.0, 1e6, 0.01)},
    "terminal_latent_sse_consistency/1": {"consistency_weight": PlanOption(0.0, 1e6, 1.0)},
}


def table(algorithm: str, cost: str) -> dict[str, PlanOption]:
    """Every option of a planner.

    Raises:
        ValueError: there is no such algorithm or cost.
    """
    for kind, name, known in (("planner", algorithm, ALGORITHMS), ("cost", cost, COSTS)):
        if name not in known:
            raise ValueError(f"unknown {kind} {name!r}; there are {', '.join(sorted(known))}")
    return {**ALGORITHMS[algorithm], **COSTS[cost]}


def checked(options: Any, *, algorithm: str, cost: str) -> dict[str, float]:
    """Options in one form for each meaning: sorted, as floats, those at their default left out.

    Raises:
        ValueError: an option is unknown here, or out of its range.
    """
    known = table(algorithm, cost)
    if not isinstance(options, dict):
        raise ValueError(f"options must be names with numbers, got {options!r}")
    found = {}
    for name in sorted(options):
        value = options[name]
        if name not in known:
            raise ValueError(
                f"{algorithm} with {cost} has no option {name!r}; it has "
                f"{', '.join(sorted(known)) or 'none'}"
            )
        option = known[name]
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
            or not option.low <= value <= option.high
            or (option.whole and value != int(value))
        ):
            kind = "a whole number" if option.whole else "a number"
            raise ValueError(
                f"option {name} must be {kind} from {option.low:g} to {option.high:g}, "
                f"got {value!r}"
            )
        if value != option.default:
            found[name] = float(value)
    return found
