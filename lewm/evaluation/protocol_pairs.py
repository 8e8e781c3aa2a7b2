"""Pairs for a protocol, drawn from recorded episodes.

Shapes in this module:
    E  episodes    P  pairs that could be drawn    N  cases    S  state width

A pair is a row and the row `goal_offset_env_steps` later in the same episode. Rows are numbered
through the whole data set in the order of its episodes, as the reference numbers them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.data.windows import Source
from lewm.errors import LewmError
from lewm.evaluation.cases import Cases, RecordedRows
from lewm.evaluation.closed_loop import RecordedFrames
from lewm.evaluation.protocol import GOAL_OFFSET_ENV_STEPS, Protocol
from lewm.evaluation.success import SuccessRule, rule_of
from lewm.worlds.two_room import TwoRoom

_FIELD_COLUMNS = ("simulator_state", "state", "proprio", "pos_agent")
"""Where data sets keep states, beside the columns that a world names."""
_SAME_STATE = 1e-6
_WALLS = (
    *("agent.radius", "door.number", "door.position", "door.size"),
    *("wall.axis", "wall.thickness"),
)

Rows = NDArray[np.int64]


def require_data(world: Any, source: Source) -> None:
    """Refuse data that were not recorded in this world.

    Raises:
        LewmError: another world, other factors, another frame size or another action width.
    """
    said, here = source.provenance, world.scope()
    there: dict[str, Any] = {name: said[name] for name in ("world", "factors") if name in said}
    there |= {"size_px": source.frame_size_px, "action_width": source.action_width}
    here = {
        **here,
        "size_px": (world.size_px, world.size_px),
        "action_width": world.action_width,
    }
    for name, value in there.items():
        if _bare(value) != _bare(here[name]):
            raise LewmError(
                f"the data were recorded with {name} {value}, the world {world.name} has "
                f"{here[name]}",
                next_step="give a data set of the model's world, at the model's frame size",
            )


def draw_pairs(
    protocol: Protocol,
    world: Any,
    source: Source,
    *,
    num_per_seed: int | None = None,
    goal_offset_env_steps: int = GOAL_OFFSET_ENV_STEPS,
    drop_last_row: bool = False,
) -> Cases:
    """Draw the pairs of a protocol.

    Args:
        protocol: how to draw and to judge.
        world: whose states and success rule count.
        source: recorded episodes.
        num_per_seed: pairs for each seed; as many as the protocol says if not given.
        goal_offset_env_steps: rows from start to goal.
        drop_last_row: official only: never draw the last valid row, as the reference did before
            July 2026. It changes which rows the seed draws.

    Raises:
        LewmError: data of another world, too short, or with too few pairs.
    """
    require_data(world, source)
    rule = rule_of(world, protocol.level)
    num = num_per_seed or protocol.num_per_seed
    ends = _ends(source, goal_offset_env_steps)
    counts: dict[str, int] = {"num_pairs": int(ends[-1])}
    if protocol.one_per_episode:
        fits, solved = _judged_pairs(world, source, rule, goal_offset_env_steps)
        eligible = np.flatnonzero(fits & ~solved)
        counts |= {"num_solved_at_start": int(solved.sum()), "num_eligible": len(eligible)}
        drawn = [_one_per_episode(seed, eligible, ends, num) for seed in protocol.seeds]
    else:
        drawn = [_by_row(seed, int(ends[-1]) - drop_last_row, num) for seed in protocol.seeds]
    pairs = np.concatenate(drawn)
    episodes = np.searchsorted(ends, pairs, side="right")
    steps = pairs - np.where(episodes > 0, ends[episodes - 1], 0)
    rows = RecordedRows(source.digest(), episodes, steps, np.repeat(protocol.seeds, num))
    starts, goals = _states(world, source, rows, goal_offset_env_steps)
    origin = {
        "protocol": protocol.label,
        "world": world.scope(),
        "success_rule": rule.name,
        "goal_offset_env_steps": goal_offset_env_steps,
        "seeds": list(protocol.seeds),
        "num_per_seed": num,
        "drop_last_row": drop_last_row,
        **counts,
    }
    return Cases(starts, goals, origin, counts.get("num_solved_at_start", 0), rows)


def require_recorded(world: Any, source: Source, cases: Cases) -> None:
    """Refuse frozen cases that are not what the data hold at the rows they name.

    Raises:
        LewmError: sampled cases, cases of other data, or rows that hold other states.
    """
    rows = _rows_of(source, cases)
    offset = int(cases.origin["goal_offset_env_steps"])
    inside = (rows.episodes >= 0) & (rows.episodes < len(source.lengths)) & (rows.steps >= 0)
    if inside.all():
        inside = rows.steps + offset <= source.lengths[rows.episodes]
    states = _states(world, source, rows, offset) if inside.all() else None
    frozen = (cases.starts, cases.goals)
    if states is None or not np.allclose(states, frozen, rtol=0.0, atol=_SAME_STATE):
        raise LewmError(
            "the frozen states are not those that the data hold at the rows named",
            next_step="draw the cases again from these data, with --save-cases",
        )


def recorded_frames(source: Source, cases: Cases) -> RecordedFrames:
    """What was recorded at the start and at the goal of each case.

    Raises:
        LewmError: the cases were drawn from other data, or sampled.
    """
    rows = _rows_of(source, cases)
    offset = int(cases.origin["goal_offset_env_steps"])
    pairs = np.stack(
        [
            source.read_frames(int(episode), np.array([step, step + offset]))
            for episode, step in zip(rows.episodes, rows.steps, strict=True)
        ]
    )
    return RecordedFrames(pairs[:, 0], pairs[:, 1])


def _rows_of(source: Source, cases: Cases) -> RecordedRows:
    rows = cases.rows
    if rows is None:
        raise LewmError(
            "these cases were sampled, not recorded",
            next_step="give cases that were drawn from a data set, or leave --cases out",
        )
    found = source.digest()
    if found != rows.data_sha256:
        raise LewmError(
            f"the cases were drawn from data with sha256 {rows.data_sha256}, these have {found}",
            next_step="give the data set that the cases were drawn from",
        )
    return rows


def _ends(source: Source, offset: int) -> Rows:
    """How many pairs there are up to and including each episode, (E,)."""
    lengths = source.lengths
    num_pairs = np.maximum(lengths + 1 - offset, 0)
    if not num_pairs.sum():
        raise LewmError(
            f"no episode lasts {offset} env steps, the longest has {int(lengths.max(initial=0))}",
            next_step="give longer episodes",
        )
    return np.cumsum(num_pairs)


def _by_row(seed: int, num_pairs: int, num: int) -> Rows:
    """Every pair is as likely as any other; in the order of the rows."""
    if num_pairs < num:
        raise LewmError(
            f"{num} pairs are needed, the data have {num_pairs}",
            next_step="give more or longer episodes, or ask for fewer with --num-cases",
        )
    drawn = np.random.default_rng(seed).choice(num_pairs, size=num, replace=False)
    return np.sort(drawn)


def _one_per_episode(seed: int, eligible: Rows, ends: Rows, num: int) -> Rows:
    """Every episode is as likely as any other, then every pair of it; in the order of the rows."""
    episodes = np.searchsorted(ends, eligible, side="right")
    groups = np.split(eligible, np.flatnonzero(np.diff(episodes)) + 1) if len(eligible) else []
    if len(groups) < num:
        raise LewmError(
            f"{num} episodes with a pair that is eligible are needed, the data have {len(groups)}",
            next_step="give more episodes, or ask for fewer with --num-cases",
        )
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(groups), size=num, replace=False)
    return np.sort(np.array([rng.choice(groups[group]) for group in chosen]))


def _judged_pairs(
    world: Any, source: Source, rule: SuccessRule, offset: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pairs the protocol admits, and which are solved at the start, (P,) each."""
    fits, solved = [np.empty(0, bool)], [np.empty(0, bool)]
    for episode, length in enumerate(source.lengths):
        if length < offset:
            continue
        states = _episode_states(world, source, episode, np.arange(length + 1))
        starts, goals = states[:-offset], states[offset:]
        fits.append(_is_admitted(world, starts, goals))
        solved.append(rule.met(starts, goals))
    return np.concatenate(fits), np.concatenate(solved)


def _is_admitted(
    world: Any, starts: NDArray[np.float64], goals: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """In two rooms: one end in each room, neither touching the wall. Elsewhere all, (N,)."""
    if world.name.removeprefix("swm/") != "two-room":
        return np.ones(len(starts), dtype=bool)
    walls = TwoRoom(factors={name: world.factors[name] for name in _WALLS})
    low, high = walls.wall_range
    start, goal = (ends[:, walls.wall_coordinate] for ends in (starts, goals))
    there: NDArray[np.bool_] = (start <= low) & (goal >= high)
    back: NDArray[np.bool_] = (start >= high) & (goal <= low)
    return there | back


def _states(
    world: Any, source: Source, rows: RecordedRows, offset: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where cases start, as the world begins an episode there, and their goals, (N, S) each."""
    pairs = np.stack(
        [
            _episode_states(world, source, int(episode), np.array([step, step + offset]))
            for episode, step in zip(rows.episodes, rows.steps, strict=True)
        ]
    )
    starts = world.settled(pairs[:, 0]) if hasattr(world, "settled") else pairs[:, 0]
    return starts, pairs[:, 1]


def _episode_states(world: Any, source: Source, episode: int, times: Rows) -> NDArray[np.float64]:
    """States at these times of an episode, (len(times), S)."""
    names = {*world.state_columns, *_FIELD_COLUMNS} & set(source.columns)
    columns = {name: source.read_column(name, episode, times) for name in names}
    states: NDArray[np.float64] = world.states_from(columns)
    return states


def _bare(value: Any) -> Any:
    """Our two rooms and those of stable-worldmodel are one world."""
    return value.removeprefix("swm/") if isinstance(value, str) else value
