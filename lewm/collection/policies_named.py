"""Which policies collect in which world, under the names of the command line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lewm.collection.policies import Actor, Mixture, NoisyExpert, Policy, RandomPolicy
from lewm.collection.policies_cube import CubePusher
from lewm.collection.policies_pusht import WeakPusher
from lewm.collection.push_expert import PushExpert
from lewm.collection.straight_walker import StraightWalker
from lewm.errors import LewmError
from lewm.worlds.two_room import TwoRoom

_RANDOM: dict[str, Callable[[], Policy]] = {"random": RandomPolicy}
_TWO_ROOM: dict[str, Callable[[], Policy]] = {
    **_RANDOM,
    "expert": NoisyExpert,
    "straight": StraightWalker,
    "weak": StraightWalker,
}
_NAMED: dict[str, dict[str, Callable[[], Policy]]] = {
    TwoRoom.name: _TWO_ROOM,
    "swm/two-room": _TWO_ROOM,
    "swm/pusht": {**_RANDOM, "expert": PushExpert, "weak": WeakPusher},
    "swm/cube": {**_RANDOM, "weak": CubePusher},
}
_DEFAULT = {
    TwoRoom.name: ("expert", "straight"),
    "swm/two-room": ("expert", "straight"),
    "swm/pusht": ("expert",),
    "swm/cube": ("weak",),  # random actions all but never touch the cube
}


@dataclass(frozen=True)
class InOurTwoRoom:
    """A policy for our two rooms that acts in the reference's, which has the same walls."""

    policy: Policy

    def start(
        self, world: Any, rngs: Sequence[np.random.Generator], length_env_steps: int
    ) -> Actor:
        """Begin one episode per generator."""
        ours = TwoRoom(size_px=world.size_px, factors=world.factors)
        return self.policy.start(ours, rngs, length_env_steps)

    def settings(self) -> dict[str, Any]:
        """What defines this policy, as plain JSON."""
        return self.policy.settings()


def make_policy(world: Any, names: Sequence[str] = (), *, action_noise: float | None = None) -> Any:
    """Who acts in a world.

    Args:
        world: where.
        names: several share the episodes; the world's usual ones if none is given.
        action_noise: of those that have it; each one's default if not given.

    Raises:
        LewmError: the world knows no policy of that name, or the noise means nothing.
    """
    if action_noise is not None and not 0.0 <= action_noise < np.inf:
        raise LewmError(
            f"action_noise is {action_noise}, its range is 0 and up",
            next_step="leave it out for each policy's default",
        )
    known = _NAMED.get(world.name, _RANDOM)
    parts: list[Policy] = []
    for name in names or _DEFAULT.get(world.name, ("random",)):
        if name not in known:
            raise LewmError(
                f"no policy is called {name!r} in {world.name}; there are "
                f"{', '.join(sorted(known))}",
                next_step="use one of these, or write a Policy and call lewm.collection.collect",
            )
        part: Any = known[name]()
        if action_noise is not None and hasattr(part, "action_noise"):
            part = replace(part, action_noise=action_noise)
        parts.append(InOurTwoRoom(part) if _walks_in_reference(world, part) else part)
    return Mixture(tuple(parts))


def case_policy(world: Any) -> Any:
    """Who walks the episodes that cases are drawn from, unless somebody is named.

    In our two rooms the noisy expert alone, which the frozen cases were drawn from.
    """
    if world.name == TwoRoom.name:
        return NoisyExpert()
    return make_policy(world, _DEFAULT.get(world.name, ("random",))[:1])


def place_policy(world: Any) -> Any:
    """Who walks the episodes that lend an audit no more than their places: as `case_policy`, unless
    that one looks ahead in the simulator, which takes longer than the audit itself."""
    return make_policy(world, ("weak",)) if world.name == "swm/pusht" else case_policy(world)


def _walks_in_reference(world: Any, policy: Policy) -> bool:
    return world.name == "swm/two-room" and not isinstance(policy, RandomPolicy)
