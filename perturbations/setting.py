"""The setting of an audit: what is measured, where, with which planner, on what; checked once.

Shapes in this module:
    N  cases, or states that the world draws     S  state width
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envelope.errors import EnvelopeError
from envelope.records import Criteria, RecordedEpisodes, Scalar
from perturbations.cells.runner import CellKey, Runner
from perturbations.episodes import Cases, Episodes
from perturbations.nuisances.classes import telling
from perturbations.profiles import Profile
from perturbations.seeding import derive_seed

if TYPE_CHECKING:
    from perturbations.protocols import Planner, World, WorldModel

_DISTINCT_STARTS = 0.9
"""Share of the cases; a few that begin in the same corner are no harm."""
NEEDED_DIGESTS = ("model", "world", "planner", "evaluator")


@dataclass(frozen=True)
class Setting:
    """What is measured, in which world, with which planner, on which cases and episodes."""

    model: "WorldModel"
    twin: "WorldModel"
    """The same architecture, untrained."""
    world: "World"
    planner: "Planner"
    cases: Cases
    calibration: Episodes
    """Recorded episodes that lend their places to those that thresholds are set on."""
    scoring: Episodes
    """The same for those that everything else is measured on; none is shared."""
    criteria: Criteria
    profile: Profile
    seed: int
    identity: Mapping[str, str]
    """Digests of `model`, `world`, `planner` and `evaluator`; any further entry counts for every
    cell."""
    fitting: Episodes | None = None
    """Episodes held apart, to fit on what has to be fitted. Without them the world draws states,
    so a world that cannot needs them."""
    budget_env_steps: int = 50
    offset_cases: Mapping[int, Cases] = field(default_factory=dict)
    """Cases at other goal offsets, by offset in env steps."""
    runner: Runner = field(default_factory=Runner)
    recorded: RecordedEpisodes | None = None
    """Set where the world is recorded episodes and nothing else: then there are no cases, nothing
    is driven, and episodes to fit on are needed."""

    def __post_init__(self) -> None:
        """Refuse what would make the audit say something untrue.

        Raises:
            EnvelopeError: no case or episode, repeated or pre-solved starts, calibration episodes
                that are also scored or differ in length, block sizes that differ, a missing digest.
        """
        missing = [name for name in NEEDED_DIGESTS if not self.identity.get(name)]
        if missing:
            raise EnvelopeError(
                f"the bench has no digest of {', '.join(missing)}, only of {sorted(self.identity)}",
                next_step="give a digest of each, so that cells can be told apart",
            )
        if self.planner.config.block_size != self.model.block_size:
            raise EnvelopeError(
                f"the planner's block has {self.planner.config.block_size} env steps, the "
                f"model's {self.model.block_size}",
                next_step="plan with the block size the model was trained with",
            )
        for cases in (self.cases, *self.offset_cases.values()) if self.recorded is None else ():
            self._check_cases(cases)
        self._check_episodes()

    @property
    def block_size(self) -> int:
        """Env steps per action block, K."""
        return self.model.block_size

    @property
    def basis(self) -> dict[str, str]:
        """Digests of all that cells can rest on: the identity, and what monitors are fitted on."""
        fitted_on = {} if self.fitting is None else {"fitting": self.fitting.digest}
        return {**self.identity, **fitted_on}

    @property
    def has_true_states(self) -> bool:
        """Whether true distances are known; recorded states may be no more than frames."""
        return self.recorded is None or bool(self.recorded.state_column)

    @property
    def model_steps_per_episode(self) -> int:
        """Whole blocks in an episode of calibration and scoring."""
        return self.scoring.num_env_steps // self.block_size

    @cached_property
    def telling_strengths(self) -> dict[str, list[float]]:
        """By nuisance class, those strengths of the criteria that change something here."""

        asked = self.criteria.nuisances
        return {name: telling(name, strengths, self.world) for name, strengths in asked.items()}

    @cached_property
    def drawn_states(self) -> NDArray[np.float64]:
        """Independent states of the world, (N, S), the same for every model."""
        rng = np.random.default_rng(derive_seed(self.seed, "representation"))
        return self.world.sample_states(rng, self.profile.num_states)

    def true_states(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        """States (..., S) without the address that a recorded frame has in front."""
        return states[..., getattr(self.world, "address_width", 0) :]

    @cached_property
    def streams_of_cases(self) -> NDArray[np.int64]:
        """The one planner stream that each case keeps under a shift, (N,)."""
        return np.arange(len(self.cases)) % self.profile.num_streams

    def episode_seeds(self, num: int) -> NDArray[np.int64]:
        """A seed per scoring episode for what a nuisance draws, (num,)."""
        return np.array([derive_seed(self.seed, "episode", e) for e in range(num)], dtype=np.int64)

    def case_seeds(self, num: int) -> NDArray[np.int64]:
        """A seed per case for what a nuisance draws, (num,)."""
        return np.array([derive_seed(self.seed, "case", c) for c in range(num)], dtype=np.int64)

    def key(
        self,
        suite: str,
        arm: str,
        condition: Mapping[str, Scalar],
        *,
        cases: str,
        streams: tuple[int, ...] = (),
        rests_on: tuple[str, ...] | None = None,
    ) -> CellKey:
        """Address of a cell; `rests_on` names the digests that its rows depend on.

        Unless it says otherwise that is the model, the world and what drove the episodes.
        """
        if rests_on is None:
            rests_on = ("model", "world", *(() if self.recorded is not None else ("planner",)))
        left_out = set(NEEDED_DIGESTS) - {*rests_on, "evaluator"}
        identity = {k: v for k, v in self.basis.items() if k not in left_out}
        return CellKey(
            suite=suite,
            arm=arm,
            condition=condition,
            cases=cases,
            seed=self.seed,
            streams=streams,
            identity=identity,
        )

    def _check_cases(self, cases: Cases) -> None:
        if len(cases) == 0:
            raise EnvelopeError("there are no cases", next_step="draw at least 30")
        num_pairs = len(np.unique(np.hstack([cases.starts, cases.goals]), axis=0))
        num_starts = len(np.unique(cases.starts, axis=0))
        if num_pairs < len(cases) or num_starts < _DISTINCT_STARTS * len(cases):
            starts = "start" if num_starts == 1 else "starts"
            raise EnvelopeError(
                f"{len(cases)} cases have only {num_pairs} distinct pairs of start and goal, from "
                f"{num_starts} distinct {starts}: what holds from a few places need not hold from "
                "others, and repeating a case adds no evidence",
                next_step="draw every case from an episode of its own",
            )
        num_solved = int(self.world.solved(cases.starts, cases.goals).sum())
        if num_solved:
            raise EnvelopeError(
                f"{num_solved} of {len(cases)} cases are solved at the start",
                next_step="drop and count them with Cases.unsolved",
            )

    def _check_episodes(self) -> None:
        for name, episodes in (("calibration", self.calibration), ("scoring", self.scoring)):
            if len(episodes) == 0 or episodes.num_env_steps < 2 * self.block_size:
                raise EnvelopeError(
                    f"there are {len(episodes)} {name} episodes of {episodes.num_env_steps} env "
                    f"steps, at least one of {2 * self.block_size} is needed",
                    next_step="record more or longer episodes",
                )
        shared = set(self.calibration.digest_each()) & set(self.scoring.digest_each())
        if shared:
            raise EnvelopeError(
                f"{len(shared)} episodes are both in calibration and in scoring: a threshold must "
                "not be judged on what it was set with",
                next_step="record the two sets from different seeds",
            )
        if self.fitting is not None:
            self._check_fitting(self.fitting)
        lengths = (self.calibration.num_env_steps, self.scoring.num_env_steps)
        if lengths[0] != lengths[1]:
            raise EnvelopeError(
                f"calibration episodes have {lengths[0]} env steps, scoring episodes {lengths[1]}: "
                "a false-alarm rate per episode holds for one length",
                next_step="record both with the same length",
            )
        if self.budget_env_steps < self.block_size:
            raise EnvelopeError(
                f"a budget of {self.budget_env_steps} env steps is less than one block of "
                f"{self.block_size}",
                next_step="allow at least one block",
            )
        if self.budget_env_steps > lengths[0] and self.recorded is None:
            raise EnvelopeError(
                f"a closed-loop episode has up to {self.budget_env_steps} env steps, a calibration "
                f"episode {lengths[0]}: the longer one would alarm more often than stated",
                next_step=f"calibrate on episodes of at least {self.budget_env_steps} env steps",
            )

    def _check_fitting(self, fitting: Episodes) -> None:
        used = {*self.calibration.digest_each(), *self.scoring.digest_each()}
        shared = used & set(fitting.digest_each())
        if shared or len(fitting) == 0 or fitting.num_env_steps < self.block_size:
            raise EnvelopeError(
                f"{len(fitting)} episodes of {fitting.num_env_steps} env steps to fit on, "
                f"{len(shared)} of which are also in calibration or scoring",
                next_step=f"hold episodes of at least {self.block_size} env steps apart",
            )
