"""The deploy file: how a model is about to be used, in the five fields of the record.

Every field may be absent here, because an absent one has a meaning: it is *undeclared*, and counts
as outside. A field that is there has to be right: unknown names, wrong types and ranges that
contradict themselves are refused before anything is compared.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from envelope.errors import BadFile
from envelope.records import FactorValue, NuisanceScope, Range, Record
from envelope.strict import Marks, load_yaml, parse_record

_NEXT = "correct the file there and run the command again"
TWO_SIDED = "gain"
"""The one unit that is declared as `{min, max}`; all others only grow, and have a `max_`."""


class DeployedModel(Record):
    """Which model is used."""

    checkpoint: str | None = None
    """Path of the checkpoint, relative to the deploy file or to its parent folder."""
    adapter: str | None = None
    tuning: list[str] | None = None
    """Tuning steps after training, oldest first."""


class DeployedObservation(Record):
    """How the world reaches the encoder."""

    size_px: int | None = None
    env_steps_per_frame: int | None = None


class DeployedInput(Record):
    """What the camera may show."""

    world: str | None = None
    observation: DeployedObservation | None = None
    factors: dict[str, FactorValue] | None = None
    """Factors of variation off the world's defaults; needed only where the record has any."""
    recorded_episodes: str | None = None
    """Digest of the data set, where recorded episodes are all that was measured on."""
    driven_by: Literal["recording", "planner"] | None = None
    """Who chooses the actions, where recorded episodes are all that was measured on."""
    nuisance: dict[str, dict[str, float]] | None = None
    """Amounts by class: `{max_delta_e: 8}`, or `{min: 0.9, max: 1.1}` for a gain. A class that was
    not measured has no unit, and is declared at nominal as `{}`."""


class DeployedConventions(Record):
    """Evaluator conventions, as in the record."""

    action_scale: str | None = None
    batchnorm: str | None = None
    success_rule: str | None = None
    goal_offset_env_steps: int | None = None
    budget_env_steps: int | None = None
    solver_batch: str | None = None
    dtype: str | None = None
    device: str | None = None


class DeployedPlanner(Record):
    """How hard the planner searches and how far it looks."""

    algorithm: str | None = None
    num_samples: int | None = None
    iterations: int | None = None
    elites: int | None = None
    horizon: int | None = None
    """Model steps."""
    block_size: int | None = None
    """Env steps per model step."""
    execute_blocks: int | None = None
    history: int | None = None
    cost: str | None = None
    options: dict[str, float] | None = None
    """What else search and cost read, off its default; needed only where the record has any."""
    conventions: DeployedConventions | None = None


class DeployedMonitor(Record):
    """A monitor that runs in the deployment."""

    name: str
    threshold: float | None = None
    false_alarms_per_episode: float | None = None


class DeployedTriggers(Record):
    """What happens when a trigger fires."""

    on_lapse: Literal["stop", "restrict", "tighten_monitor"] | None = None


class DeployFile(Record):
    """The five fields under their names in the record, what is relied on, and which record."""

    envelope: str | None = None
    """Path of the attestation, relative to the deploy file or to its parent folder."""
    relies_on: list[str] | None = Field(default=None, max_length=1000)
    """Ids of the claims that the deployment needs."""
    model_state: DeployedModel | None = None
    input_scope: DeployedInput | None = None
    planner_scope: DeployedPlanner | None = None
    monitors: list[DeployedMonitor] | None = None
    revalidation_triggers: DeployedTriggers | None = None


@dataclass(frozen=True)
class Deployment:
    """A deploy file that was read, with the place of each of its keys."""

    file: DeployFile
    name: str
    marks: Marks

    def line(self, path: str) -> int | None:
        """Line of a field, or of the nearest thing around it that is there."""
        parts = path.split(".")
        for length in range(len(parts), 0, -1):
            if mark := self.marks.get(".".join(parts[:length])):
                return mark[0]
        return None

    def refused(self, path: str, problem: str) -> BadFile:
        """The error about a field of this file."""
        mark = self.marks.get(path)
        place = f"{self.name}:{mark[0]}:{mark[1]}" if mark else self.name
        return BadFile(f"{place}: {path}: {problem}", next_step=_NEXT)


def parse_deploy(data: bytes, name: str) -> Deployment:
    """A deployment from the bytes of a YAML file; `name` is what messages call it.

    Raises:
        BadFile: not YAML, unknown or mistyped fields, ranges that are empty or reversed, or one
            monitor declared twice.
    """
    loaded, marks = load_yaml(data, name)
    deployment = Deployment(parse_record(DeployFile, loaded, name, marks), name, marks)
    declared = deployment.file.input_scope
    for nuisance, amounts in ((declared and declared.nuisance) or {}).items():
        _refuse_bad_amounts(deployment, nuisance, amounts)
    seen: set[str] = set()
    for place, monitor in enumerate(deployment.file.monitors or []):
        if monitor.name in seen:
            raise deployment.refused(f"monitors.{place}", f"{monitor.name} is declared twice")
        seen.add(monitor.name)
    return deployment


def declared_range(deployment: Deployment, nuisance: str, scope: NuisanceScope) -> Range | None:
    """The declared range of a class in the unit of the record; None where it is not declared.

    Raises:
        BadFile: it is declared in another unit.
    """
    declared = deployment.file.input_scope
    amounts = ((declared and declared.nuisance) or {}).get(nuisance)
    if amounts is None:
        return None
    wanted = amount_keys(scope.unit)
    if set(amounts) != set(wanted):
        raise deployment.refused(
            f"input_scope.nuisance.{nuisance}",
            f"declared as {_keys(amounts)}; the record has it in {scope.unit}, so {_keys(wanted)}",
        )
    if wanted == ("min", "max"):
        return Range(low=amounts["min"], high=amounts["max"])
    most = amounts[wanted[0]]
    if most < scope.nominal:
        raise deployment.refused(
            f"input_scope.nuisance.{nuisance}", f"must be at least {scope.nominal:g}, got {most:g}"
        )
    return Range(low=scope.nominal, high=most)


def amount_keys(unit: str) -> tuple[str, ...]:
    """The keys under which an amount in this unit is declared."""
    return ("min", "max") if unit == TWO_SIDED else (f"max_{unit}",)


def are_nominal(amounts: dict[str, float]) -> bool:
    """Whether a class that the record has no unit for is declared at its nominal value."""
    return all(amount == (0 if key.startswith("max_") else 1) for key, amount in amounts.items())


def _refuse_bad_amounts(deployment: Deployment, nuisance: str, amounts: dict[str, float]) -> None:
    path = f"input_scope.nuisance.{nuisance}"
    if not amounts:
        return
    if set(amounts) == {"min", "max"}:
        if amounts["min"] > amounts["max"]:
            raise deployment.refused(
                path, f"min must not exceed max, got {amounts['min']:g} and {amounts['max']:g}"
            )
        return
    names = list(amounts)
    if len(names) != 1 or not names[0].startswith("max_"):
        wanted = "max_<unit>, such as {max_delta_e: 8}, or {min: 0.9, max: 1.1} for a gain"
        raise deployment.refused(path, f"expected {wanted}, found {_keys(names)}")
    if amounts[names[0]] < 0:
        raise deployment.refused(path, f"{names[0]} must be at least 0, got {amounts[names[0]]:g}")


def _keys(names: object) -> str:
    listed = ", ".join(names) if isinstance(names, list | tuple | dict) else str(names)
    return f"{{{listed}}}" if listed else "an empty mapping"
