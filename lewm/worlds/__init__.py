"""Worlds by name. A world is made from its scope: name, frame size, factors off their defaults."""

from typing import Any

from lewm.errors import LewmError
from lewm.worlds.two_room import TwoRoom

WORLDS = {TwoRoom.name: TwoRoom}


def make_world(scope: dict[str, Any]) -> TwoRoom:
    """The world a scope describes, as `world.scope()` gave it.

    Raises:
        LewmError: no world has that name, or a factor is unknown or outside its range.
    """
    name = scope.get("world")
    if name not in WORLDS:
        raise LewmError(
            f"there is no world {name!r}; there are {', '.join(sorted(WORLDS))}",
            next_step="use a checkpoint that says where it was trained, or name a world there is",
        )
    missing = {"size_px", "factors"} - set(scope)
    if missing:
        raise LewmError(
            f"the scope of the world {name} lacks {', '.join(sorted(missing))}",
            next_step="use a checkpoint or data set that lewm wrote",
        )
    return WORLDS[name](size_px=scope["size_px"], factors=scope["factors"])
