"""What a person chooses before a checkpoint is measured; plain data that a process can be given."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envelope.deploy import DeployedPlanner
from envelope.records import Criteria

if TYPE_CHECKING:
    from perturbations.profiles import Profile

SUITES = (
    "planning",
    "representation",
    "cost",
    "nuisance_shift",
    "worst_case",
    "voe",
    "horizon_drift",
    "exploitation",
)
"""Every suite that `measure` knows, in the order in which they run."""


@dataclass(frozen=True)
class Choices:
    """Everything that decides which cells are measured, and in how many processes."""

    model: Path
    """Checkpoint."""
    criteria: Criteria
    profile: "Profile"
    suites: tuple[str, ...] = SUITES
    world: str | None = None
    """Name of the world; None for the one in the checkpoint's training record."""
    data: str | None = None
    """Data set that takes the place of the world; None for a simulator."""
    is_held_out: bool = False
    """Whether somebody gives their word that the model was trained on none of its episodes."""
    adapter: str = "lewm"
    seed: int = 0
    device: str = "cpu"
    declared: DeployedPlanner | None = None
    """What the planner does instead of what the checkpoint says."""
    threads: int | None = None
    """Processor threads of each process; None for 1 with a small model, else torch's choice."""
    num_workers: int = 1
    """Processes that run cells. It moves no row, no summary and no verdict."""
