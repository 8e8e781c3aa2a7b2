"""All that a suite may ask for.

Shapes in this module:
    N  cases            H, W  frame height, width    S  state width
    T  model steps      K  env steps per block       A  action width    D  latent width

Worlds speak numpy and are functions of their state, so a world is cloned by copying an array;
world models speak torch.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # summaries are recomputed without torch
    from torch import Tensor

Frames = NDArray[np.uint8]
"""(N, H, W, 3)."""
States = NDArray[np.float64]
"""(N, S), in the world's own units."""
Actions = NDArray[np.float64]
"""(N, A), in env units."""


Observe = Callable[[int, "Tensor", "Tensor"], None]
"""Told of an iteration of a search: its number, candidates and costs."""


class World(Protocol):
    """A simulator as pure functions of its state.

    A world may also have `factors`, its factors of variation by dotted name with their current
    values (appearance factors can be given to `render`), `size_px`, the width of its frames,
    `factor_table`, their role, default and limits (a colour whose upper limit is 1 goes from 0 to
    1, every other one from 0 to 255),
    `position_columns`, the columns of a state that hold the place of what moves (default 0, 1),
    `length_unit`, what places are measured in, such as `px`, and `action_range`, lowest and highest
    action that is carried out as given. For events it may say `units_per_px`, how far a place moves
    for one pixel of a picture 224 wide (default 1; none where places are no lengths in it),
    `has_walls` (default true), `is_free(states)`, whether what moves can be there,
    `parting(states, others)`, how far what moves is apart (default `distance`), and
    `steps_one_by_one`, whether many states take as many times as long as one.
    """

    name: str
    action_width: int
    state_width: int
    success_rule: str

    def sample_states(self, rng: np.random.Generator, num: int) -> States:
        """Draw admissible states, (num, S)."""
        ...

    def step(self, states: States, actions: Actions) -> States:
        """Advance every state by one env step."""
        ...

    def render(self, states: States, factors: Mapping[str, Any] | None = None) -> Frames:
        """Draw every state, with some appearance factors replaced for this call."""
        ...

    def solved(self, states: States, goals: States) -> NDArray[np.bool_]:
        """Apply the success rule, (N,)."""
        ...

    def distance(self, states: States, goals: States) -> NDArray[np.float64]:
        """True distance to the goal, (N,), in the world's own units."""
        ...

    def scope(self) -> dict[str, Any]:
        """What identifies this world: name, size_px and factors off their default."""
        ...


class WorldModel(Protocol):
    """A world model as the suites see it: frames in, latents out, actions in env units.

    A model trained with dropout may also have `predict_with_dropout(z, blocks, seed)`, which is
    `predict` with dropout left on, the same for the same seed; None stands for none. One that jumps
    over several blocks at once may have `self_consistency(z, blocks)`: squared distances (N,)
    between where a jump ends and where the same blocks end in two jumps.

    What it costs is told by more that it may have: `tokens_per_frame`, tokens that a latent holds;
    `terminal(z, blocks)`, the last latent of `rollout`, (N, D), for less; `plain()`, the same model
    in torch operations of one thread, where it has faster ways; and `carrying_tokens(number)`, the
    same architecture over so many tokens per frame, without weights, or None.
    """

    @property
    def latent_width(self) -> int:
        """D."""
        ...

    @property
    def block_size(self) -> int:
        """Env steps per action block, K."""
        ...

    @property
    def action_width(self) -> int:
        """A."""
        ...

    @property
    def history(self) -> int:
        """Latents that a prediction looks back on, at most."""
        ...

    def encode(self, frames: Frames) -> "Tensor":
        """Latents of frames, (N, D), in evaluation mode."""
        ...

    def predict(self, z: "Tensor", blocks: "Tensor") -> "Tensor":
        """One-step predictions from true latents.

        Args:
            z: latents, (N, T, D).
            blocks: actions taken from each latent, (N, T, K, A), env units.

        Returns:
            z_hat, (N, T, D): z_hat[:, t] predicts z[:, t + 1] from at most `history` latents.
        """
        ...

    def rollout(self, z: "Tensor", blocks: "Tensor") -> "Tensor":
        """Imagine a future from one latent, each prediction feeding the next.

        Args:
            z: latent of a real frame, (N, D).
            blocks: actions to imagine, (N, T, K, A), env units.

        Returns:
            z_hat, (N, T, D): z_hat[:, t] is the latent after blocks[:, t].
        """
        ...


class Plan(Protocol):
    """What a planner decided for each case."""

    @property
    def actions(self) -> NDArray[np.float64]:
        """(N, T*K, A), env units."""
        ...

    @property
    def imagined_cost(self) -> NDArray[np.float64]:
        """(N,), lower is better."""
        ...


class PlannerSettings(Protocol):
    """How far a planner looks, and how much of a plan is carried out."""

    @property
    def horizon(self) -> int:
        """Model steps imagined per plan."""
        ...

    @property
    def block_size(self) -> int:
        """Env steps per model step."""
        ...

    @property
    def execute_blocks(self) -> int:
        """Blocks executed before planning again."""
        ...


class Planner(Protocol):
    """Search over action blocks; one random stream per case, so batches do not matter.

    A planner may also have `varied(**changes)`, which gives the same planner with other settings,
    and `siblings(model)`, planners of other algorithms that score as many candidates and can plan
    with that model, by name.
    """

    @property
    def config(self) -> PlannerSettings:
        """Its settings."""
        ...

    def plan(
        self,
        model: WorldModel,
        frames: Frames,
        goal_frames: Frames,
        seeds: Sequence[int],
        *,
        observe: "Observe | None" = None,
    ) -> Plan:
        """Plan from what the model sees.

        `observe` is told of every iteration's candidates (N, S, T, K, A) and imagined costs
        (N, S); z-scored where the model has `action_stats`, which restores env units.
        """
        ...

    def plan_in_world(
        self,
        world: World,
        states: States,
        goals: States,
        seeds: Sequence[int],
        *,
        action_stats: Any = None,
    ) -> Plan:
        """The same search on the true dynamics.

        `action_stats` is the model's attribute of that name, where it has one: with it, the
        first candidates are those of `plan`.
        """
        ...
