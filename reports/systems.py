"""What other systems carry per frame and spend per plan, as published; none was measured here.

Compiled on 21 November 2026. A figure that was not found is left open.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class System:
    """One row beside the audited model."""

    name: str
    tokens: tuple[int, int] | None
    """Fewest and most tokens per frame that its planner sees; None where it has none."""
    carried: str
    """What a frame is, in words."""
    search: str
    plan_time: str
    source: str


_NO_TIME = "not collected"
_CEM = "CEM, 300 samples × 30 iterations (PushT) or × 10, horizon 5"

SYSTEMS = (
    System("LeWM", (1, 1), "1 × 192", _CEM, "about 1 s (L40S)", "arXiv:2603.19312"),
    System(
        "Fast-LeWM",
        (1, 1),
        "1 × 192",
        _CEM,
        "28 s for 50 cases, where LeWM takes 54 s (4090)",
        "arXiv:2606.26217",
    ),
    System("PLDM", (1, 1), "one vector or a small map", "MPPI", _NO_TIME, "arXiv:2502.14819"),
    System(
        "TD-MPC2",
        (1, 1),
        "1 × 512",
        "MPPI, 512 samples × 6 iterations, horizon 3, with a policy",
        _NO_TIME,
        "arXiv:2310.16828",
    ),
    System(
        "C-JEPA",
        (4, 7),
        "4 to 7 slots × 128",
        "CEM, 300 samples × 30 iterations, horizon 5",
        "673 s for 50 episodes, where DINO-WM takes 5,763 s (L40S)",
        "arXiv:2602.11389",
    ),
    System(
        "survey article's variant",
        (64, 64),
        "64 × 384",
        "CEM, 64 samples × 3 iterations, horizon 8",
        "stated, and less than its parts add up to",
        "survey article, no code",
    ),
    System("DINO-WM", (196, 196), "196 × 384", _CEM, "47 s (L40S)", "arXiv:2411.04983"),
    System(
        "V-JEPA 2-AC",
        (256, 256),
        "256 × 1408",
        "CEM, 800 samples × 10 iterations, horizon 1",
        "16 s per action (4090)",
        "arXiv:2506.09985",
    ),
    System(
        "DreamerV3",
        None,
        "recurrent state",
        "none: a policy acts",
        "no search",
        "arXiv:2301.04104",
    ),
    System(
        "Cosmos, Genie 3, Sora",
        None,
        "video",
        "none that could be had",
        _NO_TIME,
        "no usable weights or planner",
    ),
)
"""Ordered by tokens."""
