"""Evaluation protocols: which pairs, which rule, which budget, how many planner streams.

`held-out` samples pairs from the world itself. The others take recorded pairs from a data set and
show the planner the recorded frames:

    official  50 pairs drawn by row, the pairs already solved among them; the world's own rule
    moderate  100 pairs for each of three seeds, one episode each, none solved at the start
    strict    the same with tighter rules

Source: official is the evaluation of LeWM (facts/lewm.md 5.3); moderate and strict are those of
CLEAR-LeWM 0.5 (facts/systems.md 3.2 and its EVALUATION_SPEC.md, MIT), restated. Where ours
differ, `departures` says so, and every run prints it.
"""

from dataclasses import dataclass
from typing import Any

from lewm.errors import LewmError
from lewm.evaluation.success import Level

GOAL_OFFSET_ENV_STEPS = 25
BUDGET_ENV_STEPS = 50


@dataclass(frozen=True)
class Protocol:
    """How pairs of a data set are drawn and judged."""

    name: str
    version: int
    level: Level
    """Which of a world's success rules applies."""
    seeds: tuple[int, ...]
    """Of the pairs: each draws `num_per_seed` of them. The first planner streams have them too."""
    num_per_seed: int
    drops_solved: bool
    """Whether pairs are left out that are solved before the first action."""
    one_per_episode: bool
    """Whether an episode gives one pair, or as many as are drawn."""
    least_streams: int = 1

    @property
    def label(self) -> str:
        """Name and version of the rules, such as `official/1`."""
        return f"{self.name}/{self.version}"

    def streams(self, num: int) -> tuple[int, ...]:
        """Seeds of `num` planner streams: first those of the pairs, then the next whole numbers.

        Raises:
            LewmError: fewer than the protocol asks for.
        """
        if num < self.least_streams:
            raise LewmError(
                f"{self.name} runs on at least {self.least_streams} planner streams, got {num}",
                next_step=f"give --streams {self.least_streams} or more",
            )
        others = (seed for seed in range(num + len(self.seeds)) if seed not in self.seeds)
        return (*self.seeds, *others)[:num]

    def departures(self, world: Any) -> list[str]:
        """What differs from the source in this world, in words."""
        if self.level == "own":
            return []
        found = []
        if world.name.removeprefix("swm/") == "two-room":
            found.append(
                "two-room: the world keeps its own collision rule, which tests the end of a move; "
                "the source sweeps the whole disc and keeps only pairs whose recorded way is clear "
                "by that rule, because it mends the world; here the model's own world is judged"
            )
        elif world.name.removeprefix("swm/") not in ("pusht", "reacher", "cube"):
            found.append(
                f"{world.name}: the source has no rule for it, so its own rule applies"
                + (", held for 5 env steps" if self.level == "strict" else "")
            )
        return found


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("official", 1, "own", (42,), 50, drops_solved=False, one_per_episode=False),
        Protocol("moderate", 1, "moderate", (0, 1, 42), 100, True, True, least_streams=3),
        Protocol("strict", 1, "strict", (0, 1, 42), 100, True, True, least_streams=3),
    )
}
