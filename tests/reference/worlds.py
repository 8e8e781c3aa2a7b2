"""A world of stable-worldmodel through our adapter, held against the environment run by itself.

    python -m tests.reference.worlds WORLD [speed]

Prints one JSON object of findings, which tests/lewm/test_swm_worlds.py judges. Nothing is compared
here with what the adapter says about itself: the other side is always the bare environment.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lewm.collection.collect import walk
from lewm.collection.policies_named import case_policy
from lewm.errors import LewmError
from lewm.worlds import make_world
from lewm.worlds.simulator import Simulator
from lewm.worlds.swm import _ENVIRONMENTS
from lewm.worlds.two_room import TwoRoom


def bare(name: str) -> Any:
    """The environment as its class makes it, reset to its defaults."""
    env = _ENVIRONMENTS[name].make()
    options: dict[str, Any] = {"variation": ()}
    env.reset(**({} if name == "swm/cube" else {"seed": 0}), options=options)
    return env


def world_of(name: str, **factors: Any) -> Simulator:
    """The adapter's world at the environment's own size."""
    made = make_world({"world": name, "size_px": 224, "factors": factors})
    assert isinstance(made, Simulator)
    return made


def draws(world: Simulator, num: int, num_steps: int) -> tuple[Any, Any]:
    """States that occur, and actions that stay the same for three env steps."""
    rng = np.random.default_rng(0)
    states = world.sample_states(rng, num)
    actions = rng.uniform(-1.0, 1.0, (num, -(-num_steps // 3), world.action_width))
    actions = actions.repeat(3, axis=1)[:, :num_steps].astype(np.float32)
    return states, actions


def common(name: str) -> dict[str, Any]:
    """What holds in every world."""
    world, other = world_of(name), world_of(name)
    states, actions = draws(world, 4, 12)
    again, _ = draws(other, 4, 12)
    walked = [states]
    for step in range(12):
        walked.append(world.step(walked[-1], actions[:, step]))
    backwards = [
        np.stack([other.step(walked[t][[i]], actions[[i], t])[0] for i in (3, 1, 0, 2)])
        for t in reversed(range(12))
    ]
    order = [3, 1, 0, 2]
    differences = [
        np.abs(found - walked[t + 1][order]).max()
        for t, found in zip(reversed(range(12)), backwards, strict=True)
    ]
    frames = world.render(walked[-1][:1])
    columns = world.columns(walked[-1])
    field = {key: columns[key] for key in world.state_columns}
    return {
        "name": name,
        "state_width": world.state_width,
        "action_width": world.action_width,
        "action_range": world.action_range,
        "position_columns": world.position_columns,
        "sampling_repeats": bool(np.array_equal(states, again)),
        "order_matters_by": float(np.max(differences)),
        "moved_by": float(np.abs(walked[-1] - states).max()),
        "frames_repeat": bool(np.array_equal(frames, other.render(walked[-1][:1]))),
        "kept_columns_restore": bool(np.array_equal(world.states_from(columns), walked[-1])),
        "field_columns": {key: list(rows.shape[1:]) for key, rows in columns.items()},
        "field_columns_restore_by": float(
            np.abs(world.states_from(field)[:, :4] - walked[-1][:, :4]).max()
        ),
        "arrived_at_own_goal": world.solved(walked[-1], walked[-1]).tolist(),
        "factors": {key: factor.role for key, factor in world.factor_table.items()},
        "starts_are_free": world.is_free(states).all().item(),
        "units_per_px": world.units_per_px,
        "length_unit": world.length_unit,
    }


def drawn_plainly(world: Simulator) -> dict[str, Any]:
    """What shadows and smooth edges change of a picture, and of a step."""
    plain = world.with_factors({"rendering.plain": 1})
    states, actions = draws(world, 1, 1)
    frames = [one.render(states).astype(int) for one in (world, plain)]
    steps = [one.step(states, actions[:, 0]) for one in (world, plain)]
    return {
        "plain_by_grey_levels": float(np.abs(frames[1] - frames[0]).mean()),
        "plain_moves_by": float(np.abs(steps[1] - steps[0]).max()),
        "plain_scope": plain.scope()["factors"],
    }


def uninterrupted(
    name: str,
    start: Callable[[Any, Any], None],
    read: Callable[[Any], Any],
    num_steps: int,
) -> dict[str, Any]:
    """The bare environment, started once by its own call, beside steps of the adapter.

    `chain` carries the adapter's own states on, as a closed loop does; `restored` does so through
    another state in between, so that every step starts from a restored one.
    """
    env, world = bare(name), world_of(name)
    states, actions = draws(world, 3, num_steps)
    worst = {"chain": 0.0, "restored": 0.0, "one_step": 0.0}
    elsewhere = world.sample_states(np.random.default_rng(9), 1)
    other = world_of(name)
    for state, moves in zip(states, actions, strict=True):
        start(env, state)
        chain = restored = world.settled(state[None])
        for move in moves:
            before = world.hooks.get_state(env)
            env.step(move)
            truth = read(env)
            chain = world.step(chain, move[None])
            other.step(elsewhere, move[None])
            restored = other.step(restored, move[None])
            single = other.step(before[None], move[None])
            for key, found in (("chain", chain), ("restored", restored), ("one_step", single)):
                difference = np.abs(found[0, : len(truth)] - truth).max()
                worst[key] = max(worst[key], float(difference))
    return {f"uninterrupted_{key}_by": value for key, value in worst.items()}


def looks(name: str, changes: dict[str, Any]) -> dict[str, float]:
    """By how many grey levels on average each appearance factor changes the picture."""
    world = world_of(name)
    state = world.sample_states(np.random.default_rng(1), 1)
    plain = world.render(state).astype(int)
    found = {
        key: float(np.abs(world.render(state, {key: value}).astype(int) - plain).mean())
        for key, value in changes.items()
    }
    assert np.array_equal(world.render(state).astype(int), plain)
    return found


def moves(name: str, changes: dict[str, Any], num_steps: int = 15) -> dict[str, float]:
    """By how much each dynamics factor changes where the same actions lead."""
    plain = world_of(name)
    states, actions = draws(plain, 3, num_steps)

    def end(world: Simulator) -> Any:
        now = states
        for step in range(num_steps):
            now = world.step(now, actions[:, step])
        return now

    return {
        key: float(np.abs(end(plain.with_factors({key: value})) - end(plain)).max())
        for key, value in changes.items()
    }


def speeds(name: str, num_steps: int, num_frames: int) -> dict[str, float]:
    """Env steps and frames per second, one thread."""
    world = world_of(name)
    state, actions = draws(world, 1, num_steps)
    world.render(state)
    begun = time.perf_counter()
    for move in actions[0]:
        state = world.step(state, move[None])
    stepped = time.perf_counter()
    world.render(np.repeat(state, num_frames, axis=0))
    return {
        "steps_per_second": num_steps / (stepped - begun),
        "frames_per_second": num_frames / (time.perf_counter() - stepped),
    }


def judged(world: Simulator, env: Any, pairs: list[tuple[Any, Any]], by_env: Any) -> list[Any]:
    """The adapter's verdict and the environment's on every pair."""
    return [
        [bool(world.solved(state[None], goal[None])[0]), bool(by_env(env, state, goal))]
        for state, goal in pairs
    ]


def two_room() -> dict[str, Any]:
    """The reference's two rooms, also beside ours."""
    name = "swm/two-room"
    world, env, ours = world_of(name), bare(name), TwoRoom()
    rng = np.random.default_rng(2)
    states = world.sample_states(rng, 300)
    actions = rng.uniform(-1.4, 1.4, (300, 2))
    env._set_state(states[0])

    def by_env(env: Any, state: Any, goal: Any) -> bool:
        env._set_state(state)
        env._set_goal_state(goal)
        return bool(env.step(np.zeros(2))[2])

    at = np.array([60.0, 60.0])
    pairs = [(at, at + np.array([apart, 0.0])) for apart in (15.9, 15.9999, 16.0, 16.0001, 17.0)]
    colors = {
        "agent.color": (0, 0, 255),
        "background.color": (9, 99, 199),
        "wall.color": (9, 9, 99),
        "door.color": (1, 2, 3),
    }
    shared = {"rendering.render_target": 1, "target.position": (60.0, 150.0)}
    return {
        **uninterrupted(
            name,
            lambda env, state: env._set_state(state),
            lambda env: env.agent_position.numpy(),
            30,
        ),
        "ours_by_px": float(np.abs(world.step(states, actions) - ours.step(states, actions)).max()),
        "ours_by_grey_levels": int(
            np.abs(world.render(states[:5]).astype(int) - ours.render(states[:5])).max()
        ),
        "shared_factors_by_grey_levels": int(
            np.abs(
                world.with_factors(shared).render(states[:3]).astype(int)
                - ours.with_factors(shared).render(states[:3])
            ).max()
        ),
        "factors_of_ours": sorted(ours.factors),
        "render_is_own": bool(np.array_equal(world.render(states[:1])[0], env.render())),
        "judged": judged(world, env, pairs, by_env),
        "refused": refusal(lambda: world_of(name, **{"agent.radius": 14})),
        "looks": looks(name, colors),
        "moves": moves(name, {"agent.speed": 10.0, "wall.thickness": 41}),
    }


def refusal(make: Callable[[], Any]) -> str:
    """What a refused world is told."""
    try:
        make()
    except LewmError as error:
        return str(error)
    return ""


def pusht() -> dict[str, Any]:
    """PushT: the block is pushed on purpose, so that contacts are in play."""
    name = "swm/pusht"
    world, env = world_of(name), bare(name)
    goal = np.array([100.0, 100, 200, 200, 1.0, 0, 0, 0, 0, 0])

    def off(column: int, by: float) -> Any:
        state = goal.copy()
        state[column] += by
        return state, goal

    pairs = [off(0, 19.99), off(3, 20.0), off(4, np.pi / 9 - 1e-6), off(4, np.pi / 9 + 1e-6)]
    both = goal.copy()
    both[[0, 2]] += 14.2  # together more than 20
    pairs += [(both, goal), (goal + np.eye(10)[4] * (2 * np.pi - 0.01), goal)]

    def by_env(env: Any, state: Any, goal: Any) -> bool:
        return bool(env.eval_state(goal[:7], state[:7])[0])

    state = world.sample_states(np.random.default_rng(3), 1)[0]
    env._set_state(state[:7].copy())
    resting = bool(np.array_equal(world.render(world.settled(state[None]))[0], env.render()))
    towards, arrived = world.step_towards(state[None], np.zeros((1, 2)), state[None])
    far = world.step_towards(state[None], np.zeros((1, 2)), state[None] + np.eye(10)[2] * 50)[1]
    dynamics = {"agent.scale": 60.0, "block.shape": 6}
    try:
        world.with_factors({"block.scale": 55.0})
        dynamics["block.scale"] = 55.0
        scale = "used"
    except Exception as refused:
        scale = str(refused)
    return {
        **pushes(name),
        "inside_the_block_is_free": world.is_free(state[None][:, [2, 3, 2, 3, *range(4, 10)]])[
            0
        ].item(),
        "render_is_own": resting,
        "settling_moves_by": settling(name),
        "judged": judged(world, env, pairs, by_env),
        "goal_is_reached_in_a_step": [bool(arrived[0]), bool(far[0])],
        "standing_still_moves_by": float(np.abs(towards - state).max()),
        "looks": looks(
            name,
            {
                "agent.color": (255, 0, 0),
                "block.color": (0, 0, 0),
                "goal.color": (250, 0, 250),
                "goal.position": (100.0, 400.0),
                "background.color": (9, 9, 9),
                "rendering.render_goal": 0,
            },
        ),
        "block_scale": scale,
        "moves": pushed_moves(name, dynamics),
    }


def pushes(name: str) -> dict[str, Any]:
    """Walks into the block; by how much a restored step leaves the block elsewhere, in px and rad.

    A step counts as shallow if the agent overlaps the block by at most 3 px before and after.
    """
    env, world = bare(name), world_of(name)
    shallow, deep, chains, moved = [], [], [], []
    for state in world.sample_states(np.random.default_rng(4), 40):
        env._setup()
        env._set_state(state[:7].copy())
        ours = world.settled(state[None])
        begun, overlap = ours.copy(), 0.0
        for _ in range(25):
            middle = np.asarray(env.block.local_to_world(env.block.center_of_gravity))
            push = (middle - np.array(env.agent.position)) / 100.0
            action = np.clip(push, -0.25, 0.25).astype(np.float32)
            before, overlap_before = world.hooks.get_state(env), overlap
            env.step(action)
            truth, overlap = world.hooks.get_state(env), overlap_px(env)
            ours = world.step(ours, action[None])
            if np.linalg.norm(truth[2:4] - before[2:4]) > 0.1:
                found = block_difference(world.step(before[None], action[None])[0], truth)
                (shallow if max(overlap, overlap_before) <= 3.0 else deep).append(found)
        chains.append(block_difference(ours[0], truth))
        moved.append(block_difference(ours[0], begun[0])[0])
    return {
        "restored_pushing_step": {"num": len(shallow), "p50_p99_max": quantiles(shallow)},
        "restored_deep_step": {"num": len(deep), "p50_p99_max": quantiles(deep)},
        "after_25_env_steps": {"num": len(chains), "p50_p99_max": quantiles(chains)},
        "blocks_were_moved_by_px": float(np.median(moved)),
    }


def overlap_px(env: Any) -> float:
    """How deep the agent stands in the block."""
    place = env.agent.position
    apart = [shape.point_query(place).distance for shape in env.block.shapes]
    return max(0.0, 15.0 - float(min(apart)))


def block_difference(found: Any, truth: Any) -> tuple[float, float]:
    """Distance of the blocks in px, and of their angles in rad."""
    turn = (found[4] - truth[4] + np.pi) % (2 * np.pi) - np.pi
    return float(np.linalg.norm(found[2:4] - truth[2:4])), float(abs(turn))


def quantiles(pairs: list[tuple[float, float]]) -> list[list[float]]:
    """Median, 99th percentile and maximum, in px and in rad."""
    return np.quantile(np.array(pairs), [0.5, 0.99, 1.0], axis=0).tolist()


def settling(name: str) -> float:
    """How far the adapter's start lies from the reference's own start call."""
    env, world = bare(name), world_of(name)
    states = world.sample_states(np.random.default_rng(5), 10)
    states[:, 5:7] = np.random.default_rng(6).uniform(-200, 200, (10, 2))
    worst = 0.0
    for state in states:
        env._setup()
        env._set_state(state[:7].copy())
        worst = max(worst, float(np.abs(world.settled(state[None])[0, :7] - env._get_obs()).max()))
    return worst


def pushed_moves(name: str, changes: dict[str, Any]) -> dict[str, float]:
    """As `moves`, from a state in which the agent stands beside the block and pushes."""
    plain = world_of(name)
    state = np.array([[256.0, 100, 256, 256, 0.0, 0, 0, 0, 0, 0]])

    def end(world: Simulator) -> Any:
        now = state
        for _ in range(15):
            now = world.step(now, [[0.05, 0.5]])
        return now

    return {
        key: float(np.abs(end(plain.with_factors({key: value})) - end(plain)).max())
        for key, value in changes.items()
    }


def reacher() -> dict[str, Any]:
    """The arm; the reference may stop within a step, when the goal is passed."""
    name = "swm/reacher"
    world, env = world_of(name), bare(name)

    def by_env(env: Any, state: Any, goal: Any) -> bool:
        env.set_state(state[:2], state[2:4])
        env.set_target_qpos(goal[:2])
        return env.env.task.get_termination(env.env.physics) is not None

    at = np.array([0.3, -0.4, 0, 0, 0, 0])
    steps = [np.eye(6)[0] * by for by in (0.0499999, 0.0500001, 2 * np.pi)] + [np.eye(6)[1] * 0.06]
    pairs = [(at, at + step) for step in steps]

    state = world.sample_states(np.random.default_rng(3), 1)
    env.set_state(state[0, :2], state[0, 2:4])
    own = env.render()

    # A goal that is passed within the step: after the first of its two repeats.
    push = np.ones((1, 2))
    after = world.step(state, push)
    env.set_state(state[0, :2], state[0, 2:4])
    env.env.step(push[0])
    halfway = np.concatenate([env.env.physics.data.qpos, np.zeros(4)])
    stopped, arrived = world.step_towards(state, push, halfway[None])
    resumed = world.step(after, push)

    long = after
    for _ in range(600):  # beyond the environment's time limit of 500 env steps
        long = world.step(long, np.zeros((1, 2)))
    return {
        **uninterrupted(
            name,
            lambda env, state: env.set_state(state[:2], state[2:4]),
            lambda env: np.concatenate([env.info["qpos"], env.info["qvel"]]),
            60,
        ),
        "render_is_own": bool(np.array_equal(world.render(state)[0], own)),
        **drawn_plainly(world),
        "judged": judged(world, env, pairs, by_env),
        "passed_within_a_step": bool(arrived[0]),
        "stopped_halfway_by": float(np.abs(stopped[0, :2] - halfway[:2]).max()),
        "goes_on_after_arriving": float(np.abs(resumed - after).max()),
        "beyond_the_time_limit": float(np.abs(long[0, :2] - after[0, :2]).max()),
        "looks": looks(
            name,
            {
                "agent.color": (0.0, 1.0, 0.0),
                "floor.color": (0.9, 0.1, 0.1, 0.1, 0.9, 0.1),
                "light.intensity": 0.1,
                "rendering.render_target": 1,
            },
        ),
        "moves": moves(name, {"agent.arm_density": 1500.0, "agent.finger_density": 500.0}),
    }


def cube() -> dict[str, Any]:
    """The arm and the cube."""
    name = "swm/cube"
    world, env = world_of(name), bare(name)
    num_q, num_v = env._model.nq, env._model.nv
    state = world.sample_states(np.random.default_rng(3), 1)
    env.set_state(state[0, :num_q], state[0, num_q : num_q + num_v])
    own = env.render()
    first = world.position_columns[0]

    def by_env(env: Any, state: Any, goal: Any) -> bool:
        env.set_state(state[:num_q], state[num_q : num_q + num_v])
        env.set_target_pos(0, goal[first : first + 3])
        return bool(env._compute_successes()[0])

    def off(by: float) -> Any:
        goal = state[0].copy()
        goal[first] += by
        return state[0], goal

    near, far = off(0.03)[1], off(0.08)[1]
    still = np.zeros((1, 5))
    arrived = [bool(world.step_towards(state, still, goal[None])[1][0]) for goal in (near, far)]
    walked, _ = walk(world, case_policy(world), episodes=range(8), length_env_steps=50, seed=0)
    return {
        "unsolved_after_25_env_steps": float((~world.solved(walked[:, 25], walked[:, 50])).mean()),
        **uninterrupted(
            name,
            lambda env, state: env.set_state(state[:num_q], state[num_q : num_q + num_v]),
            lambda env: np.concatenate([env._data.qpos, env._data.qvel]),
            20,
        ),
        "render_is_own": bool(np.array_equal(world.render(state)[0], own)),
        **drawn_plainly(world),
        "judged": judged(world, env, [off(by) for by in (0.0399, 0.0401, 0.0)], by_env),
        "goal_is_reached_in_a_step": arrived,
        "looks": looks(
            name,
            {
                "agent.color": (0.0, 1.0, 0.0),
                "cube.color": (0.0, 0.0, 1.0),
            },
        ),
        "moves": moves(name, {"cube.size": 0.03}, 3),
    }


PARTS = {
    "swm/two-room": two_room,
    "swm/pusht": pusht,
    "swm/reacher": reacher,
    "swm/cube": cube,
}

if __name__ == "__main__":
    wanted, *rest = sys.argv[1:]
    measured = speeds(wanted, 300, 20) if rest == ["speed"] else PARTS[wanted]()
    print(json.dumps({**common(wanted), **measured}))
