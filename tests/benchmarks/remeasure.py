"""What `envelope measure` costs, and what a change costs after it, on the bundled model.

    python -m tests.benchmarks.remeasure --out FOLDER [--profile standard] [--workers 2]

prints seconds with one process and with several, then after another criterion (`draft`), another
false-alarm rate (`measure`), and another planner field (`measure --deploy`), each as a share of the
first, with the cells that ran. Exit status 1 when a change costs more than its bar.
"""

import argparse
import json
import shutil
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from lewm.pretrained import bundled
from tests.cli import commands

CRITERION_AT_MOST, THRESHOLD_AT_MOST = 0.02, 0.10
"""Shares of the first run."""


class Took(NamedTuple):
    """One command."""

    name: str
    seconds: float
    run_cells: int
    reused_cells: int


def timed(name: str, *words: str | Path) -> Took:
    """Run `envelope` in a process of its own."""
    started = time.monotonic()
    done = commands.run("envelope", *words)
    seconds = time.monotonic() - started
    if done.status != 0:
        raise RuntimeError(f"{name}: {done.out}{done.err}")
    told = json.loads(done.out) if "--json" in words else {"run_cells": 0, "reused_cells": 0}
    if "kind_seconds" in told:
        print(f"{name}: by suite {told['suite_seconds']}, by kind {told['kind_seconds']}")
    return Took(name, seconds, told["run_cells"], told["reused_cells"])


def changed(source: Path, old: str, new: str, target: Path) -> Path:
    """A copy of a text file with one thing replaced."""
    text = source.read_text(encoding="utf-8")
    if old not in text:
        raise ValueError(f"{old!r} is not in {source.name}")
    target.write_text(text.replace(old, new), encoding="utf-8")
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="Empty folder to work in.")
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True)
    model = args.out / "two_room.pt"
    shutil.copy(bundled("two_room"), model)
    criteria = Path(str(files("envelope") / "criteria_default.yaml"))
    words = ["measure", "--model", model, "--profile", args.profile, "--json"]
    several = args.out / "several.envelope"
    folder = args.out / "one.envelope"
    ways = ("--workers", str(args.workers), "--out", several)
    found = [
        timed("one process", *words, "--out", folder),
        timed(f"{args.workers} processes", *words, *ways),
    ]
    drift = changed(criteria, "max_drift_ratio: 0.5", "max_drift_ratio: 0.4", args.out / "a.yaml")
    rate = "false_alarms_per_episode: "
    alarms = changed(criteria, f"{rate}0.05", f"{rate}0.1", args.out / "b.yaml")
    samples = changed(
        several / "deploy.yaml", "num_samples: 64", "num_samples: 96", args.out / "c.yaml"
    )
    found += [
        timed("another criterion", "draft", folder, "--criteria", drift),
        timed("another threshold", *words, "--out", folder, "--criteria", alarms),
        timed("another planner field", *words, *ways, "--deploy", samples),
    ]
    first = found[0].seconds
    print(f"{'':24}{'seconds':>9}{'share':>8}{'run':>6}{'kept':>6}")
    for took in found:
        share = took.seconds / first
        kept = f"{took.run_cells:6}{took.reused_cells:6}"
        print(f"{took.name:24}{took.seconds:9.1f}{share:8.1%}{kept}")
    print(f"speed-up of {args.workers} processes: {first / found[1].seconds:.2f}")
    too_much = found[2].seconds > CRITERION_AT_MOST * first
    sys.exit(too_much or found[3].seconds > THRESHOLD_AT_MOST * first)


if __name__ == "__main__":
    main()
