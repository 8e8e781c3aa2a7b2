"""Changing evidence and deployments in tests, and checking the made-up record against them."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from envelope.check import check_deployment
from envelope.claims import make_claims
from envelope.deploy import Deployment, parse_deploy
from envelope.deploy_template import deploy_template
from envelope.records import (
    Cell,
    Claim,
    Criteria,
    Envelope,
    Measurement,
    Measurements,
    Scalar,
)
from envelope.same_model import ModelIdentity
from envelope.strict import load_yaml
from envelope.trust import Policy
from envelope.verdict import Verdict
from tests.envelope.builders import example_envelope, measurements

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def replaced(
    path: str,
    change: Callable[[Measurement], Measurement | None],
    base: Measurements | None = None,
    **condition: Scalar,
) -> Measurements:
    """The measurements with some summaries changed, or dropped where the change gives None."""
    base = base or measurements()
    suite, quantity = path.split("/")
    touched = 0
    kept: list[Measurement] = []
    for one in base.summaries:
        if (one.suite, one.quantity) == (suite, quantity) and all(
            one.condition.get(key) == value for key, value in condition.items()
        ):
            touched += 1
            changed = change(one)
            kept += [changed] if changed else []
        else:
            kept.append(one)
    assert touched, f"no summary {path} under {condition}"
    return base.model_copy(update={"summaries": kept})


def with_interval(low: float, value: float, high: float) -> Callable[[Measurement], Measurement]:
    """A change that puts another estimate into a summary."""

    def change(one: Measurement) -> Measurement:
        assert one.estimate is not None
        estimate = one.estimate.model_copy(update={"low": low, "value": value, "high": high})
        return one.model_copy(update={"estimate": estimate})

    return change


def with_cells(
    change: Callable[[Cell], Cell | None], base: Measurements | None = None
) -> Measurements:
    """The measurements with every cell changed, or dropped where the change gives None."""
    base = base or measurements()
    cells = [changed for cell in base.cells if (changed := change(cell)) is not None]
    return base.model_copy(update={"cells": cells})


def claim_of(found: Measurements, name: str, criteria: Criteria | None = None) -> Claim:
    """One claim about these measurements."""
    judged = make_claims(found, criteria or found.plan.criteria)
    return next(claim for claim in judged.claims if claim.id == name)


# --- deployments --------------------------------------------------------------------------------


def template_data(envelope: Envelope | None = None) -> dict[str, Any]:
    """The deployment template of a record, as plain data."""
    text = deploy_template(
        envelope or example_envelope(), "two_room.envelope/attestation.json", "two_room.pt"
    )
    return load_yaml(text.encode(), "deploy.yaml")[0]


def deployment(data: dict[str, Any]) -> Deployment:
    """Plain data as a deployment."""
    return parse_deploy(json.dumps(data, indent=1).encode(), "deploy.yaml")


def identity(envelope: Envelope) -> ModelIdentity:
    """The model that a record is about."""
    files = {file.path: file.sha256 for file in envelope.model_state.files}
    return ModelIdentity("two_room.pt", files)


def checked(
    data: dict[str, Any] | None = None, *, envelope: Envelope | None = None, **given: Any
) -> Verdict:
    """The verdict on a deployment; by default on the template of the made-up record."""
    record = envelope or example_envelope()
    chosen: dict[str, Any] = {"now": NOW, "model": identity(record), "policy": Policy(), **given}
    return check_deployment(record, deployment(data or template_data(record)), **chosen)


Path = tuple[str | int, ...]


def nodes(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every key and list item of plain data, with what stands there."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*path, key), value
        if isinstance(value, dict | list):
            yield from nodes(value, (*path, key))


def changed(data: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """A copy with one place changed, or removed where the change gives `...`."""
    copy = json.loads(json.dumps(data))
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    value = change(parent[path[-1]])
    if value is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return copy


def removed(_: Any) -> Any:
    """The change that removes."""
    return ...
