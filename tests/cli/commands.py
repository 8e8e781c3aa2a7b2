"""Running the two commands as a user would: in a process of their own, or faster in this one."""

import contextlib
import gc
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

ROOT = Path(__file__).parents[2]
PROGRAMS = {"envelope": "envelope.cli", "lewm": "lewm.cli"}


class Done(NamedTuple):
    """What a command left."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def refused(self, status: int, *parts: str) -> None:
        """Assert one message that names the problem and the next step, and nothing else."""
        assert self.status == status, self
        assert "Traceback" not in self.err, self
        for part in parts:
            assert part in self.err, self
        assert self.err.count("  Next: ") == 1, self
        assert self.out == "", self


def call(program: str, *words: str | Path) -> Done:
    """Run a command in this process, through the function that the installed script calls."""
    main = sys.modules.get(PROGRAMS[program]) or __import__(PROGRAMS[program], fromlist=["main"])
    out, err = io.StringIO(), io.StringIO()
    log = logging.getLogger("perturbations")
    level = log.level
    with (
        patch.object(sys, "argv", [program, *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main.main()
        except SystemExit as ended:
            status = ended.code
        finally:
            log.setLevel(level)
            gc.enable()  # a check leaves it off, for its process is over
    assert isinstance(status, int)
    return Done(status, out.getvalue(), err.getvalue())


def envelope(*words: str | Path) -> Done:
    return call("envelope", *words)


def lewm(*words: str | Path) -> Done:
    return call("lewm", *words)


def run(program: str, *words: str | Path, env: Mapping[str, str] | None = None) -> Done:
    """Run the installed script in a process of its own."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
    )
    return Done(done.returncode, done.stdout, done.stderr)


def python(code: str, *words: str | Path) -> Done:
    """Run a piece of Python in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return Done(done.returncode, done.stdout, done.stderr)
