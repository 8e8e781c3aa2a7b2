"""Reacher and OGBench Cube of stable-worldmodel as hooks.

Both keep, besides positions and velocities, what MuJoCo's solver starts from, so that a step from
a restored state equals an uninterrupted one bit for bit.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.worlds.factors import Factor, FactorValue
from lewm.worlds.simulator import Columns, Hooks, States
from lewm.worlds.swm_factors import NOTHING_RESAMPLED, VariationHooks, restart

_TOUCHING_M = 0.001

PLAIN = "rendering.plain"
"""Factor: 1 draws without shadows, mirrors and smoothed edges, many times as fast."""


class MuJoCoHooks(VariationHooks):
    """Hooks of an environment that MuJoCo draws."""

    def factors(self, env: Any) -> Mapping[str, Factor]:
        """The environment's own, and how it is drawn."""
        return {**super().factors(env), PLAIN: Factor("rendering", 0, 0, 1, "")}

    @staticmethod
    def draw_plainly(model: Any) -> None:
        """Leave away what costs most; before anything is drawn of this model."""
        model.vis.quality.offsamples = 0
        model.light_castshadow[:] = 0
        model.mat_reflectance[:] = 0


class ReacherHooks(MuJoCoHooks):
    """A two-joint arm; the goal is another pair of joint angles, in radians.

    A state holds joint angles (2), their velocities (2) and the solver's warm start (2).
    """

    state_columns = ("qpos", "qvel")
    success_rule = "reacher/0.05rad"
    length_unit = "rad"
    units_per_px = 0.0116
    """A camera 0.75 m above, 45 degrees wide, shows 2.77 mm per pixel; the tip of the stretched arm
    is 0.24 m from its shoulder. A bent arm, or the outer joint, moves the tip by less."""

    def get_state(self, env: Any) -> States:
        """See the class."""
        data = env.env.physics.data
        return np.concatenate([data.qpos, data.qvel, data.qacc_warmstart])

    def set_state(self, env: Any, state: States) -> None:
        """Positions, velocities and everything that follows from them."""
        data = env.env.physics.data
        data.qpos[:], data.qvel[:] = state[:2], state[2:4]
        data.qacc_warmstart[:] = 0.0
        env.env.physics.forward()
        data.qacc_warmstart[:] = state[4:]

    def apply_factors(self, env: Any, factors: Mapping[str, FactorValue]) -> None:
        """Reset with these factors, always into a newly built model."""
        env.mark_dirty()
        self.set_factors(env, factors)
        restart(env, seed=0)
        if factors[PLAIN]:
            self.draw_plainly(env.env.physics.model)

    def is_free(self, env: Any, state: States) -> bool:
        """Within the joints' limits; the arm touches nothing."""
        model = env.env.physics.model
        low, high = np.where(model.jnt_limited[:, None], model.jnt_range, [[-np.inf, np.inf]]).T
        return bool(((state[:2] >= low) & (state[:2] <= high)).all())

    def sample_state(self, env: Any, rng: np.random.Generator) -> States:
        """At rest, every joint anywhere in its range, as the environment's reset draws it."""
        model = env.env.physics.model
        limits = np.where(model.jnt_limited[:, None], model.jnt_range, [[-np.pi, np.pi]])
        self.set_state(env, np.concatenate([rng.uniform(*limits.T), np.zeros(4)]))
        return self.get_state(env)

    def set_goal(self, env: Any, goal: States) -> None:
        """As the evaluation of the reference gives it."""
        env.set_target_qpos(goal[:2])

    def step(self, env: Any, action: NDArray[Any]) -> bool:
        """Act once; no time limit, and no restart after a goal was reached."""
        env.dmc_env._env._reset_next_step = False
        env.dmc_env._env._step_count = 0
        env.env.physics.data.time = 0.0
        return bool(env.step(action)[2])

    def solved(self, env: Any, states: States, goals: States) -> NDArray[np.bool_]:
        """Every joint within the task's tolerance, angles as they are, not wrapped."""
        return np.asarray(self.distance(states, goals) < env.env.task.qpos_threshold)

    def distance(self, states: States, goals: States) -> NDArray[np.float64]:
        """The larger of the two joints' differences, in radians."""
        return np.asarray(np.abs(states[..., :2] - goals[..., :2]).max(axis=-1))

    def states_from(self, env: Any, columns: Columns) -> States:
        """Of recorded `qpos` and `qvel`, as the evaluation of the reference sets them."""
        return _set_by_reference(self, env, columns)

    def columns(self, states: States) -> dict[str, NDArray[Any]]:
        """`qpos` and `qvel`, (N, 2) each."""
        return {"qpos": states[:, :2], "qvel": states[:, 2:4]}


class CubeHooks(MuJoCoHooks):
    """A robot arm and a cube; the goal is another place of the cube, in metres.

    A state holds positions and velocities of all joints, the actuators' activation, the solver's
    warm start, and place (3) and axes (9) of the gripper as the last physics substep saw them:
    the next action is relative to those.
    """

    state_columns = ("qpos", "qvel")
    success_rule = "cube/40mm"
    length_unit = "m"
    units_per_px = 0.0033
    """Metres at the middle of the table, from left to right: the camera is 0.885 m away and 45
    degrees wide. Towards the camera a pixel spans 1.4 times as much."""
    _within_m = 0.04
    _cube = slice(0, 0)  # where a state holds the cube's place; apply_factors finds out

    def get_state(self, env: Any) -> States:
        """See the class."""
        data, site = env._data, env._pinch_site_id
        parts = [data.qpos, data.qvel, data.act, data.qacc_warmstart]
        return np.concatenate([*parts, data.site_xpos[site], data.site_xmat[site]])

    def set_state(self, env: Any, state: States) -> None:
        """Positions, velocities and everything that follows from them."""
        import mujoco

        model, data, site = env._model, env._data, env._pinch_site_id
        widths = [model.nq, model.nv, model.na, model.nv, 3]
        qpos, qvel, act, warm, place, axes = np.split(state, np.cumsum(widths))
        data.qpos[:], data.qvel[:], data.act[:], data.time = qpos, qvel, act, 0.0
        data.qacc_warmstart[:] = 0.0
        mujoco.mj_forward(model, data)
        data.qacc_warmstart[:] = warm
        data.site_xpos[site], data.site_xmat[site] = place, axes

    def apply_factors(self, env: Any, factors: Mapping[str, FactorValue]) -> None:
        """Reset with these factors, always into a newly built model."""
        env.np_random = np.random.default_rng(0)
        env.mark_dirty()
        self.set_factors(env, factors)
        restart(env, options={**NOTHING_RESAMPLED, "task_id": 1})
        if factors[PLAIN]:
            self.draw_plainly(env._model)
            if env._renderer is not None:  # made while the model was compiled
                env._renderer.close()
                env._initialize_renderer()
        first = int(env._model.joint("object_joint_0").qposadr[0])
        self._cube, self.position_columns = slice(first, first + 3), (first, first + 1)

    def sample_state(self, env: Any, rng: np.random.Generator) -> States:
        """At rest: gripper and cube anywhere that the environment's collection starts them."""
        import mujoco

        model, data = env._model, env._data
        mujoco.mj_resetData(model, data)
        data.qpos[env._arm_joint_ids] = env._home_qpos
        mujoco.mj_kinematics(model, data)
        env.variation_space["agent"]["ee_start_position"].set_value(
            rng.uniform(*env._arm_sampling_bounds)
        )
        env.np_random = rng
        env.initialize_arm()
        yaw = rng.uniform(0.0, 2 * np.pi)
        data.joint("object_joint_0").qpos[:] = [
            *rng.uniform(*env._object_sampling_bounds),
            float(env.variation_space["cube"]["size"].value[0]),
            np.cos(yaw / 2),
            0.0,
            0.0,
            np.sin(yaw / 2),
        ]
        mujoco.mj_forward(model, data)
        return self.get_state(env)

    def set_goal(self, env: Any, goal: States) -> None:
        """As the evaluation of the reference gives it; the rule ignores orientation."""
        place = goal[self._cube]
        env.set_target_pos(0, place, goal[self._cube.stop : self._cube.stop + 4])

    def solved(self, env: Any, states: States, goals: States) -> NDArray[np.bool_]:
        """The cube within 4 cm of its goal; neither orientation nor grasp counts."""
        return self.distance(states, goals) <= self._within_m

    def distance(self, states: States, goals: States) -> NDArray[np.float64]:
        """Of the cube, in metres."""
        apart = states[..., self._cube] - goals[..., self._cube]
        return np.asarray(np.linalg.norm(apart, axis=-1))

    def parting(self, states: States, others: States) -> NDArray[np.float64]:
        """Of the cube or of the gripper, whichever is more, in metres."""
        gripper = slice(-12, -9)
        apart = states[..., gripper] - others[..., gripper]
        return np.asarray(np.maximum(self.distance(states, others), np.linalg.norm(apart, axis=-1)))

    def is_free(self, env: Any, state: States) -> bool:
        """The cube is over the table where the environment puts cubes, and in nothing else."""
        place = state[self._cube][:2]
        low, high = env._object_sampling_bounds
        if not ((place >= low) & (place <= high)).all():
            return False
        self.set_state(env, state)
        model, data = env._model, env._data
        cube = int(model.joint("object_joint_0").bodyid[0])
        pairs = model.geom_bodyid[data.contact.geom]
        elsewhere = (pairs == cube).any(axis=1) & (pairs != cube).any(axis=1)
        deep = data.contact.dist < -_TOUCHING_M
        on_the_floor = (pairs == 0).any(axis=1)
        return not bool((elsewhere & deep & ~on_the_floor).any())

    def states_from(self, env: Any, columns: Columns) -> States:
        """Of recorded `qpos` and `qvel`, as the evaluation of the reference sets them."""
        return _set_by_reference(self, env, columns)

    def columns(self, states: States) -> dict[str, NDArray[Any]]:
        """`qpos`, `qvel` and the cube's place and orientation under the field's names."""
        first = self._cube.start
        num_q = first + 7
        return {
            "qpos": states[:, :num_q],
            "qvel": states[:, num_q : 2 * num_q - 1],
            "privileged_block_0_pos": states[:, self._cube],
            "privileged_block_0_quat": states[:, first + 3 : first + 7],
        }


def _set_by_reference(hooks: Hooks, env: Any, columns: Columns) -> States:
    data = env.env.physics.data if hasattr(env, "dmc_env") else env._data
    found = []
    for qpos, qvel in zip(columns["qpos"], columns["qvel"], strict=True):
        data.qacc_warmstart[:] = 0.0
        env.set_state(np.asarray(qpos, np.float64), np.asarray(qvel, np.float64))
        found.append(hooks.get_state(env))
    return np.stack(found)
