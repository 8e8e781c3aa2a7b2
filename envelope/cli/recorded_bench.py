"""Recorded episodes laid out for the suites: opened, held to the model, given out by episode."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envelope.errors import EnvelopeError
from envelope.records import RecordedEpisodes
from lewm.adapter import AuditableModel
from lewm.data.sources import open_source
from lewm.data.windows import ActionStats
from lewm.worlds.recorded import RecordedWorld
from perturbations.episodes import Cases, Episodes
from perturbations.profiles import Profile
from perturbations.recorded import (
    least_shares,
    may_be_held_out,
    seen_in_training,
    share_out,
    wanted_shares,
)
from perturbations.seeding import derive_seed

NO_CASES = Cases(np.empty((0, 0)), np.empty((0, 0)), goal_offset_env_steps=0)
_OTHER_UNITS = 10.0
"""Standard deviations of the actions trained on: so far off, or so spread, are none of theirs."""
UNNAMED = "recorded"
"""What a world is called that neither the checkpoint nor the person names."""


class LaidOut(NamedTuple):
    """What a bench needs of a data set."""

    calibration: Episodes
    scoring: Episodes
    fitting: Episodes
    recorded: RecordedEpisodes
    profile: Profile
    """With the length that the episodes have."""


def open_recorded(data: str, model: AuditableModel, world: str | None) -> RecordedWorld:
    """A data set in the place of the world that the model was trained in.

    Args:
        data: as `open_source` takes it.
        model: its frames and actions have to be those of the data.
        world: name of the world; the one in the checkpoint if None.

    Raises:
        LewmError: it cannot be read, or has frames or actions of another size.
    """
    name = world or str(model.world.get("world", UNNAMED))
    found = RecordedWorld(open_source(data), name=name, of=_name(data))
    found.require_fit(size_px=model.config.image_size, action_width=model.action_width)
    return found


def lay_out(
    world: RecordedWorld,
    model: AuditableModel,
    profile: Profile,
    *,
    model_steps: int,
    false_alarms: float,
    seed: int,
    declared_held_out: bool = False,
) -> LaidOut:
    """Give the episodes of a data set out, each to one purpose, in an order drawn from the seed.

    Episodes have `model_steps`, or as many as enough of the recorded ones have. Longer ones are
    cut, beginning anywhere. Of episodes that share a stretch half as long as that, one is used.

    Raises:
        EnvelopeError: there are too few; the message has the number needed. Or their actions are in
            other units than those that the model was trained on. Or they are declared held out, and
            the checkpoint says otherwise.
        LewmError: an episode holds what is not a number.
    """
    block, least = model.block_size, least_shares(false_alarms)
    steps = _model_steps(
        world.lengths // block,
        wanted=model_steps,
        shortest=max(3, model.history + 1),
        num_needed=least.total,
    )
    wanted = wanted_shares(profile, steps, false_alarms)
    rng = np.random.default_rng(derive_seed(seed, "recorded"))
    digest = world.digest()
    if declared_held_out and digest in seen_in_training(model):
        raise EnvelopeError(
            f"--held-out says that the model was trained on none of {world.of}, and its checkpoint "
            f"names that very data set ({digest[:12]})",
            next_step="measure on other episodes, or leave --held-out out: what rests on it stays "
            "unknown",
        )
    usable = np.flatnonzero(world.lengths >= steps * block)
    chosen: list[int] = []
    half = steps * block // 2
    for episode in world.distinct(rng.permutation(usable), shared_env_steps=half):
        chosen.append(episode)
        if len(chosen) == wanted.total:
            break
    try:
        shares = share_out(len(chosen), wanted, least)
    except EnvelopeError as error:
        raise EnvelopeError(
            f"{world.of} holds {len(world.lengths)} episodes. Of those with at least "
            f"{steps * block} env steps, {error.problem}",
            next_step=error.next_step,
        ) from None
    ends = np.cumsum([shares.calibration, shares.scoring, shares.fitting, shares.states])
    parts = np.split(np.array(chosen), ends)
    calibration, scoring, fitting = (
        _read(world, part.tolist(), steps * block, seed) for part in parts[:3]
    )
    _require_units(world, model, calibration)
    world.lend(_one_state_each(world, parts[3], rng))
    return LaidOut(
        calibration=calibration,
        scoring=scoring,
        fitting=fitting,
        recorded=RecordedEpisodes(
            name=world.of,
            digest=digest,
            num_episodes=len(world.lengths),
            num_usable=len(usable),
            model_steps_per_episode=steps,
            columns=list(world.columns),
            state_column=world.state_column,
            is_held_out=declared_held_out and may_be_held_out(model, digest),
            num_fitting_episodes=shares.fitting,
            num_states=shares.states,
        ),
        profile=replace(profile, model_steps_per_episode=steps, num_states=shares.states),
    )


def _model_steps(
    available: NDArray[np.int64], *, wanted: int, shortest: int, num_needed: int
) -> int:
    """The most model steps that enough episodes have, up to what is wanted."""
    for steps in range(wanted, shortest, -1):
        if int((available >= steps).sum()) >= num_needed:
            return steps
    return shortest


def _read(world: RecordedWorld, episodes: Sequence[int], length: int, seed: int) -> Episodes:
    read = []
    for episode in episodes:
        rng = np.random.default_rng(derive_seed(seed, "begin", episode))
        begin = int(rng.integers(int(world.lengths[episode]) - length + 1))
        read.append(world.read(episode, begin, length))
    return Episodes(np.stack([s for s, _ in read]), np.stack([a for _, a in read]))


def _require_units(world: RecordedWorld, model: AuditableModel, episodes: Episodes) -> None:
    """Refuse actions that are, as the model scales them, unlike any that it was trained on."""
    stats: ActionStats | None = getattr(model, "action_stats", None)
    if stats is None:
        return
    for place, (own_mean, own_std) in enumerate(zip(stats.mean, stats.std, strict=True)):
        actions = episodes.actions[..., place]
        mean, std = float(actions.mean()), float(actions.std())
        if max(abs(mean - own_mean), std) > _OTHER_UNITS * own_std:
            raise EnvelopeError(
                f"action {place} of {world.of} has mean {mean:.3g} and standard deviation "
                f"{std:.3g}; {model.name} was trained on actions with mean {own_mean:.3g} and "
                f"standard deviation {own_std:.3g}",
                next_step="bring them to the units and the meaning of the model's own actions, or "
                "import the model with its own --data",
            )


def _one_state_each(
    world: RecordedWorld, episodes: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """A state of each episode, anywhere in it: frames of one episode are no independent ones."""
    return np.concatenate(
        [
            world.states_at(episode, rng.integers(int(world.lengths[episode]) + 1, size=1))
            for episode in episodes.tolist()
        ]
    )


def _name(data: str) -> str:
    return Path(data.rstrip("/")).name or data
