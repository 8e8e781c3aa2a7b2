"""How long does `envelope check` take from a cold start, beside an empty interpreter?

    python -m tests.benchmarks.check_cold [FOLDER.envelope MODEL] [--runs 25]

FOLDER is what `envelope measure` left of MODEL; it is signed again with a key made for the purpose,
in a copy. Without them a small made-up record is checked, which shows that all this runs: a bar is
held on a record of the profile `standard`.

Every run is a process of its own, in turn: `python -c pass`, an import of what any checker of such
records pays for, and `envelope check`. Printed are wall and processor seconds, each as the median
with its exact 95 % interval by order statistics, and bytes of what was read. Byte code is there, as
after an installation: the first run of each is not counted. Hashing the checkpoint is inside.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from scipy.stats import binom

from tests.cli.making import made_up_record

IMPORTS = "import pydantic, yaml, click, cryptography.hazmat.primitives.asymmetric.ec"
ENVELOPE = str(Path(sys.executable).with_name("envelope"))


class Spent(NamedTuple):
    """Seconds of one process."""

    wall: float
    processor: float


def spent(words: list[str], folder: Path) -> Spent:
    """Run a command; a verdict of either kind is a run, and anything else ends the benchmark."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(words, cwd=folder, env=environment, check=False, capture_output=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr.decode())
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall, used)


def median_with_interval(seconds: list[float]) -> str:
    """The median, and the two runs between which that of all runs lies with at least 95 %."""
    ordered = sorted(seconds)
    below = int(binom.ppf(0.025, len(ordered), 0.5))
    low, high = ordered[max(0, below - 1)], ordered[min(len(ordered) - 1, len(ordered) - below)]
    return f"{statistics.median(ordered):.3f} [{low:.3f}, {high:.3f}]"


def lay_out(folder: Path, record: Path | None, model: Path | None) -> Path:
    """A signed record, its model and `lab.pub` in a folder; returns the deploy file."""
    if record is None or model is None:
        made_up_record(folder / "model.pt")
        copy = folder / "model.envelope"
    else:
        shutil.copy(model, folder)
        copy = folder / record.name
        shutil.copytree(record, copy, ignore=shutil.ignore_patterns(".cells"))
    subprocess.run([ENVELOPE, "keygen", "lab"], cwd=folder, check=True, capture_output=True)
    signing = [ENVELOPE, "sign", copy.name, "--sign-key", "lab.key"]
    subprocess.run(signing, cwd=folder, check=True)
    return copy / "deploy.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("record", type=Path, nargs="?")
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, default=25)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        deploy = lay_out(folder, options.record, options.model)
        check = [ENVELOPE, "check", "--deploy", str(deploy), "--key", "lab.pub"]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "imports alone": [sys.executable, "-c", IMPORTS],
            "envelope check": check,
        }
        times: dict[str, list[Spent]] = {label: [] for label in commands}
        for run in range(options.runs + 1):
            for label, words in commands.items():
                taken = spent(words, folder)
                if run:
                    times[label].append(taken)
        sizes = [deploy.with_name("attestation.json"), deploy, *folder.glob("*.pt")]
        print(", ".join(f"{path.name} {path.stat().st_size:,} bytes" for path in sizes))
    for label, runs in times.items():
        wall = median_with_interval([one.wall for one in runs])
        processor = median_with_interval([one.processor for one in runs])
        print(f"{label:16s} wall {wall} s   processor {processor} s")


if __name__ == "__main__":
    main()
