"""Run a protocol and say all that its figures rest on.

Shapes in this module:
    N  cases
"""

import math
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.adapter import AuditableModel
from lewm.data.windows import ActionStats, Source
from lewm.errors import LewmError
from lewm.evaluation.cases import Cases
from lewm.evaluation.closed_loop import RecordedFrames
from lewm.evaluation.evaluate import Conditions, Success, evaluate
from lewm.evaluation.intervals import Interval, over_episodes
from lewm.evaluation.protocol import PROTOCOLS, Protocol
from lewm.evaluation.protocol_pairs import (
    draw_pairs,
    recorded_frames,
    require_data,
    require_recorded,
)
from lewm.evaluation.success import SuccessRule, rule_of

_FRAMES_COMPARED = 16

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What a run found, and all that it rests on."""

    facts: dict[str, Any]
    """Protocol, digests, planner, rule and counts, as plain JSON."""
    cases: Cases
    solved_at_start: NDArray[np.bool_]
    """(N,)."""
    arms: list[Success]
    notes: list[str] = field(default_factory=list)
    """What a reader must know beside the figures."""
    seconds: float = 0.0

    @property
    def episodes(self) -> NDArray[np.int64]:
        """Which episode each case comes from; sampled cases have one each, (N,)."""
        return self.cases.rows.episodes if self.cases.rows else np.arange(self.cases.num_cases)

    def runs(self, arm: str) -> list[Success]:
        """The runs of an arm, one for each of its planner streams."""
        return [run for run in self.arms if run.arm == arm]

    def mean(self, arm: str) -> Interval | None:
        """Success averaged over planner streams, with a bootstrap over episodes."""
        runs = self.runs(arm)
        if not runs:
            return None
        per_case = np.mean([run.solved for run in runs], axis=0)
        return over_episodes(per_case, self.episodes)

    def gain(self) -> Interval | None:
        """Success above random actions on the same pairs and streams."""
        model, floor = self.runs("model"), self.runs("random")
        if not floor:
            return None
        gains = np.mean([run.solved for run in model], axis=0) - np.mean(
            [run.solved for run in floor], axis=0
        )
        return over_episodes(gains, self.episodes, signed=True)

    def unsolved_at_start(self) -> Interval | None:
        """The model's success on the pairs that the start does not solve."""
        left = ~self.solved_at_start
        if left.all() or not left.any():
            return None
        per_case = np.mean([run.solved[left] for run in self.runs("model")], axis=0)
        return over_episodes(per_case, self.episodes[left])

    def by_seed(self, arm: str) -> list[float]:
        """Success on each seed's pairs with the planner stream of that seed, as the source has it.

        Empty where pairs have one seed, or a seed was not among the streams.
        """
        rows = self.cases.rows
        seeds = [int(seed) for seed in np.unique(rows.seeds)] if rows else []
        runs = {run.stream: run for run in self.runs(arm)}
        if rows is None or len(seeds) < 2 or not set(seeds) <= set(runs):
            return []
        return [float(runs[seed].solved[rows.seeds == seed].mean()) for seed in seeds]


def run_protocol(
    protocol: Protocol,
    model: AuditableModel,
    world: Any,
    source: Source,
    *,
    num_streams: int,
    budget_env_steps: int,
    cases: Cases | None = None,
    num_per_seed: int | None = None,
    drop_last_row: bool = False,
    references: bool = True,
    ceiling: bool = True,
    progress: Progress = lambda _: None,
) -> Outcome:
    """Evaluate a model on recorded pairs.

    Official runs as the reference does: actions are scaled by the statistics of the data, and all
    plans of a run draw from one generator, planned for one at a time. The other protocols use the
    checkpoint's statistics and a generator for each case.

    Args:
        protocol: one of `PROTOCOLS`.
        model: plans by its own planner settings.
        world: where to act.
        source: the recorded episodes.
        num_streams: planner streams.
        budget_env_steps: env steps per case.
        cases: frozen pairs; drawn from the data if not given.
        num_per_seed: pairs for each seed; as many as the protocol says if not given.
        drop_last_row: see `draw_pairs`.
        references: whether to run floor and untrained twin too.
        ceiling: whether to run the planner on the true dynamics too.
        progress: told what begins.

    Raises:
        LewmError: data or cases of another world, protocol or data set; a plan longer than the
            budget; too few streams, pairs or episodes.
    """
    streams = protocol.streams(num_streams)
    _require_budget(model, budget_env_steps)
    progress("reading the data")
    rule = rule_of(world, protocol.level)
    if cases is None:
        cases = draw_pairs(
            protocol, world, source, num_per_seed=num_per_seed, drop_last_row=drop_last_row
        )
    else:
        require_data(world, source)
        _require_protocol(cases, protocol, rule)
        require_recorded(world, source, cases)
    recorded = recorded_frames(source, cases)
    stored, refitted = model.action_stats, _refitted(source)
    is_official = protocol is PROTOCOLS["official"]
    acting = _scaled_by(model, refitted) if is_official else model
    facts = {
        "data_sha256": cases.rows.data_sha256 if cases.rows else None,
        "action_stats": {
            "used": "data" if is_official else "checkpoint",
            "checkpoint": _stats_json(stored),
            "data": _stats_json(refitted),
        },
        "recorded_frames_differ_by": _difference(world, cases, recorded),
    }
    notes = protocol.departures(world)
    return run_cases_of(
        acting,
        world,
        cases,
        Conditions(
            budget_env_steps=budget_env_steps,
            streams=streams,
            references=references,
            ceiling=ceiling,
            recorded=recorded,
            one_stream=is_official,
        ),
        rule=rule,
        label=protocol.label,
        facts=facts,
        notes=notes,
        progress=progress,
    )


def run_cases_of(
    model: AuditableModel,
    world: Any,
    cases: Cases,
    conditions: Conditions,
    *,
    rule: SuccessRule,
    label: str,
    facts: dict[str, Any] | None = None,
    notes: Sequence[str] = (),
    progress: Progress = lambda _: None,
) -> Outcome:
    """Evaluate a model on cases that are already chosen; arguments as for `evaluate`."""
    started = time.perf_counter()
    arms = evaluate(model, world, cases, conditions, rule=rule, progress=progress)
    said: dict[str, Any] = {
        "protocol": label,
        "world": world.scope(),
        "success_rule": rule.name,
        "hold_env_steps": rule.hold_env_steps,
        "rule_is_documented": rule.is_documented,
        "budget_env_steps": conditions.budget_env_steps,
        "streams": list(conditions.streams),
        "cases_sha256": cases.digest(),
        "model_sha256": {file.name: file.sha256 for file in model.files},
        "planner": model.plan_config.to_json(),
        "one_stream": conditions.one_stream,
        **(facts or {}),
    }
    at_start = rule.met(cases.starts, cases.goals)
    seconds = time.perf_counter() - started
    return Outcome(said, cases, at_start, arms, list(notes), seconds)


def _require_budget(model: AuditableModel, budget_env_steps: int) -> None:
    config = model.plan_config
    length = config.horizon * config.block_size
    if not 1 <= length <= budget_env_steps:
        raise LewmError(
            f"a plan has {length} env steps, the budget {budget_env_steps}",
            next_step=f"give a budget of at least {length} env steps",
        )


def _require_protocol(cases: Cases, protocol: Protocol, rule: SuccessRule) -> None:
    for what, here in (("protocol", protocol.label), ("success_rule", rule.name)):
        said = cases.origin.get(what)
        if said != here:
            raise LewmError(
                f"the cases were drawn for {what} {said}, asked for is {here}",
                next_step="name the protocol of the cases, or leave --cases out to draw some",
            )


def _refitted(source: Source) -> ActionStats:
    """Statistics of the data with the population's deviation, as the reference fits them.

    Over all actions that are numbers: an episode may have one more of them than env steps.
    """
    found = source.action_stats()
    of_population = math.sqrt(1 - 1 / found.count)
    return ActionStats(found.mean, tuple(std * of_population for std in found.std), found.count)


def _scaled_by(model: AuditableModel, stats: ActionStats) -> AuditableModel:
    """The same model with other action statistics."""
    other = copy(model)
    other.action_stats = stats
    return other


def _stats_json(stats: ActionStats) -> dict[str, list[float]]:
    return {"mean": list(stats.mean), "std": list(stats.std)}


def _difference(world: Any, cases: Cases, recorded: RecordedFrames) -> float:
    """Mean difference between recorded and drawn first frames, in grey levels, of a few cases."""
    few = slice(0, _FRAMES_COMPARED)
    drawn = world.render(cases.starts[few]).astype(np.int16)
    return float(np.abs(drawn - recorded.first[few]).mean())
