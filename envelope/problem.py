"""What every command prints with --json when nothing was evaluated."""

from typing import Literal

from envelope.records import Record


class Problem(Record):
    """What is wrong, and what to do about it."""

    format: Literal["problem/0.1"]
    exit_status: Literal[2, 3]
    """2: could not evaluate, 3: evidence not trusted. Neither is a finding."""
    reason: str
    """Stable code of the kind of problem, such as `bad_file`."""
    problem: str
    next_step: str
