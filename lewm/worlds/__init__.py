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
            next_step="name one of them, with --world for a checkpoint that does not say",
        )
    return WORLDS[name](size_px=scope["size_px"], factors=scope["factors"])
