"""PushT of stable-worldmodel as hooks.

Shapes in this module:
    S  state width, 10: agent x, y; block x, y, angle; agent velocity x, y (these seven are the
       field's `state` column), block velocity x, y, angular velocity

Lengths are pixels of a 512-pixel square, angles radians, times seconds.

The simulator also remembers impulses and corrections of contacts from one substep to the next, and
its bindings give no access to all of them. Every step therefore starts in a newly built space, so
that a step is a function of state and action. What that costs in fidelity is measured by
tests/reference/worlds.py and named in the README.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.errors import LewmError
from lewm.worlds.factors import FactorValue
from lewm.worlds.simulator import Columns, States
from lewm.worlds.swm_factors import VariationHooks, restart

_RECORDED = 7
_DRAWS = 100
_INSIDE = (22.0, 490.0)
"""Where the agent's place can be, of 512 px, at its usual size."""
_TEE_WIDTH_IN_SCALES = 4.0


class PushTHooks(VariationHooks):
    """Push a T-shaped block, and end with block and agent where the goal has them."""

    position_columns = (0, 1)
    success_rule = "pusht/20px-20deg"
    restores_exactly = False
    length_unit = "px_of_512"
    units_per_px = 512 / 224
    has_walls = True  # the block

    def get_state(self, env: Any) -> States:
        """See the module."""
        block = env.block
        return np.array(
            [
                *env.agent.position,
                *block.position,
                block.angle % (2 * np.pi),
                *env.agent.velocity,
                *block.velocity,
                block.angular_velocity,
            ]
        )

    def set_state(self, env: Any, state: States) -> None:
        """Build the space anew and place both bodies in it."""
        env._setup()
        place(env, state)

    def apply_factors(self, env: Any, factors: Mapping[str, FactorValue]) -> None:
        """Reset with these factors.

        Raises:
            LewmError: this release draws every T at one size, and another was asked for.
        """
        self.set_factors(env, factors)
        restart(env, seed=0)
        scale = float(env.variation_space["block"]["scale"].value)
        is_tee = env.shapes[int(env.variation_space["block"]["shape"].value)] == "T"
        if (
            is_tee
            and scale != self.defaults["block.scale"]
            and not np.isclose(_tee_scale(env), scale)
        ):
            raise LewmError(
                f"block.scale is {scale:g}, this release of stable-worldmodel draws every T at "
                f"{_tee_scale(env):g}",
                next_step="leave block.scale at its default, or install a later release",
            )

    def sample_state(self, env: Any, rng: np.random.Generator) -> States:
        """At rest, agent and block where the environment starts them, apart from each other."""
        for _ in range(_DRAWS):
            state = np.zeros(10)
            state[:2] = rng.uniform(50.0, 450.0, 2)
            state[2:4] = rng.uniform(100.0, 400.0, 2)
            state[4] = rng.uniform(0.0, 2 * np.pi)
            self.set_state(env, state)
            if not _touch(env):
                return state
        raise LewmError(
            f"agent and block touched in each of {_DRAWS} draws",
            next_step="choose a smaller agent or block",
        )

    def is_free(self, env: Any, state: States) -> bool:
        """The agent is in the square and does not touch the block."""
        if not ((state[:2] >= _INSIDE[0]) & (state[:2] <= _INSIDE[1])).all():
            return False
        self.set_state(env, state)
        return not _touch(env)

    def set_goal(self, env: Any, goal: States) -> None:
        """As the evaluation of the reference gives it."""
        env._set_goal_state(goal[:_RECORDED].copy())

    def solved(self, env: Any, states: States, goals: States) -> NDArray[np.bool_]:
        """The environment's own rule: 20 px over both positions, 20 degrees for the block."""
        judged = [
            env.eval_state(goal[:_RECORDED], state[:_RECORDED])[0]
            for state, goal in zip(states, goals, strict=True)
        ]
        return np.array(judged, dtype=bool)

    def distance(self, states: States, goals: States) -> NDArray[np.float64]:
        """Of agent and block positions together, in pixels; the angle has a rule of its own."""
        return np.asarray(np.linalg.norm(states[..., :4] - goals[..., :4], axis=-1))

    def states_from(self, env: Any, columns: Columns) -> States:
        """The recorded seven, and a block at rest."""
        recorded = np.asarray(columns["state"], np.float64)
        return np.pad(recorded, ((0, 0), (0, 10 - min(10, recorded.shape[1]))))

    def settled(self, env: Any, state: States) -> States:
        """The reference lets physics run for 0.01 s when it sets a state."""
        env._setup()
        env._set_state(state[:_RECORDED].copy())
        return self.get_state(env)

    def columns(self, states: States) -> dict[str, NDArray[Any]]:
        """`state` (N, 7) and `proprio` (N, 4)."""
        return {
            "state": states[:, :_RECORDED],
            "proprio": states[:, [0, 1, 5, 6]],
        }


def place(env: Any, state: States) -> None:
    """Put agent and block where `state` has them."""
    x, y, block_x, block_y, angle, vx, vy, block_vx, block_vy, spin = map(float, state)
    env.agent.position = (x, y)
    env.agent.velocity = (vx, vy)
    env.block.angle = angle  # turns about the centre of mass, so before the position
    env.block.position = (block_x, block_y)
    env.block.velocity = (block_vx, block_vy)
    env.block.angular_velocity = spin
    env.n_contact_points = 0
    for body in (env.agent, env.block):
        env.space.reindex_shapes_for_body(body)  # the picture is drawn from what this moves


def _touch(env: Any) -> bool:
    place = env.agent.position
    boxes = [shape.bb for shape in env.agent.shapes]
    reach = max(
        max(box.right - place.x, place.x - box.left, box.top - place.y, place.y - box.bottom)
        for box in boxes
    )
    return any(part.point_query(place).distance <= reach for part in env.block.shapes)


def _tee_scale(env: Any) -> float:
    """The scale that the T was drawn at, from its widest side."""
    corners = [x for shape in env.block.shapes for x, _ in shape.get_vertices()]
    return float(max(corners) - min(corners)) / _TEE_WIDTH_IN_SCALES
