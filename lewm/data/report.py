"""What a data set holds, and what is wrong with it.

Shapes in this module: see `lewm.data.windows`.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lewm.data.windows import Source, Windows
from lewm.errors import LewmError

WINDOW = {"num_frames": 4, "block_size": 5}
"""The window of the released recipe, which `num_windows` counts."""


@dataclass(frozen=True)
class DataReport:
    """A data set in numbers.

    Attributes:
        num_rows: frames of all episodes together.
        shortest, longest: env steps of an episode.
        num_windows: of 4 frames, 5 env steps apart.
        num_short_episodes: too short for one of these.
        columns: name to per-frame shape and type.
        action_mean, action_std: env units; empty when the actions cannot be scaled by.
        problems: one sentence each; empty for sound data.
    """

    num_episodes: int
    num_rows: int
    shortest: int
    longest: int
    num_windows: int
    num_short_episodes: int
    frame_size_px: tuple[int, int]
    columns: dict[str, str]
    action_mean: tuple[float, ...]
    action_std: tuple[float, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def as_text(self) -> str:
        """One fact a line, for people."""
        size = " x ".join(map(str, self.frame_size_px))
        numbers = [
            f"{self.num_episodes} episodes of {self.shortest} to {self.longest} env steps, "
            f"{self.num_rows} frames of {size} px",
            f"{self.num_windows} windows of 4 frames, 5 env steps apart; {self.num_short_episodes} "
            "episodes are too short for one",
        ]
        stats = zip(self.action_mean, self.action_std, strict=True)
        numbers += [f"action {i}: mean {m:.4g}, std {s:.4g}" for i, (m, s) in enumerate(stats)]
        numbers += [f"column {name}: {kind}" for name, kind in self.columns.items()]
        return "\n".join([*numbers, *(f"PROBLEM: {problem}" for problem in self.problems)])


def inspect(source: Source) -> DataReport:
    """Look at every column of the first episode, the indices of all, and the actions."""
    problems: list[str] = []
    columns = {}
    for name in source.columns:
        values = source.read_column(name, 0, np.zeros(1, dtype=np.int64))
        columns[name] = f"{values.dtype} {values.shape[1:]}"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    num_windows, num_short = 0, len(source.lengths)
    try:
        stats = source.action_stats()
        mean, std = stats.mean, stats.std
        windows = Windows(source, **WINDOW)
        num_windows, num_short = len(windows), windows.num_short_episodes
    except LewmError as error:
        problems.append(error.problem)
    problems += [
        f"action {i} never changes" for i, deviation in enumerate(std) if deviation <= 1e-8
    ]
    problems += _misnumbered(source)
    return DataReport(
        num_episodes=len(source.lengths),
        num_rows=int(source.lengths.sum() + len(source.lengths)),
        shortest=int(source.lengths.min()),
        longest=int(source.lengths.max()),
        num_windows=num_windows,
        num_short_episodes=num_short,
        frame_size_px=source.frame_size_px,
        columns=columns,
        action_mean=mean,
        action_std=std,
        problems=tuple(problems),
    )


def _misnumbered(source: Source) -> list[str]:
    """Index columns that do not say what the offsets say: the first such episode of each."""
    problems = []
    for name in {"episode_idx", "ep_idx", "step_idx"} & set(source.columns):
        seen: set[int] = set()
        for episode, length in enumerate(source.lengths):
            numbers = source.read_column(name, episode)
            if name == "step_idx":
                is_right = bool(np.array_equal(numbers - numbers[0], np.arange(length + 1)))
            else:
                is_right = len(np.unique(numbers)) == 1 and int(numbers[0]) not in seen
                seen.add(int(numbers[0]))
            if not is_right:
                problems.append(f"{name} disagrees with the offsets in episode {episode}")
                break
    return sorted(problems)
