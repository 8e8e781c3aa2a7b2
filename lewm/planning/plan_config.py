"""What a planner is made of. Presets are functions."""

import math
from dataclasses import dataclass, field, fields
from typing import ClassVar

from lewm.plain import PlainConfig
from lewm.planning.plan_options import checked, table

_REFITTING = ("cem", "icem", "mppi")
"""The algorithms that read `elites`."""


@dataclass(frozen=True)
class PlanConfig(PlainConfig):
    """A planner's settings: the planner scope of an audit."""

    algorithm: str = "cem"
    """One of `lewm.planning.plan_options.ALGORITHMS`."""
    num_samples: int = 300
    iterations: int = 10
    elites: int = 30
    """Candidates that the next ones are drawn around; gradient and random shooting have none."""
    horizon: int = 5
    """Model steps."""
    block_size: int = 5
    """Env steps per model step."""
    execute_blocks: int = 5
    """Blocks that are executed before the next plan."""
    history: int = 1
    """Real frames the plan starts from, at most: an episode begins with one."""
    initial_std: float = 1.0
    """Spread of the first candidates, in z-scored actions."""
    cost: str = "terminal_latent_sse/1"
    """One of `lewm.planning.plan_options.COSTS`."""
    options: dict[str, float] = field(default_factory=dict, hash=False)
    """What else the algorithm and the cost read, where it is off its default."""

    added: ClassVar[tuple[str, ...]] = ("options",)

    def __post_init__(self) -> None:
        for name in (f.name for f in fields(self) if f.type in (int, "int")):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 2**20:
                raise ValueError(f"{name} must be an int from 1 to {2**20}, got {value!r}")
        options = checked(self.options, algorithm=self.algorithm, cost=self.cost)
        object.__setattr__(self, "options", options)
        if self.algorithm in _REFITTING and not 2 <= self.elites <= self.num_samples:
            raise ValueError(
                f"2 <= elites <= num_samples is required, got {self.elites}, {self.num_samples}"
            )
        if self.execute_blocks > self.horizon:
            raise ValueError(
                f"execute_blocks <= horizon is required, got {self.execute_blocks}, {self.horizon}"
            )
        if not (math.isfinite(self.initial_std) and self.initial_std > 0):
            raise ValueError(f"initial_std must be finite and above 0, got {self.initial_std}")
        if self.algorithm == "random_shooting" and self.iterations != 1:
            raise ValueError(f"random shooting has one iteration, got {self.iterations}")
        low, high = self.bounds
        if low is not None and high is not None and low >= high:
            raise ValueError(f"action_low < action_high is required, got {low}, {high}")
        if self.algorithm == "icem" and not (
            self.option("kept_elites") <= min(self.elites, self.num_samples - 1)
        ):
            raise ValueError(
                f"kept_elites must be at most elites and below num_samples, got "
                f"{self.option('kept_elites'):g}, {self.elites}, {self.num_samples}"
            )

    def option(self, name: str) -> float:
        """An option that has a default: what was given, or the default.

        Raises:
            KeyError: this planner has no such option, or it has no default and was not given.
        """
        default = table(self.algorithm, self.cost)[name].default
        if name not in self.options and default is not None:
            return default
        return self.options[name]

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Lowest and highest action that is tried, env units; None for no bound."""
        known = table(self.algorithm, self.cost)
        low, high = (
            self.options.get(name, known[name].default) for name in ("action_low", "action_high")
        )
        return low, high


def paper_planner() -> PlanConfig:
    """CEM as the paper plans PushT."""
    return PlanConfig(num_samples=300, iterations=30, elites=30)


def small_planner() -> PlanConfig:
    """The cheapest CEM that keeps the success of larger ones in the two-room world."""
    return PlanConfig(num_samples=64, iterations=5, elites=8)
