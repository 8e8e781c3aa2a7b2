"""The reference package, run in an environment of its own (`make reference`).

A program in this folder starts there as `python -m tests.reference.<name>`: it may import
`stable_worldmodel` as well as our packages. Tests start one with `run`.
"""

import os
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
PYTHON = _ROOT / ".venv-reference" / "bin" / "python"


def require() -> None:
    """Skip the test where the reference is not installed; fail it where it must be."""
    if PYTHON.exists():
        return
    if os.environ.get("REQUIRE_TOOLS") == "1":
        pytest.fail("the reference package is not installed; run `make reference`")
    pytest.skip("the reference package is not installed; `make reference` installs it")


def run(program: str, *arguments: object, timeout_seconds: float = 300) -> str:
    """Run `tests.reference.<program>` where the reference is installed; returns what it prints.

    Raises:
        AssertionError: it failed, with what it said.
    """
    require()
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "SDL_VIDEODRIVER": "dummy"}
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-m", f"tests.reference.{program}", *map(str, arguments)],
        cwd=_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
