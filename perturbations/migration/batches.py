"""Cells of a migration: cases in batches, and the latents of two models over the same states.

Shapes in this module:
    E  episodes     B  model steps     D  latent width     S  state width     N  cases of a batch
"""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envelope.records import Cell, Scalar
from perturbations.episodes import Cases

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.protocols import WorldModel

SUITE = "migration"
BATCH = 20
"""Cases between two looks at the outcome."""

Array = NDArray[np.float64]


def first_cases(bench: "Bench") -> list[int]:
    """Number of the first case of every batch."""
    return list(range(0, len(bench.cases), BATCH))


def batch_cell(bench: "Bench", first: int) -> Cell:
    """The model on the cases of the bench from `first` on; each keeps one planner stream."""
    from perturbations.closed_loop import Loop

    cases, part = bench.cases, slice(first, first + BATCH)
    batch = Cases(cases.starts[part], cases.goals[part], cases.goal_offset_env_steps)
    loop = Loop(
        arm="model",
        cases=batch,
        streams=bench.streams_of_cases[part],
        budget_env_steps=bench.budget_env_steps,
        watched=False,
        first_case=first,
    )
    condition: dict[str, Scalar] = {
        "first_case": first,
        "goal_offset_env_steps": cases.goal_offset_env_steps,
        "budget_env_steps": bench.budget_env_steps,
    }
    key = bench.key(
        SUITE,
        "model",
        condition,
        cases=batch.digest,
        streams=tuple(range(bench.profile.num_streams)),
    )
    return bench.runner.run(key, partial(loop.run, bench))


def interface_cell(base: "Bench", candidate: "Bench") -> Cell:
    """What the two models make of the states of the recorded scoring episodes, by episode."""
    key = candidate.key(
        SUITE,
        "model",
        {"compared": "latents", "base": base.identity["model"]},
        cases=base.scoring.digest,
    )
    return candidate.runner.run(key, partial(_interface_rows, base, candidate))


def _interface_rows(base: "Bench", candidate: "Bench") -> dict[str, list[Any]]:
    """Sums over the frames of each episode of squared distances.

    `motion`: between frames one block apart, in the base. `raw`: from base to candidate, absent
    where the widths differ. `mapped`: the same after the linear map that fits best on the other
    half of the episodes. `place_base`, `place_candidate`: errors of the place that a linear probe
    reads, fitted on the other half; `place`: distance from the mean place.
    """
    states = base.scoring.block_states(base.block_size)  # (E, B+1, S)
    old, new = (_latents(bench, states) for bench in (base, candidate))
    places = states[..., list(getattr(base.world, "position_columns", (0, 1)))]
    columns: dict[str, list[Any]] = {
        "episode": list(range(len(states))),
        "motion": _squared(old[:, 1:] - old[:, :-1]),
        "mapped": _squared(_fitted(new, old) - old),
        "place": _squared(places - places.mean(axis=(0, 1))),
        "place_base": _squared(_fitted(old, places) - places),
        "place_candidate": _squared(_fitted(new, places) - places),
    }
    if old.shape == new.shape:
        columns["raw"] = _squared(new - old)
    return columns


def _latents(bench: "Bench", states: Array) -> Array:
    """(E, B+1, D)."""
    flat = states.reshape(-1, states.shape[-1])
    return _encoded(bench.model, bench, flat).reshape(*states.shape[:2], -1)


def _encoded(model: "WorldModel", bench: "Bench", states: Array) -> Array:
    from perturbations import latents

    parts = [
        latents.encode_frames(model, bench.world.render(states[first : first + 512]))
        for first in range(0, len(states), 512)
    ]
    return np.concatenate([part.double().cpu().numpy() for part in parts])


def _fitted(seen: Array, wanted: Array) -> Array:
    """`wanted` as an affine function of `seen`, each half of the episodes fitted on the other."""
    found = np.empty_like(wanted)
    even = np.arange(len(seen)) % 2 == 0
    ones = np.ones((*seen.shape[:2], 1))
    terms = np.concatenate([seen, ones], axis=-1)
    for half in (even, ~even):
        known = terms[~half].reshape(-1, terms.shape[-1])
        map_, *_ = np.linalg.lstsq(known, wanted[~half].reshape(len(known), -1), rcond=None)
        found[half] = terms[half] @ map_
    return found


def _squared(difference: Array) -> list[float]:
    """Mean squared length over the frames of each episode."""
    return [float(value) for value in np.square(difference).sum(axis=-1).mean(axis=-1)]
