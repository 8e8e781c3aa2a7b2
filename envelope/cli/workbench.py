"""From a checkpoint and a few choices to a bench that the suites can measure with."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch

from envelope.cli.choices import Choices
from envelope.cli.identity import identify, kernel_path, model_digest
from envelope.cli.planner_settings import plan_config, planner_scope
from envelope.cli.recorded_bench import NO_CASES, lay_out, open_recorded
from envelope.cli.source import MEASURING, source_digest
from envelope.criteria import default_criteria
from envelope.deploy import DeployedPlanner
from envelope.errors import EnvelopeError
from envelope.records import (
    Criteria,
    ModelState,
    Plan,
    PlannerScope,
    ViolationCriterion,
)
from envelope.strict import canonical
from lewm.adapter import AuditableModel, load_model
from lewm.collection.collect import walk
from lewm.collection.policies_named import place_policy
from lewm.evaluation.cases import sample_cases
from lewm.planning.planner import make_planner
from lewm.worlds import make_world
from lewm.worlds.recorded import RecordedWorld
from lewm.worlds.two_room import TwoRoom
from perturbations import audit
from perturbations.bench import Bench
from perturbations.cells.runner import Runner
from perturbations.episodes import Cases, Episodes
from perturbations.nuisances.classes import spelt_out
from perturbations.nuisances.factor_classes import EVERY
from perturbations.protocols import Planner
from perturbations.seeding import derive_seed
from perturbations.stopwatch import STOPWATCH

ADAPTERS = {"lewm": load_model}
_MAX_SEED = 2**31
_STRENGTHS_ELSEWHERE = [0.2, 0.5, 1.0]
_CUTS: Mapping[str, dict[str, Any]] = {
    "spliced_episode": {"magnitudes": [1.0, 2.0, 4.0], "claim_at": 2.0, "unit": "frames"},
    "frame_skip": {"magnitudes": [1.0, 2.0, 4.0], "claim_at": 2.0, "unit": "frames"},
}
_SMALL_MODEL = 2_000_000
"""Parameters below which a second thread waits more than it works (docs/lab-notes.md)."""


@dataclass(frozen=True)
class Workbench:
    """A bench, and the parts of the record that are known before anything is measured."""

    bench: Bench
    plan: Plan
    model_state: ModelState
    planner_scope: PlannerScope
    world_scope: dict[str, Any]


def bench_of(choices: Choices, runner: Runner) -> Bench:
    """The bench alone, for a process that runs cells."""
    return build(choices, runner).bench


def build(choices: Choices, runner: Runner) -> Workbench:
    """Load a checkpoint and lay out everything that measuring it needs.

    The planner is the checkpoint's own, with what `declared` says instead.

    Raises:
        EnvelopeError: no such adapter or device, or the checkpoint does not fit the world.
        LewmError: the checkpoint cannot be loaded.
    """
    adapter, seed, device = choices.adapter, choices.seed, choices.device
    declared = choices.declared or DeployedPlanner()
    if not 0 <= seed < _MAX_SEED:
        raise EnvelopeError(
            f"--seed is {seed}, its range is 0 to {_MAX_SEED - 1}",
            next_step="choose a seed in the range",
        )
    if adapter not in ADAPTERS:
        raise EnvelopeError(
            f"there is no adapter {adapter!r}; there are {', '.join(sorted(ADAPTERS))}",
            next_step="name one of them with --adapter",
        )
    _require_device(device)
    model = ADAPTERS[adapter](choices.model, device)
    world: Any
    if choices.threads is not None or model.num_parameters < _SMALL_MODEL:
        torch.set_num_threads(choices.threads or 1)
    if choices.data is not None:
        world = open_recorded(choices.data, model, choices.world)
    else:
        world = make_world(_world_scope(model, choices.world))
        model.require_world(world)
    # The planner takes the adapter's models only; the suites hand it nothing else.
    config = plan_config(model, declared)
    planner = cast(Planner, make_planner(config))
    _watch(model, world, planner)
    state = identify(model, adapter=adapter)
    scope = planner_scope(model, config, world, device, declared)
    given = _given_out(world, model, choices, scope)
    bench = Bench(
        model=model,
        twin=model.untrained_twin(derive_seed(seed, "twin")),
        world=world,
        planner=planner,
        seed=seed,
        identity={
            "model": model_digest(state, model),
            "kernels": kernel_path(model),
            "world": _digest(world.scope()),
            "planner": _digest(scope.model_dump(mode="json")),
            "evaluator": source_digest(MEASURING),
            "machine": _digest([torch.__version__, np.__version__, torch.get_num_threads()]),
        },
        budget_env_steps=scope.conventions.budget_env_steps,
        criteria=criteria_for(choices.criteria, world),
        runner=runner,
        **given,
    )
    return Workbench(bench, audit.plan(bench, choices.suites), state, scope, world.scope())


def _given_out(
    world: Any, model: AuditableModel, choices: Choices, scope: PlannerScope
) -> dict[str, Any]:
    """Cases and episodes of a bench: drawn in a simulator, or given out of what was recorded."""
    profile, seed = choices.profile, choices.seed
    offset = scope.conventions.goal_offset_env_steps
    # Drift is measured as far as the planner looks, and the planner's own closed loop is no longer
    # than what the monitors were calibrated on; cells with a larger budget are, and are told so.
    budget_blocks = -(-scope.conventions.budget_env_steps // model.block_size)
    num_blocks = max(profile.model_steps_per_episode, scope.horizon, budget_blocks)
    if isinstance(world, RecordedWorld):
        laid = lay_out(
            world,
            model,
            profile,
            model_steps=num_blocks,
            false_alarms=choices.criteria.false_alarms_per_episode,
            seed=seed,
            declared_held_out=choices.is_held_out,
        )
        return {"cases": NO_CASES, **laid._asdict()}
    profile = replace(profile, model_steps_per_episode=num_blocks)
    length = num_blocks * model.block_size
    return {
        "cases": _cases(world, profile.num_cases, offset, seed),
        "calibration": _episodes(world, profile.num_calibration_episodes, length, seed, "set"),
        "scoring": _episodes(world, profile.num_scoring_episodes, length, seed, "score"),
        "profile": profile,
        "offset_cases": {
            other: _cases(world, profile.num_cases, other, seed)
            for other in profile.goal_offsets_env_steps
        },
    }


def _watch(model: AuditableModel, world: Any, planner: Planner) -> None:
    """Have the stopwatch tell apart where the time goes."""
    STOPWATCH.watch(world, render="rendering")
    STOPWATCH.watch(planner, plan="planning", plan_in_world="planning")
    STOPWATCH.watch(model, encode="encoding", predict="predicting", rollout="predicting")


def criteria_for(criteria: Criteria, world: Any) -> Criteria:
    """The criteria with every class by name; the default ones, made for two-room, look elsewhere
    at whatever else changes the picture of the world at hand, and in recorded episodes at cuts."""
    if isinstance(world, RecordedWorld) and criteria == default_criteria():
        cut = {name: ViolationCriterion.model_validate(of) for name, of in _CUTS.items()}
        return criteria.model_copy(update={"violations": {**criteria.violations, **cut}})
    if world.name != TwoRoom.name and criteria == default_criteria():
        widened = {**criteria.nuisances, EVERY: _STRENGTHS_ELSEWHERE}
        criteria = criteria.model_copy(update={"nuisances": widened})
    return spelt_out(criteria, world)


def _require_device(device: str) -> None:
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
        raise EnvelopeError(
            f"--device is {device!r}, expected cpu, cuda or cuda:NUMBER",
            next_step="run with --device cpu",
        )
    found = torch.cuda.device_count()
    if kind == "cuda" and int(number or 0) >= found:
        raise EnvelopeError(
            f"--device {device} was asked for, and torch finds {found} CUDA devices",
            next_step="run with --device cpu",
        )


def _world_scope(model: AuditableModel, asked: str | None) -> dict[str, Any]:
    trained_in = model.world.get("world")
    if trained_in is None and asked is None:
        raise EnvelopeError(
            f"{model.name} does not say which world it was trained in",
            next_step="name the world with --world, for instance --world two-room",
        )
    if asked is None or asked == trained_in:
        return model.world
    return {"world": asked, "size_px": model.config.image_size, "factors": {}}


def _cases(world: Any, num: int, offset: int, seed: int) -> Cases:
    drawn = sample_cases(
        world,
        num_cases=num,
        goal_offset_env_steps=offset,
        seed=derive_seed(seed, "cases", offset),
    )
    return Cases(drawn.starts, drawn.goals, offset, drawn.num_solved_dropped)


def _episodes(world: Any, num: int, length_env_steps: int, seed: int, purpose: str) -> Episodes:
    """Lawful held-out episodes of the world's own policy; each purpose has a seed of its own."""
    states, actions = walk(
        world,
        place_policy(world),
        episodes=range(num),
        length_env_steps=length_env_steps,
        seed=derive_seed(seed, "episodes", purpose),
    )
    return Episodes(states, actions.astype(np.float64))


def _digest(content: Any) -> str:
    return hashlib.sha256(canonical(content)).hexdigest()
