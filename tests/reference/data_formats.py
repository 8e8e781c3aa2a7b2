"""What the reference package reads from our data sets, and data sets that it writes.

    python -m tests.reference.data_formats FOLDER

reads `ours.h5` and `ours.lance` in FOLDER with windows of 4 frames, 5 env steps apart, and writes
there, for both, every item as `ours.<format>.npz`. Then it writes `theirs.h5`, `theirs.lance` and
`collected.h5`, and their items likewise.
"""

import sys
from pathlib import Path

import tests.reference.torchvision_schemas  # noqa: F401

# isort: split
import numpy as np
import stable_worldmodel as swm
from stable_worldmodel.data.format import detect_format

WINDOW = {"frameskip": 5, "num_steps": 4}


def items(path: Path) -> None:
    """Every window of a data set, in their order, and their scaling of actions."""
    data = detect_format(path).open_reader(path, **WINDOW)
    found = [data[i] for i in range(len(data))]
    actions = data.get_col_data("action")
    scaler = swm.data.normalization.ZScoreScaler().fit(actions)
    np.savez(
        path.with_name(path.name + ".npz"),
        clips=np.array(data.clip_indices),
        pixels=np.stack([item["pixels"].numpy() for item in found]),
        action=np.stack([item["action"].numpy() for item in found]),
        mean=scaler.mean[0],
        std=scaler.std[0],
    )


def episodes(rng: np.random.Generator) -> list[dict[str, list[np.ndarray]]]:
    """Episodes of unequal length, one too short for a window."""
    made = []
    for rows in (26, 12, 20):
        action = rng.normal(size=(rows, 2)).astype(np.float32)
        action[-1] = np.nan
        pixels = rng.integers(0, 255, (rows, 2, 2, 3)).astype(np.uint8)
        made.append(
            {
                "pixels": list(pixels.repeat(8, axis=1).repeat(8, axis=2)),
                "action": list(action),
                "proprio": list(rng.normal(size=(rows, 4)).astype(np.float32)),
                "variation.agent.radius": list(np.full((rows, 1), 7.0, dtype=np.float32)),
            }
        )
    return made


def main(folder: Path) -> None:
    made = episodes(np.random.default_rng(0))
    for name, kind in (("theirs.h5", "hdf5"), ("theirs.lance", "lance")):
        with swm.data.format.get_format(kind).open_writer(folder / name) as writer:
            writer.write_episodes(iter(made))
    world = swm.World("swm/TwoRoom-v1", num_envs=1, image_shape=(24, 24), max_episode_steps=22)
    world.set_policy(swm.policy.RandomPolicy(seed=0))
    world.collect(folder / "collected.h5", episodes=2, seed=0, format="hdf5", progress=False)
    for name in ("ours.h5", "ours.lance", "theirs.h5", "theirs.lance", "collected.h5"):
        items(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
