"""Collection by several processes at once, whose results come in order.

A process makes its own world from the scope of the one it is given. An episode depends on its
number alone, so it is the same whoever collects it. At most one part more than there are processes
is under way or waiting, which bounds memory.
"""

import multiprocessing
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from typing import Any

from lewm.collection.collect import collect
from lewm.collection.policies import Policy
from lewm.data.episodes import Episodes
from lewm.errors import LewmError
from lewm.worlds import Factory, find_factory

_here: dict[str, Any] = {}
"""World and policy of this process."""


def in_order(
    world: Any, policy: Policy, jobs: Sequence[Mapping[str, int]], *, num_workers: int
) -> Iterator[Episodes]:
    """The episodes of each job, one job after another.

    Args:
        world: where to act.
        policy: what to do.
        jobs: the other arguments of `lewm.collection.collect.collect`.
        num_workers: processes; 1 is this one.

    Raises:
        LewmError: no worker, or as for `collect`.
    """
    if num_workers < 1:
        raise LewmError(f"num_workers is {num_workers}, the least is 1", next_step="give 1 or more")
    if num_workers == 1 or len(jobs) == 1:
        for job in jobs:
            yield collect(world, policy, **job)
        return
    scope = world.scope()
    pool = ProcessPoolExecutor(
        min(num_workers, len(jobs)),
        mp_context=multiprocessing.get_context("spawn"),  # simulators and torch do not fork well
        initializer=_start,
        initargs=(find_factory(scope["world"]), scope, policy),
    )
    try:
        waiting = iter(jobs)
        under_way: deque[Future[Episodes | tuple[str, str]]] = deque(
            pool.submit(_collect, job) for job in islice(waiting, num_workers + 1)
        )
        while under_way:
            done = under_way.popleft().result()
            under_way.extend(pool.submit(_collect, job) for job in islice(waiting, 1))
            if isinstance(done, tuple):
                raise LewmError(done[0], next_step=done[1])
            yield done
    finally:
        pool.shutdown(cancel_futures=True)


def _start(factory: Factory, scope: Mapping[str, Any], policy: Policy) -> None:
    _here["world"] = lambda: factory(size_px=scope["size_px"], factors=scope["factors"])
    _here["policy"] = policy


def _collect(job: Mapping[str, int]) -> Episodes | tuple[str, str]:
    """The episodes, or what a `LewmError` said: an exception with two arguments does not travel."""
    try:
        if callable(_here["world"]):
            _here["world"] = _here["world"]()
            if "torch" in sys.modules:
                sys.modules["torch"].set_num_threads(1)
        return collect(_here["world"], _here["policy"], **job)
    except LewmError as error:
        return error.problem, error.next_step
