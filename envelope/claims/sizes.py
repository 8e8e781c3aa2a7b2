"""How many cases, episodes and states each profile has, shortest profile first.

The suites own these numbers (perturbations/profiles.py); here they let an open claim name the
smallest profile that has enough. A test holds the two to each other.
"""

from collections.abc import Mapping
from typing import Literal

from envelope.records import Plan

Counted = Literal["cases", "menu_cases", "worst_cases", "episodes", "states", "pairs"]

SIZES: Mapping[str, Mapping[Counted, int]] = {
    "brief": {
        "cases": 40,
        "menu_cases": 12,
        "worst_cases": 0,
        "episodes": 60,
        "states": 200,
        "pairs": 100,
    },
    "quick": {
        "cases": 80,
        "menu_cases": 40,
        "worst_cases": 0,
        "episodes": 120,
        "states": 400,
        "pairs": 200,
    },
    "standard": {
        "cases": 150,
        "menu_cases": 80,
        "worst_cases": 60,
        "episodes": 200,
        "states": 1000,
        "pairs": 500,
    },
    "deep": {
        "cases": 400,
        "menu_cases": 100,
        "worst_cases": 150,
        "episodes": 300,
        "states": 2000,
        "pairs": 1000,
    },
}


def profile_with(needed: int, counted: Counted, plan: Plan) -> str:
    """Which longer profile has so many, as the end of a sentence; empty of recorded episodes."""
    if plan.recorded is not None:
        return ""
    names = list(SIZES)
    longer = names[names.index(plan.profile) + 1 :]
    enough = [name for name in longer if SIZES[name][counted] >= needed]
    return f"; the profile {enough[0]} has them" if enough else "; no profile has so many"
