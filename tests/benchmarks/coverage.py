"""How often do intervals hold a truth that is known, and thresholds their rate?

    python -m tests.benchmarks.coverage [--audits 2000] [--only mean_share ...] [--write]

Draws audits from populations whose truth is known, at the sample sizes of the profiles, and counts
how often the 95 % interval holds it; by side too, because one side alone decides a verdict. Bars:
at least 93 % everywhere, at most 97 % for resampling; at most 5 % of the thresholds alarm more
often than stated. Leaves with status 1 when a bar is missed.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from perturbations.statistics.stats import clopper_pearson, conformal_rank
from tests.benchmarks.coverage_populations import POPULATIONS, Population
from tests.benchmarks.kept import keep, made_with

AT_LEAST, AT_MOST = 0.93, 0.97
_ALWAYS = 0.99
"""Where exact intervals stand in more often than that, they are what holds the truth so often."""
THRESHOLDS = tuple((episodes, rate) for episodes in (60, 200, 300, 400) for rate in (0.05, 0.1))
"""Numbers of calibration episodes and stated rates."""


@dataclass(frozen=True)
class Coverage:
    """What simulated audits of one population said."""

    held: float
    too_low: float
    """Share of the audits whose whole interval lies below the truth."""
    too_high: float
    width: float
    """Mean width."""
    resampled: float
    """Share of the intervals that come from resampling; the rest fell back to an exact one."""
    without: float
    """Share of the audits that gave no interval."""
    audits: int = 1000
    """How many were simulated."""

    def missed(self, population: Population) -> str:
        """Which bar is missed, in words; empty when none is."""
        if self.held < AT_LEAST:
            return f"holds the truth in {self.held:.1%}, at least {AT_LEAST:.0%} wanted"
        if population.is_capped and self.resampled > _ALWAYS and self.held > AT_MOST:
            return f"holds the truth in {self.held:.1%}, at most {AT_MOST:.0%} wanted"
        return ""


def covered(population: Population, audits: int, seed: int = 0) -> Coverage:
    """Simulate audits of a population."""
    rng = np.random.default_rng([seed, *population.name.encode()])
    found = [population.estimate(rng, audit) for audit in range(audits)]
    kept = [one for one in found if one is not None]
    low = np.array([one.low for one in kept])
    high = np.array([one.high for one in kept])
    too_low, too_high = high < population.truth - 1e-9, low > population.truth + 1e-9
    return Coverage(
        held=float((~(too_low | too_high)).mean()),
        too_low=float(too_low.mean()),
        too_high=float(too_high.mean()),
        width=float((high - low).mean()),
        resampled=float(np.mean([one.interval == "bootstrap" for one in kept])),
        without=1 - len(kept) / audits,
        audits=audits,
    )


def run(
    populations: Sequence[Population], audits: int, workers: int, log: Path | None = None
) -> list[Coverage]:
    """Coverage of every population, in order; those in the log with as many audits or more are
    taken from there."""
    done = _read_back(log, audits) if log else {}
    todo = [POPULATIONS.index(one) for one in populations if one.name not in done]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_covered_by_number, number, audits): number for number in todo}
        for future in as_completed(futures):
            name, found = POPULATIONS[futures[future]].name, future.result()
            done[name] = found
            if log:
                line = {"name": name, "audits": audits, "coverage": asdict(found)}
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
    return [done[one.name] for one in populations]


def _covered_by_number(number: int, audits: int) -> Coverage:
    return covered(POPULATIONS[number], audits)


def _read_back(log: Path, audits: int) -> dict[str, Coverage]:
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    kept = sorted(map(json.loads, lines), key=lambda one: int(one["audits"]))
    return {
        one["name"]: Coverage(**{**one["coverage"], "audits": one["audits"]})
        for one in kept
        if one["audits"] >= audits
    }


def thresholds_above(episodes: int, rate: float, thresholds: int, seed: int = 0) -> float:
    """Share of conformal thresholds whose true rate of false alarms exceeds the stated one."""
    rng = np.random.default_rng([seed, episodes])
    rank = conformal_rank(episodes, rate)
    scores = np.sort(rng.uniform(size=(thresholds, episodes)), axis=1)
    return float((1 - scores[:, rank - 1] > rate).mean())


def table(populations: Sequence[Population], found: Sequence[Coverage]) -> str:
    """One line per population, in Markdown."""
    heads = [
        "interval",
        "population",
        "n",
        "truth",
        "held",
        "too low",
        "too high",
        "mean width",
        "resampled",
        "audits",
    ]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for of, one in zip(populations, found, strict=True):
        held = f"**{one.held:.1%}**" if one.missed(of) else f"{one.held:.1%}"
        lines.append(
            f"| {of.kind} | {of.about} | {of.num} | {of.truth:.3g} | {held} | {one.too_low:.1%} | "
            f"{one.too_high:.1%} | {one.width:.3g} | {one.resampled:.0%} | {one.audits} |"
        )
    return "\n".join(lines)


def threshold_table(thresholds: int) -> tuple[str, list[str]]:
    """Conformal thresholds in Markdown, and the bars that they miss."""
    lines = ["| calibration episodes | stated rate | above it |", "|---|---|---|"]
    missed = []
    for episodes, rate in THRESHOLDS:
        above = thresholds_above(episodes, rate, thresholds)
        lines.append(f"| {episodes} | {rate} | {above:.1%} |")
        if clopper_pearson(round(above * thresholds), thresholds).low > 0.05:
            missed.append(f"{above:.1%} of thresholds from {episodes} episodes exceed {rate}")
    return "\n".join(lines), missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audits", type=int, default=2000, help="simulated audits each")
    parser.add_argument("--only", nargs="+", help="kinds of interval")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--log", type=Path, help="one JSON line for each population; goes on there")
    parser.add_argument("--write", action="store_true", help="keep the tables in docs/")
    options = parser.parse_args()
    chosen = [one for one in POPULATIONS if not options.only or one.kind in options.only]
    began = time.time()
    found = run(chosen, options.audits, options.workers, options.log)
    thresholds, missed = threshold_table(10 * options.audits)
    for of, one in zip(chosen, found, strict=True):
        if words := one.missed(of):
            missed.append(f"{of.name}: {words}")
    text = "\n\n".join(
        [
            table(chosen, found),
            thresholds,
            f"{options.audits} audits each or more, {(time.time() - began) / 60:.1f} minutes with "
            f"{options.workers} processes.",
            "\n".join(f"- Missed: {line}" for line in missed) or "Every bar is met.",
        ]
    )
    print(text)
    if options.write:
        keep("coverage", f"{made_with('tests.benchmarks.coverage')}\n\n{text}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
