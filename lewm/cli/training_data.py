"""What `lewm train` and `lewm sweep` make of `--data` and `--preset`."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lewm.errors import LewmError

if TYPE_CHECKING:
    from lewm.config import ModelConfig
    from lewm.data.windows import Source
    from lewm.planning.plan_config import PlanConfig


def open_training_data(
    stack: ExitStack, data: Path, world: str | None
) -> "tuple[Source, dict[str, Any]]":
    """Episodes, open until `stack` closes, and the scope of the world they come from.

    Args:
        world: its name, for data that do not say where they were collected.

    Raises:
        LewmError: they cannot be read, neither they nor `world` say where they come from, or their
            frames or actions are not as large as those of that world.
    """
    from lewm.data.sources import open_source, require_fit

    source = stack.enter_context(open_source(data))
    scope = _collected_in(source, data, world)
    require_fit(source, data, size_px=scope["size_px"], action_width=_width_in(scope))
    return source, scope


def preset_for(
    preset: str, source: "Source", scope: dict[str, Any], data: Path
) -> "tuple[ModelConfig, PlanConfig]":
    """The preset's model for these episodes, and its planner.

    Raises:
        LewmError: it sees frames of another size.
    """
    from lewm import config as presets
    from lewm.planning.plan_config import paper_planner, small_planner

    config: ModelConfig = getattr(presets, preset.replace("-", "_"))(
        action_width=source.action_width
    )
    if scope["size_px"] != config.image_size:
        raise LewmError(
            f"{data} has frames of {scope['size_px']} px, the preset {preset} sees "
            f"{config.image_size} px",
            next_step=f"collect with --size-px {config.image_size}, or choose another --preset",
        )
    return config, paper_planner() if preset.endswith("paper") else small_planner()


def _width_in(scope: dict[str, Any]) -> int | None:
    """Width of the actions of a world, where its simulator is installed."""
    from lewm.worlds import make_world

    try:
        return int(make_world(scope).action_width)
    except (LewmError, ModuleNotFoundError):
        return None


def _collected_in(source: "Source", data: Path, world: str | None) -> dict[str, Any]:
    """The world's scope, out of what a data set says of its collection."""
    scope = ("world", "size_px", "factors")
    if world is None and set(scope) <= set(source.provenance):
        return {key: source.provenance[key] for key in scope}
    if world is None:
        raise LewmError(
            f"{data} does not say which world it was collected in",
            next_step="name it with --world, or collect the data with `lewm collect`",
        )
    said = source.provenance.get("world", world)
    if said != world:
        raise LewmError(
            f"{data} was collected in {said}, --world says {world}",
            next_step="leave --world away",
        )
    from lewm.worlds import find_factory

    find_factory(world)
    factors = source.provenance.get("factors", {})
    return {"world": world, "size_px": source.frame_size_px[0], "factors": factors}
