"""Worlds by name. A world is made from its scope: name, frame size, factors off their default.

`two-room` is ours and needs nothing else. `swm/...` are stable-worldmodel's, `gym:<id>` is any
gymnasium environment that can be put into a state (see `lewm.worlds.gym_world`). Another
simulator becomes a world by `register_world`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from lewm.errors import LewmError
from lewm.worlds.two_room import TwoRoom

Factory = Callable[..., Any]
"""Makes a world from the keywords `size_px` and `factors`."""

GYM_PREFIX = "gym:"

_registered: dict[str, Factory] = {}


def register_world(name: str, factory: Factory) -> None:
    """Let `make_world` make worlds of this name.

    Args:
        name: any that is not taken.
        factory: called with `size_px` and `factors`; a `lewm.worlds.simulator.Simulator` or
            anything with its methods. To be collected in by several processes it must be a
            function that they can import.

    Raises:
        LewmError: the name is taken.
    """
    if name in world_names() or name.startswith(GYM_PREFIX):
        raise LewmError(f"there is a world {name!r} already", next_step="choose another name")
    _registered[name] = factory


def world_names() -> tuple[str, ...]:
    """Every name that `make_world` knows, beside `gym:<id>`."""
    from lewm.worlds.swm import SWM_WORLDS

    return (TwoRoom.name, *SWM_WORLDS, *sorted(_registered))


def make_world(scope: dict[str, Any]) -> Any:
    """The world a scope describes, as `world.scope()` gave it.

    Raises:
        LewmError: no world has that name, something it needs is not installed, or a factor is
            unknown or outside its range.
    """
    factory = find_factory(scope.get("world"))
    missing = {"size_px", "factors"} - set(scope)
    if missing:
        raise LewmError(
            f"the scope of the world {scope['world']} lacks {', '.join(sorted(missing))}",
            next_step="use a checkpoint or data set that lewm wrote",
        )
    return factory(size_px=scope["size_px"], factors=scope["factors"])


def find_factory(name: object) -> Factory:
    """What makes worlds of this name.

    Raises:
        LewmError: nothing does.
    """
    if name == TwoRoom.name:
        return TwoRoom
    if isinstance(name, str) and name in _registered:
        return _registered[name]
    if isinstance(name, str) and name.startswith(GYM_PREFIX):
        from lewm.worlds.gym_world import make_gym_world

        return partial(make_gym_world, name)
    from lewm.worlds.swm import SWM_WORLDS, make_swm_world

    if name in SWM_WORLDS:
        return partial(make_swm_world, name)
    raise LewmError(
        f"there is no world {name!r}; there are {', '.join(world_names())} and gym:<id>",
        next_step="use a checkpoint that says where it was trained, or name a world there is",
    )
