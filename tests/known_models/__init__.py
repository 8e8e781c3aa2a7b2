"""A small world and models whose faults are known, to audit the auditor."""

from tests.known_models.benches import PROFILE, bench, cases, criteria, lawful_episodes
from tests.known_models.models import (
    BackgroundReader,
    Broken,
    Collapsed,
    ColourBlind,
    Drifting,
    Folded,
    Oracle,
    Startled,
    Still,
)
from tests.known_models.search import FoundPlan, Search, SearchConfig
from tests.known_models.world import BLOCK, FACTORS, SPEED, WORLD, DotWorld

__all__ = [
    "BLOCK",
    "FACTORS",
    "PROFILE",
    "SPEED",
    "WORLD",
    "BackgroundReader",
    "Broken",
    "Collapsed",
    "ColourBlind",
    "DotWorld",
    "Drifting",
    "Folded",
    "FoundPlan",
    "Oracle",
    "Search",
    "SearchConfig",
    "Startled",
    "Still",
    "bench",
    "cases",
    "criteria",
    "lawful_episodes",
]
