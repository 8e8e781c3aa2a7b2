"""What a planner is made of. Presets are functions."""

from dataclasses import dataclass
from typing import Literal

from lewm.plain import PlainConfig


@dataclass(frozen=True)
class PlanConfig(PlainConfig):
    """A planner's settings: the planner scope of an audit."""

    algorithm: Literal["cem"] = "cem"
    num_samples: int = 300
    iterations: int = 10
    elites: int = 30
    horizon: int = 5
    """Model steps."""
    block_size: int = 5
    """Env steps per model step."""
    execute_blocks: int = 5
    """Blocks that are executed before the next plan."""
    history: int = 1
    """Real frames the plan starts from."""
    initial_std: float = 1.0
    """Spread of the first candidates, in z-scored actions."""
    cost: Literal["terminal_latent_sse/1"] = "terminal_latent_sse/1"

    def __post_init__(self) -> None:
        if not 2 <= self.elites <= self.num_samples:
            raise ValueError(
                f"2 <= elites <= num_samples is required, got {self.elites}, {self.num_samples}"
            )
        if not 1 <= self.execute_blocks <= self.horizon:
            raise ValueError(
                "1 <= execute_blocks <= horizon is required, got "
                f"{self.execute_blocks}, {self.horizon}"
            )
        if self.history != 1:
            raise ValueError(f"plans start from one real frame, got history {self.history}")
        if self.algorithm != "cem" or self.cost != "terminal_latent_sse/1":
            raise ValueError(f"unknown planner {self.algorithm!r} or cost {self.cost!r}")


def paper_planner() -> PlanConfig:
    """CEM as the paper plans PushT."""
    return PlanConfig(num_samples=300, iterations=30, elites=30)


def small_planner() -> PlanConfig:
    """The cheapest CEM that keeps the success of larger ones in the two-room world."""
    return PlanConfig(num_samples=64, iterations=5, elites=8)
