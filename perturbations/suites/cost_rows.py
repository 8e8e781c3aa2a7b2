"""Rows of the cost suite, and how long a frame and a plan take.

Shapes in this module:
    D  latent width     S  candidates     T  model steps     K  env steps per block
    A  action width
"""

import copy
import time
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from perturbations import latents
from perturbations.asked import NUM_COUNTED, TOKENS
from perturbations.seeding import derive_seed
from perturbations.suites.operations import Counted, count

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.protocols import Frames, WorldModel

Rows = dict[str, list[Any]]
_TIMED_PLANS = 5
_ENOUGH_SECONDS = 1.0
_LARGEST_INTEGER = 2**53
"""Beyond it an integer has no canonical form in JSON."""


def frame(bench: "Bench") -> Rows:
    """Per frame: `tokens` and `numbers` given to the predictor, `operations` of encoding it."""
    frames, model = _seen(bench), bench.model
    width, tokens = model.latent_width, getattr(model, "tokens_per_frame", None)
    if tokens is not None and (tokens < 1 or width % tokens):
        raise ValueError(f"a latent of {width} numbers is not {tokens} tokens")
    found: Rows = {"frame": [], "tokens": [], "numbers": [], "operations": [], "why": []}
    for index in range(len(frames)):
        taken = count(partial(latents.encode_frames, model, frames[index : index + 1]))
        operations, why = _said(taken, "encoder")
        _add(found, (index, tokens, width, operations, why))
    return found


def plan(bench: "Bench") -> Rows:
    """Per episode, from its first frame to its last: `candidates` and `model_steps` imagined, and
    the `operations` of all, of one candidate, and the share of encoding."""
    frames, goals = _seen(bench), _frames(bench, at=-1)
    found: Rows = {
        "episode": [],
        "candidates": [],
        "model_steps": [],
        "operations": [],
        "candidate_operations": [],
        "encoder_share": [],
        "why": [],
    }
    for episode in range(len(frames)):
        at = slice(episode, episode + 1)
        planned = _Planned(_plain(bench.model))
        seed = derive_seed(bench.seed, "cost", episode)
        taken = count(partial(planned.plan, bench, frames[at], goals[at], seed))
        alone = _candidate(_plain(bench.model), bench, frames[at])[1]
        why = _said(taken, "plan")[1]
        imagined = taken.operations - planned.encoding
        for part, operations in (("predictor", imagined), ("encoder", planned.encoding)):
            why = why or _said(Counted(operations, ()), part)[1]
        row = (
            episode,
            planned.candidates,
            planned.model_steps,
            None if why else _plain_number(taken.operations),
            None if why else _plain_number(alone.operations),
            None if why else planned.encoding / taken.operations,
            why,
        )
        _add(found, row)
    return found


def tokens(bench: "Bench") -> Rows:
    """Per number of tokens: operations of a `frame` and of one `candidate`, same architecture; None
    where the adapter cannot lay it out."""
    lay_out: Callable[[int], WorldModel | None]
    lay_out = getattr(bench.model, "carrying_tokens", lambda number: None)
    found: Rows = {"tokens": [], "frame": [], "candidate": []}
    seen = _seen(bench)[:1]
    for number in TOKENS:
        other = lay_out(number)
        taken = None if other is None else _candidate(other, bench, seen)
        counts = [_plain_number(one.operations) for one in taken] if taken else (None, None)
        _add(found, (number, *counts))
    return found


ROWS: Mapping[str, Callable[["Bench"], Rows]] = {"frame": frame, "plan": plan, "tokens": tokens}


def seconds(bench: "Bench") -> dict[str, float]:
    """Wall seconds of encoding one `frame` and of one `plan`, as deployed: medians.

    Nothing where the model or the planner raises; the cells then say why.
    """
    frames, goals = _frames(bench)[:1], _frames(bench, at=-1)[:1]
    seed = derive_seed(bench.seed, "cost", 0)
    try:
        return {
            "frame": _timed(lambda: latents.encode_frames(bench.model, frames).cpu()),
            "plan": _timed(lambda: bench.planner.plan(bench.model, frames, goals, [seed])),
        }
    except Exception:
        return {}


class _Planned:
    """One plan, with what it imagined and what of it was encoding."""

    def __init__(self, model: "WorldModel") -> None:
        self._encode = model.encode
        self.model = copy.copy(model)
        object.__setattr__(self.model, "encode", self._counted)
        self.encoding = self.candidates = self.model_steps = 0

    def plan(self, bench: "Bench", frames: "Frames", goals: "Frames", seed: int) -> None:
        bench.planner.plan(self.model, frames, goals, [seed], observe=self._note)

    def _counted(self, frames: "Frames") -> torch.Tensor:
        found: list[torch.Tensor] = []
        self.encoding += count(lambda: found.append(self._encode(frames))).operations
        return found[0]

    def _note(self, iteration: int, candidates: torch.Tensor, costs: torch.Tensor) -> None:
        self.candidates += candidates.shape[1]
        self.model_steps += candidates.shape[1] * candidates.shape[2]


def _candidate(model: "WorldModel", bench: "Bench", frames: "Frames") -> tuple[Counted, Counted]:
    """What it takes to see one frame, and to imagine one candidate up to the planner's horizon."""
    seen: list[torch.Tensor] = []
    encoding = count(lambda: seen.append(latents.encode_frames(model, frames)))
    z = seen[0]
    shape = (1, bench.planner.config.horizon, model.block_size, model.action_width)
    blocks = torch.zeros(shape).to(z)
    with torch.no_grad():
        return encoding, count(lambda: getattr(model, "terminal", model.rollout)(z, blocks))


def _plain(model: "WorldModel") -> "WorldModel":
    """The model along its plain path, where it has one."""
    plain: Callable[[], WorldModel] | None = getattr(model, "plain", None)
    return model if plain is None else plain()


def _frames(bench: "Bench", *, at: int = 0) -> "Frames":
    """One frame of each episode that is counted, at the same place in all."""
    return bench.world.render(bench.scoring.states[:NUM_COUNTED, at])


def _seen(bench: "Bench") -> "Frames":
    """The first frames, which the model sees: a cost without numbers is that of nothing."""
    frames = _frames(bench)
    if not torch.isfinite(latents.encode_frames(bench.model, frames)).all():
        raise ValueError("a latent is not a finite number")
    return frames


def _said(taken: Counted, part: str) -> tuple[int | float | None, str]:
    """A count, or None and why there is none."""
    if taken.not_counted:
        return None, f"the {part} runs kernels that are not counted: {', '.join(taken.not_counted)}"
    if not taken.operations:
        return None, f"the {part} does nothing in torch that is counted"
    return _plain_number(taken.operations), ""


def _plain_number(operations: int) -> int | float:
    return operations if operations < _LARGEST_INTEGER else float(operations)


def _add(found: Rows, row: tuple[Any, ...]) -> None:
    for column, value in zip(found.values(), row, strict=True):
        column.append(value)


def _timed(compute: Callable[[], object]) -> float:
    """Median seconds, after one that does not count."""
    compute()
    spent: list[float] = []
    while len(spent) < _TIMED_PLANS and sum(spent) < _ENOUGH_SECONDS:
        started = time.perf_counter()
        compute()
        spent.append(time.perf_counter() - started)
    return median(spent)
