"""The one error that a user of `lewm` can fix."""


class LewmError(Exception):
    """A problem its reader can fix: what is wrong, then what to do next."""

    def __init__(self, problem: str, *, next_step: str) -> None:
        super().__init__(f"{problem}\n  Next: {next_step}")
        self.problem = problem
        self.next_step = next_step
