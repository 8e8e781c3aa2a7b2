"""What a clock decided on this machine, kept in a file of the user's cache folder.

Implementations differ by rounding. A clock on a busy machine may decide otherwise next time, and
then two runs, or two processes of one run, would not give the same rows. So it is asked once, and
the file answers ever after; delete the file to have it asked again. Where nothing can be written,
every process asks for itself.
"""

import contextlib
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path

import torch

from lewm.partial import written_whole

_answers: dict[str, str] = {}
"""Those of this process."""


def memory_file() -> Path:
    """Where answers are kept: `lewm/kernels.json` in `$XDG_CACHE_HOME` or `~/.cache`."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "lewm" / "kernels.json"


def remembered(question: str, ask: Callable[[], str]) -> str:
    """What `ask` said the first time that this was a question on this machine.

    Args:
        question: everything that the answer depends on, the machine and its torch aside.
        ask: decides by the clock.
    """
    if question not in _answers:
        _answers[question] = _kept(question) or _keep(question, ask())
    return _answers[question]


def _keep(question: str, answer: str) -> str:
    """Write an answer down, unless another process was first: then its answer holds."""
    earlier = _kept(question)
    if earlier is not None:
        return earlier
    with contextlib.suppress(OSError):
        memory_file().parent.mkdir(parents=True, exist_ok=True)
        answers = {**_read(), f"{_machine()}: {question}": answer}
        with written_whole(memory_file()) as partial:
            partial.write_text(json.dumps(answers, indent=1), encoding="utf-8")
    return answer


def _kept(question: str) -> str | None:
    answer = _read().get(f"{_machine()}: {question}")
    return answer if isinstance(answer, str) else None


def _read() -> dict[str, object]:
    try:
        found = json.loads(memory_file().read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _machine() -> str:
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{platform.node()}, {os.cpu_count()} cores, {capability}, torch {torch.__version__}"
