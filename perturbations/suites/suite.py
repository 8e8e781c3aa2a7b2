"""What every suite is: one question, cells that answer it, and a summary that needs no model."""

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from envelope.records import CalibratedMonitor, Cell, Family, Measurement, SuiteText

if TYPE_CHECKING:
    from perturbations.bench import Bench

_PARTS = ("Why it matters", "Observes", "Blind to")


class Suite(ABC):
    """A suite. Its docstring has four parts: the question, then those of `_PARTS`."""

    name: ClassVar[str]
    family: ClassVar[Family]
    needs_simulator: ClassVar[bool] = False
    """Whether recorded episodes can say nothing of it."""

    @abstractmethod
    def run(self, bench: "Bench") -> list[Cell]:
        """All cells of the suite, through the bench's runner."""

    @abstractmethod
    def summarise(
        self, cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor], *, seed: int
    ) -> list[Measurement]:
        """What the rows say: a pure function of the rows of all suites, the thresholds, the seed.

        A cell that crashed or is missing gives a measurement without an estimate.
        """

    @classmethod
    def text(cls) -> SuiteText:
        """The four parts of the docstring, for the report.

        Raises:
            ValueError: a part is missing.
        """
        question, *rest = re.split(
            rf"\n\s*\n({'|'.join(_PARTS)}):", "\n" + inspect.cleandoc(cls.__doc__ or "")
        )
        parts = dict(zip(rest[::2], rest[1::2], strict=True))
        if list(parts) != list(_PARTS) or not question.strip():
            raise ValueError(f"the docstring of {cls.__name__} needs a question and {_PARTS}")
        why, observes, blind = (" ".join(parts[part].split()) for part in _PARTS)
        return SuiteText(
            name=cls.name,
            family=cls.family,
            question=" ".join(question.split()),
            why_it_matters=why,
            observes=observes,
            blind_to=blind,
        )
