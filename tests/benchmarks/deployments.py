"""Random deployments of a measured model: how each is drawn, and the deploy file that declares it.

A deployment shows one mix of nuisances at exactly the amounts that it declares, each class in one
direction, on the current frame; its planner may search, replan and aim otherwise than measured.
"""

import copy
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from envelope.cli.files import Folder
from envelope.deploy import amount_keys
from envelope.records import Envelope, NuisanceScope
from perturbations.nuisances.classes import find
from perturbations.nuisances.mixture import Change, Mix

RELIES_ON = ("planning.success",)
STRATA = {
    "inside, one class": 0.50,
    "inside, several classes": 0.10,
    "beyond, one class": 0.16,
    "beyond, several classes": 0.08,
    "planner": 0.10,
    "planner and one class": 0.06,
}
"""How the deployments are drawn, and in which shares. Half have one class within its admitted
range; several classes within theirs are inside only as far as the box that held."""
PLANNER = {
    "horizon": (3, 4, 6, 8),
    "num_samples": (16, 32, 128, 256),
    "iterations": (2, 3, 10, 15),
    "execute_blocks": (1, 2, 3, 4),
    "goal_offset_env_steps": (15, 20, 35, 50),
    "budget_env_steps": (40, 75, 100),
}
_CONVENTIONS = ("goal_offset_env_steps", "budget_env_steps")


@dataclass(frozen=True)
class Deployment:
    """One way to use the model."""

    number: int
    stratum: str
    mix: Mix = ()
    planner: dict[str, int] = field(default_factory=dict)
    """Fields of the planner scope that differ from the record's, by name."""

    def words(self) -> str:
        parts = [f"{c.nuisance} {c.direction} {c.amount:.3g}" for c in self.mix]
        parts += [f"{name} {value}" for name, value in self.planner.items()]
        return "; ".join(parts) or "as measured"


def draw(envelope: Envelope, world: Any, num: int, *, seed: int) -> list[Deployment]:
    """As many deployments, in the shares of `STRATA`; where the record admits no class off nominal,
    those that would need one are used as measured."""
    rng = np.random.default_rng(seed)
    names = [name for name, share in STRATA.items() for _ in range(round(share * num))]
    names += ["inside, one class"] * (num - len(names))
    return [
        Deployment(number, stratum, *_drawn(envelope, world, stratum, rng))
        for number, stratum in enumerate(names[:num])
    ]


def _drawn(
    envelope: Envelope, world: Any, stratum: str, rng: np.random.Generator
) -> tuple[Mix, dict[str, int]]:
    scopes = envelope.input_scope.nuisance
    if stratum.startswith("inside"):
        admitted = admitted_classes(envelope)
        if not admitted:
            return (), {}
        num = (
            1 if stratum.endswith("one class") else int(rng.integers(2, max(3, len(admitted) + 1)))
        )
        chosen = rng.choice(admitted, size=min(num, len(admitted)), replace=False)
        return tuple(change_inside(scopes[n], world, n, rng) for n in sorted(chosen)), {}
    planner = _planner(envelope, rng) if stratum.startswith("planner") else {}
    num = {"planner": 0, "beyond, several classes": int(rng.integers(2, 4))}.get(stratum, 1)
    chosen = rng.choice(sorted(scopes), size=min(num, len(scopes)), replace=False)
    return tuple(_anywhere(world, n, rng) for n in sorted(chosen)), planner


def admitted_classes(envelope: Envelope) -> list[str]:
    """Classes that may be off nominal."""
    scopes = envelope.input_scope.nuisance.items()
    return sorted(name for name, s in scopes if s.admitted.low < s.admitted.high)


def change_inside(
    scope: NuisanceScope, world: Any, name: str, rng: np.random.Generator, share: float = -1.0
) -> Change:
    """A class in a random direction, evenly between nominal and the end of what is admitted."""
    kind = find(name)
    ends = []
    for direction in kind.directions(world):
        full = kind.amount(world, direction, 1.0)
        end = min(max(full, scope.admitted.low), scope.admitted.high)
        if end != scope.nominal:
            ends.append(Change(name, direction, end, scope.nominal))
    change = ends[int(rng.integers(len(ends)))].scaled(rng.random() if share < 0 else share)
    return rounded(change)


def rounded(change: Change) -> Change:
    """With as many digits as a person would write, towards nominal."""
    steps = (change.amount - change.nominal) * 1000
    return replace(change, amount=change.nominal + float(np.trunc(steps)) / 1000)


def _anywhere(world: Any, name: str, rng: np.random.Generator) -> Change:
    """A class in a random direction, of any strength; weak ones as often as strong ones."""
    kind = find(name)
    directions = kind.directions(world)
    direction = directions[int(rng.integers(len(directions)))]
    strength = float(np.exp(rng.uniform(np.log(0.02), 0)))
    return rounded(Change(name, direction, kind.amount(world, direction, strength), kind.nominal))


def _planner(envelope: Envelope, rng: np.random.Generator) -> dict[str, int]:
    scope = envelope.planner_scope
    name = str(rng.choice(sorted(PLANNER)))
    recorded = getattr(scope.conventions if name in _CONVENTIONS else scope, name)
    most = scope.horizon if name == "execute_blocks" else max(PLANNER[name])
    least = scope.elites if name == "num_samples" else min(PLANNER[name])
    if name == "horizon":
        least = scope.execute_blocks
    choices = [v for v in PLANNER[name] if v != recorded and least <= v <= most]
    return {name: int(rng.choice(choices))} if choices else {"iterations": scope.iterations + 1}


def write_deploy(envelope: Envelope, files: Folder, deployment: Deployment, path: Path) -> None:
    """The deploy file of a deployment, made from the template that `measure` left.

    A class that the mix has not is declared at its nominal value; one that was not measured stays
    as the template has it.
    """
    said = copy.deepcopy(yaml.safe_load(files.deploy.read_text(encoding="utf-8")))
    said["relies_on"] = list(RELIES_ON)
    said["monitors"] = []
    amounts = {change.nuisance: change.amount for change in deployment.mix}
    said["input_scope"]["nuisance"] |= {
        name: _declared(scope, amounts.get(name, scope.nominal))
        for name, scope in envelope.input_scope.nuisance.items()
    }
    for name, value in deployment.planner.items():
        holder = said["planner_scope"]
        (holder["conventions"] if name in _CONVENTIONS else holder)[name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# {deployment.words()}\n{json.dumps(said, indent=1)}\n", encoding="utf-8")


def _declared(scope: NuisanceScope, amount: float) -> dict[str, float]:
    keys = amount_keys(scope.unit)
    ends = (min(amount, scope.nominal), max(amount, scope.nominal))
    return dict(zip(keys, ends if len(keys) == 2 else ends[1:], strict=True))
