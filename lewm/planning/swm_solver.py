"""A solver for stable-worldmodel's `WorldModelPolicy`: our planner behind its interface.

Shapes in this module:
    N  environments     S  candidates      H  frames that the policy gives
    T  model steps      K  env steps per action block      A  action width      D  latent width

Both generations of the interface are served: 0.1.1 (`model=`; with several frames its candidates
begin with the blocks between them) and the main branch of August 2026 (`cost=`; the blocks between
frames come as `action_history`, candidates lie in the future). The package is not imported.

Source: the solver protocol of stable-worldmodel (facts/lewm.md 8.4 and 8.6). Given the same seed
this finds the plans of its solvers at their batch size of 1, where 28 of 100 outcomes change with
that size; here environments are imagined together and the size changes nothing.
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from lewm.adapter import AuditableModel
from lewm.data.windows import ActionStats
from lewm.errors import LewmError
from lewm.planning.costs import latent_cost
from lewm.planning.imagination import Imagination, PlainImagination
from lewm.planning.plan_config import PlanConfig
from lewm.planning.planner import search
from lewm.planning.search import Bounds, Problem
from lewm.planning.swm_model import module_of


class PolicyConfig(Protocol):
    """What of the policy's configuration the solver reads."""

    @property
    def horizon(self) -> int: ...
    @property
    def receding_horizon(self) -> int: ...
    @property
    def action_block(self) -> int: ...


class Solver:
    """Drop-in for `CEMSolver` and its siblings, with their arguments and a few more."""

    def __init__(
        self,
        model: Any = None,
        *,
        cost: Any = None,
        algorithm: str = "cem",
        num_samples: int = 300,
        n_steps: int = 30,
        topk: int = 30,
        var_scale: float = 1.0,
        plan_cost: str = "terminal_latent_sse/1",
        options: dict[str, float] | None = None,
        batch_size: int = 16,
        device: str | torch.device = "cpu",
        seed: int = 1234,
    ) -> None:
        """Choose a model and a search.

        Args:
            model: as the solvers of 0.1.1 call it; see `lewm.planning.swm_model.module_of`.
            cost: the same, as those of the main branch call it.
            algorithm: one of `lewm.planning.plan_options.ALGORITHMS`.
            num_samples: candidates per iteration.
            n_steps: iterations.
            topk: elites.
            var_scale: standard deviation of the first candidates.
            plan_cost: one of `lewm.planning.plan_options.COSTS`.
            options: of the algorithm and the cost; bounds come from the action space.
            batch_size: environments imagined together, for memory alone.
            device: where to plan.
            seed: of one stream that all environments draw from in turn.

        Raises:
            LewmError: no model, or two; a planner that cannot search.
        """
        if (model is None) == (cost is None):
            raise LewmError(
                "a solver needs one model, as model= or as cost=",
                next_step="give exactly one of them",
            )
        self._given = model if cost is None else cost
        self._settings: dict[str, Any] = {
            "algorithm": algorithm,
            "num_samples": num_samples,
            "iterations": n_steps,
            "elites": topk,
            "initial_std": var_scale,
            "cost": plan_cost,
            "options": dict(options or {}),
        }
        if {"action_low", "action_high"} & set(self._settings["options"]):
            raise LewmError(
                "the bounds of candidates are those of the action space here",
                next_step="leave action_low and action_high out",
            )
        self._batch_size = batch_size
        self._device = torch.device(device)
        self._stream = torch.Generator(device=self._device).manual_seed(seed)

    def configure(self, *, action_space: Any, n_envs: int, config: PolicyConfig) -> None:
        """Prepare for a policy; `config` is its `PlanConfig`.

        Raises:
            LewmError: the model takes other actions; nothing can plan like that.
        """
        width = 1
        for size in action_space.shape[1:]:
            width *= int(size)
        self._n_envs = n_envs
        module = module_of(self._given, block_size=config.action_block).to(self._device)
        takes = module.config
        if (takes.block_size, takes.action_width) != (config.action_block, width):
            raise LewmError(
                f"the model takes blocks of {takes.block_size} env steps and "
                f"{takes.action_width} action dimensions, the policy has blocks of "
                f"{config.action_block} and {width}",
                next_step="set action_block to the model's, in the world it was trained in",
            )
        try:
            self.config = PlanConfig(
                horizon=config.horizon,
                block_size=config.action_block,
                execute_blocks=config.receding_horizon,
                **self._settings,
            )
        except ValueError as error:
            raise LewmError(
                f"nothing can plan like this: {error}",
                next_step="correct the solver's arguments",
            ) from None
        neutral = ActionStats(mean=(0.0,) * width, std=(1.0,) * width)
        self._model = AuditableModel(module, neutral, name="model", plan_config=self.config)
        self._bounds = self._bounds_of(action_space) if self.config.algorithm == "icem" else None

    @property
    def n_envs(self) -> int:
        """Parallel environments."""
        return self._n_envs

    @property
    def action_dim(self) -> int:
        """Numbers of one action block, K * A."""
        return self._model.block_size * self._model.action_width

    @property
    def horizon(self) -> int:
        """Action blocks of a plan."""
        return self.config.horizon

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The same as `solve`."""
        return self.solve(*args, **kwargs)

    def solve(self, info_dict: dict[str, Any], init_action: Tensor | None = None) -> dict[str, Any]:
        """Plan for some environments.

        Args:
            info_dict: `pixels` (N, H, 3, size, size) and `goal` (N, any, 3, size, size), prepared
                by the policy's transform; `action_history` (N, H - 1, K * A) from newer policies.
            init_action: the rest of the last plans, (N, t, K * A), t at most the horizon.

        Returns:
            `actions` (N, T, K * A), as the policy's action scaler has them; `costs`, one per
            environment; `mean` and `var`, one tensor each; `callbacks`, empty.

        Raises:
            LewmError: no pixels or no goal; no finite cost.
        """
        for name in ("pixels", "goal"):
            if not isinstance(info_dict.get(name), Tensor):
                raise LewmError(
                    f"the policy gives no tensor {name!r}, only {', '.join(sorted(info_dict))}",
                    next_step="plan in a world with a goal, with a policy that has a transform",
                )
        pixels, goal = info_dict["pixels"], info_dict["goal"]
        if not pixels.is_floating_point() or not goal.is_floating_point():
            raise LewmError(
                f"pixels are {pixels.dtype} and the goal is {goal.dtype}, expected normalized "
                "floating-point frames",
                next_step="give the policy the transform that the model was trained with",
            )
        num = len(pixels)
        past = info_dict.get("action_history")
        start = torch.zeros(num, self.horizon, self.action_dim, device=self._device)
        if init_action is not None:
            if init_action.shape[1] > self.horizon:
                raise LewmError(
                    f"a plan of {self.horizon} blocks cannot start from {init_action.shape[1]}",
                    next_step="give at most as many blocks as the horizon",
                )
            start[:, : init_action.shape[1]] = init_action
        streams = [self._next_stream() for _ in range(num)]
        found = []
        for first in range(0, num, self._batch_size):
            some = slice(first, first + self._batch_size)
            imagine = self._imagine(pixels[some], None if past is None else past[some])
            problem = Problem(
                latent_cost(self.config, imagine, self._encode(goal[some, -1:])[:, 0]),
                self._in_blocks(start[some]),
                streams[some],
                bounds=self._bounds,
            )
            found.append(search(self.config, problem))
        plan, spread = (
            torch.cat(parts).flatten(start_dim=2).cpu()
            for parts in ([f.plan for f in found], [f.spread for f in found])
        )
        costs = torch.cat([f.elite_cost for f in found]).tolist()
        return {"actions": plan, "costs": costs, "mean": [plan], "var": [spread], "callbacks": {}}

    def _imagine(self, pixels: Tensor, past: Tensor | None) -> Imagination:
        z = self._encode(pixels[:, -self._model.history :])  # (N, H, D)
        num_older, num_frames = pixels.shape[1] - z.shape[1], z.shape[1]
        differentiable = self.config.algorithm == "gradient"
        if num_frames > 1 and past is None:
            return _CandidatesWithPast(self._model, z, num_older)
        blocks = None
        if past is not None and num_frames > 1:
            blocks = self._in_blocks(past[:, num_older:].to(z))
        return self._model.imagine(z, blocks, differentiable=differentiable)

    @torch.no_grad()
    def _encode(self, pixels: Tensor) -> Tensor:
        return self._model.module.encode(pixels.to(self._device, torch.float32))

    def _in_blocks(self, actions: Tensor) -> Tensor:
        """(N, t, K * A) to (N, t, K, A)."""
        return actions.unflatten(-1, (self._model.block_size, self._model.action_width))  # type: ignore[no-any-return, no-untyped-call]

    def _next_stream(self) -> torch.Generator:
        """A stream that begins where the solver's stands; the solver's goes on behind its draws."""
        stream = torch.Generator(device=self._device)
        stream.set_state(self._stream.get_state())
        config, is_gradient = self.config, self.config.algorithm == "gradient"
        for _ in range(1 if is_gradient else config.iterations):
            torch.randn(
                config.num_samples - is_gradient,
                self.horizon,
                self.action_dim,
                generator=self._stream,
                device=self._device,
            )
        return stream

    def _bounds_of(self, action_space: Any) -> Bounds | None:
        """The action space's own numbers, in the scaler's space: as the reference compares them."""
        if not hasattr(action_space, "low"):
            return None
        low, high = (
            torch.as_tensor(limit[0], dtype=torch.float32, device=self._device).flatten()
            for limit in (action_space.low, action_space.high)
        )
        return low, high


class _CandidatesWithPast:
    """Candidates as release 0.1.1 has them: they begin with the blocks between the frames."""

    def __init__(self, model: AuditableModel, z: Tensor, num_older: int) -> None:
        none = z.new_zeros(len(z), 0, model.block_size, model.action_width)
        self._plain = PlainImagination(model.module, z, none)
        self._num_older = num_older

    def __call__(self, candidates: Tensor, *, every_step: bool) -> Tensor:
        return self._plain(candidates[:, :, self._num_older :], every_step=every_step)

    def self_consistency(self, candidates: Tensor) -> Tensor:
        return self._plain.self_consistency(candidates[:, :, self._num_older :])
