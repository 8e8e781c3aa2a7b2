"""Small parts of the made-up audit: digests, estimates, summaries, cells."""

import hashlib
import random
from typing import Any, Literal

from scipy.special import betaincinv

from envelope.records import Cell, Estimate, Measurement, Scalar

NUM_CASES = 104
NUM_STREAMS = 3
NUM_EPISODES = 60
MONITORS = ("surprise", "shell")


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
    low = float(betaincinv(hits, episodes - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, episodes - hits, 0.975)) if hits < episodes else 1.0
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
