"""Collection in stable-worldmodel's worlds; tests/lewm/test_collect_swm.py judges the findings.

python -m tests.reference.collecting FOLDER [NUM_EXPERT_CASES]
"""

import json
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lewm.collection.collect import collect, episode_rng
from lewm.collection.collect_to_file import collect_to_file
from lewm.collection.policies_named import make_policy
from lewm.collection.push_expert import Pusher, PushExpert
from lewm.errors import LewmError
from lewm.worlds import make_world
from lewm.worlds.simulator import Simulator

BUDGET_ENV_STEPS = 200


def world_of(name: str, **factors: Any) -> Simulator:
    """A world at a size that tests can afford."""
    made = make_world({"world": name, "size_px": 64, "factors": factors})
    assert isinstance(made, Simulator)
    return made


def expert_success(num_cases: int, seed: int) -> list[int]:
    """Env steps until the reference's own rule says solved, 0 if not within the budget."""
    world, policy = world_of("swm/pusht"), PushExpert()
    needed = []
    for case in range(num_cases):
        rng = episode_rng(seed, case)
        state, goal = world.sample_states(rng, 1), world.sample_states(rng, 1)
        pusher, steps = Pusher(world, rng, goal=goal[0]), 0
        for step in range(1, BUDGET_ENV_STEPS + 1):
            action = policy.noisy(pusher, state[0]).astype(np.float32)
            state, arrived = world.step_towards(state, action[None], goal)
            if arrived[0]:
                steps = step
                break
        needed.append(steps)
    return needed


def workers_agree(folder: Path, name: str, names: tuple[str, ...]) -> dict[str, Any]:
    """The same file from one process and from two; and what it holds."""
    import lewm.collection.collect_to_file

    lewm.collection.collect_to_file._EPISODES_AT_ONCE = 1
    world = world_of(name)
    how = {"num_episodes": 3, "length_env_steps": 12, "seed": 1}
    paths = []
    for workers in (1, 2):
        paths.append(folder / f"{name.replace('/', '-')}-{workers}.h5")
        policy = make_policy(world, names)
        collect_to_file(paths[-1], world, policy, **how, num_workers=workers)
    with h5py.File(paths[0]) as one, h5py.File(paths[1]) as two:
        same = set(one) == set(two) and dict(one.attrs) == dict(two.attrs)
        same = same and all(np.array_equal(one[k][:], two[k][:], equal_nan=True) for k in one)
        columns = {key: [str(one[key].dtype), *one[key].shape[1:]] for key in one}
        whole, action = one["simulator_state"][:13], one["action"][:12]
        replayed = max(
            float(np.abs(world.step(whole[[t]], action[[t]])[0] - whole[t + 1]).max())
            for t in range(12)
        )
        drawn = int((world.render(whole[:2]) != one["pixels"][:2]).sum())
        origin = json.loads(one.attrs["provenance"])
    return {
        "same": bool(same),
        "columns": columns,
        "replayed_by": replayed,
        "pixels_differ": drawn,
        "origin": origin,
    }


def weak_moves_the_block() -> dict[str, float]:
    """How far weak and random episodes of 60 env steps move the block, mean in px."""
    world = world_of("swm/pusht")
    moved = {}
    for name in ("weak", "random"):
        episodes = [
            collect(
                world,
                make_policy(world, (name,)),
                num_episodes=1,
                length_env_steps=60,
                seed=2,
                first_episode=number,
            )
            for number in range(8)
        ]
        paths = [np.diff(each.states[0, :, 2:4], axis=0) for each in episodes]
        moved[name] = float(np.mean([np.linalg.norm(path, axis=1).sum() for path in paths]))
    return moved


def refusal(**factors: Any) -> str:
    """What the expert says about a T that it does not know."""
    world = world_of("swm/pusht", **factors)
    try:
        PushExpert().start(world, [], 1)
    except LewmError as error:
        return str(error)
    return ""


def main(folder: Path, num_cases: int) -> dict[str, Any]:
    """Everything that is judged."""
    return {
        "expert_env_steps": expert_success(num_cases, seed=7),
        "pusht": workers_agree(folder, "swm/pusht", ("expert", "weak")),
        "two_room": workers_agree(folder, "swm/two-room", ("expert", "weak")),
        "moved_px": weak_moves_the_block(),
        "other_tee": refusal(**{"block.shape": 3}),
    }


if __name__ == "__main__":
    where, *rest = sys.argv[1:]
    print(json.dumps(main(Path(where), int(rest[0]) if rest else 10)))
