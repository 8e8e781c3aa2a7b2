"""What cells rest on, by digest: computed when they are measured, and again by who reads them."""

from typing import Any

from envelope.digest import bytes_sha256
from envelope.errors import DigestMismatch
from envelope.records import Measurements, ModelState
from envelope.strict import canonical


def digest_of_model(state: ModelState, kernels: str) -> str:
    """What a model alone decides: tensors, configuration, adapter, and how it computes here."""
    return _digest([state.tensor_digest, state.config_digest, state.adapter, kernels])


def require_same_basis(measurements: Measurements) -> None:
    """Hold what the cells were measured on to what the measurements name.

    Raises:
        DigestMismatch: another model, planner or world; or a cell of something else.
    """
    from perturbations.whole.cell_ids import foreign_cell

    basis, plan = measurements.basis, measurements.plan
    named = {
        "model": digest_of_model(measurements.model_state, basis.get("kernels", "")),
        "planner": _digest(measurements.planner_scope.model_dump(mode="json")),
        "world": _digest(_world_scope(measurements)),
    }
    for part, digest in named.items():
        if basis.get(part) != digest:
            raise DigestMismatch(
                f"the {part} that the measurements name is not the one that their cells rest on: "
                f"its digest is {digest[:12]}, theirs {basis.get(part, 'missing')[:12]}",
                next_step="run `envelope measure` again; cells of something else are not evidence",
            )
    if cell := foreign_cell(measurements.cells, plan, basis):
        raise DigestMismatch(
            f"the cell {cell} has an id that does not follow from what it is said to rest on",
            next_step="run `envelope measure` again; cells of something else are not evidence",
        )


def _world_scope(measurements: Measurements) -> dict[str, Any]:
    """What a world says of itself, as the bench took its digest."""
    scope: dict[str, Any] = {
        "world": measurements.world,
        "size_px": measurements.observation.size_px,
        "factors": measurements.factors,
    }
    data = measurements.plan.recorded
    if data is None:
        return scope
    return {**scope, "recorded_episodes": data.digest, "state_column": data.state_column}


def _digest(content: Any) -> str:
    return bytes_sha256(canonical(content))
