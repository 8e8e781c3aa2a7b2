"""Names of the generic nuisance classes that change the picture of a stable-worldmodel world.

python -m tests.reference.nuisance_factors WORLD
"""

import sys

import numpy as np

from envelope.criteria import default_criteria
from lewm.worlds import make_world
from perturbations.nuisances.classes import find, spelt_out
from perturbations.nuisances.factor_classes import EVERY, PREFIX
from perturbations.nuisances.nuisance import FrameSeeds


def main(name: str) -> None:
    """Print one name a line: strength 0 is the clean frame, and strength 1 is not."""
    world = make_world({"world": name, "size_px": 64, "factors": {}})
    wide = default_criteria().model_copy(update={"nuisances": {EVERY: [1.0]}})
    states = world.sample_states(np.random.default_rng(0), 1)
    seeds = FrameSeeds(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))
    clean = world.render(states)
    for one in spelt_out(wide, world).nuisances:
        assert one.startswith(PREFIX)
        nuisance = find(one)
        changed = False
        for direction in nuisance.directions(world):
            frames = nuisance.render(world, states, strength=1.0, direction=direction, seeds=seeds)
            still = nuisance.render(world, states, strength=0.0, direction=direction, seeds=seeds)
            assert (still == clean).all()
            changed |= bool((frames != clean).any())
        if changed:
            print(one)


if __name__ == "__main__":
    main(sys.argv[1])
