"""Does an audit find what is wrong with a model, and nothing else?

    python -m tests.benchmarks.audit_validity [--repetitions 20] [--perfect 100] [--write]

Audits every known model of the expected matrix (audit_validity.yaml, fixed before the first run)
again and again, with other cases, episodes and noise each time; prints which claims failed how
often beside what was expected, and leaves with status 1 when a bar is missed. `--write` keeps the
tables in docs/audit-validity.md.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.benchmarks.audit_validity_notes import Times, blind_spots, unasked
from tests.benchmarks.audit_validity_table import (
    Found,
    Row,
    RowResult,
    family_table,
    finding_table,
    missed_bars,
    read_matrix,
)
from tests.benchmarks.kept import keep, made_with

_SEED = 20_000
"""Far from the seeds that the models and the tests were made with."""
_PROFILES: dict[str, dict[str, Any]] = {
    "usual": {},
    "goal_frames": {"name": "deep", "shifted_cells": "grid"},
    "worst_cases": {"num_worst_cases": 40},
    "far_goals": {"goal_offsets_env_steps": (25,)},
    "more_cases": {"num_cases": 160},
    "whole": {
        "name": "standard",
        "shifted_cells": "bisect",
        "num_worst_cases": 40,
        "goal_offsets_env_steps": (25,),
    },
}
"""What an audit asks besides what each asks, by the word of the matrix."""


def audit_once(row: Row, repetition: int) -> list[Found]:
    """All claims of one audit, on cases and episodes of its own."""
    from tests import known_models as known
    from tests.known_models.judging import claims_of

    bench = bench_of(row, repetition, getattr(known, row.base or row.model)())
    if row.base is not None:
        return [_migrated(bench, getattr(known, row.model)(), row.model)]
    claims = claims_of(bench)
    return [Found(c.id, c.family, c.verdict, c.outcome) for c in claims.values()]


def _migrated(base: Any, candidate: Any, name: str) -> Found:
    """The gate's decision; `revert` is the finding that a candidate fails."""
    from envelope import gate
    from perturbations.migration.migration import MARGINS, Migration

    suite = Migration(base)
    bench = replace(base, model=candidate, identity={**base.identity, "model": f"a {name}"})
    cells = suite.run(bench)
    found = suite.summarise(cells, seed=bench.seed)
    compared = gate.compare(found, MARGINS, suite.cases_that_would_decide(cells))
    decision, _ = gate.decide(compared)
    verdict = {"revert": "fails", "accept": "holds", "undecided": "unknown"}[decision]
    return Found("migration.decision", "F6", verdict, decision)


def bench_of(row: Row, repetition: int, model: Any) -> Any:
    """The bench of one repetition: nothing is drawn twice."""
    from tests import known_models as known

    seed = _SEED + 10 * repetition
    own = dict(_PROFILES[row.profile])
    if row.base is not None:
        own |= {"num_cases": 80, "num_scoring_episodes": 120}
    profile = replace(known.PROFILE, **own)
    profile = replace(profile, num_menu_cases=min(profile.num_cases, known.PROFILE.num_cases))
    changes: dict[str, Any] = {"planner": getattr(known, row.planner)()}
    if row.profile == "goal_frames":
        changes["criteria"] = known.criteria(
            nuisances={"background.color": [0.5, 1.0], "light.gain": [1.0]}
        )
    if profile.goal_offsets_env_steps:
        far = known.far_cases(profile.num_cases, seed=seed + 4)
        changes["offset_cases"] = dict.fromkeys(profile.goal_offsets_env_steps, far)
    draw = known.cases_behind_the_wall if row.cases == "behind_the_wall" else known.cases
    return known.bench(
        model,
        profile=profile,
        seed=seed,
        cases=draw(profile.num_cases, seed=seed + 1),
        calibration=known.lawful_episodes(profile.num_calibration_episodes, seed=seed + 2),
        scoring=known.lawful_episodes(profile.num_scoring_episodes, seed=seed + 3),
        **changes,
    )


@dataclass(frozen=True)
class Ended:
    """One audit that came to its end."""

    row: str
    repetition: int
    found: tuple[Found, ...]
    seconds: float
    """Of a processor that has loaded the libraries."""
    error: str = ""
    """What was raised; no finding."""


def run(
    rows: Sequence[Row],
    repetitions: dict[str, int],
    workers: int,
    done: Collection[tuple[str, int]] = (),
) -> Iterator[Ended]:
    """Audits of all rows as they end, without those that are done."""
    todo = [
        (row, repetition)
        for repetition in range(max(repetitions.values()))
        for row in rows
        if repetition < repetitions[row.name] and (row.name, repetition) not in done
    ]
    if workers == 1:
        yield from (_timed(row, repetition) for row, repetition in todo)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_timed, row, repetition) for row, repetition in todo]
        for future in as_completed(futures):
            yield future.result()


def _timed(row: Row, repetition: int) -> Ended:
    _load()
    began = time.process_time()
    found: tuple[Found, ...] = ()
    error = ""
    try:
        found = tuple(audit_once(row, repetition))
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    return Ended(row.name, repetition, found, time.process_time() - began, error)


@cache
def _load() -> None:
    """What a process does once, whatever it audits; torch loads its compiler to count."""
    import torch

    import tests.known_models.judging  # noqa: F401
    from perturbations.suites.operations import count

    torch.set_num_threads(1)
    count(lambda: torch.zeros(1) + 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=20, help="audits of each model")
    parser.add_argument("--perfect", type=int, default=100, help="audits of the perfect model")
    parser.add_argument("--only", nargs="+", help="models by name")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--log",
        type=Path,
        help="one JSON line for each audit; audits that are in it do not run again",
    )
    parser.add_argument("--write", action="store_true", help="keep the tables in docs/")
    options = parser.parse_args()
    matrix = read_matrix()
    rows = [row for row in matrix.rows if not options.only or row.name in options.only]
    repetitions = {
        row.name: options.perfect if row.name == "Oracle" else options.repetitions for row in rows
    }
    began = time.time()
    ended = _read_back(options.log, repetitions) if options.log else []
    done = {(one.row, one.repetition) for one in ended}
    for one in run(rows, repetitions, options.workers, done):
        ended.append(one)
        if options.log:
            _write_down(one, options.log)
    results = [
        RowResult(row, tuple(one.found for one in ended if one.row == row.name)) for row in rows
    ]
    missed = missed_bars(results, matrix.bars)
    missed += [f"{one.row} {one.repetition}: {one.error}" for one in ended if one.error]
    times = Times([one.seconds for one in ended], matrix.bars)
    missed += times.missed()
    lines = [
        family_table(results),
        finding_table(results),
        blind_spots(results),
        unasked(results),
        f"{len(ended)} audits, {len(ended) - len(done)} of them now, in "
        f"{(time.time() - began) / 60:.1f} minutes with {options.workers} processes; "
        f"{times.words()}.",
        "\n".join(f"- Missed: {line}" for line in missed) or "Every bar is met.",
    ]
    text = "\n\n".join(lines)
    print(text)
    if options.write:
        keep("audit_validity", f"{made_with('tests.benchmarks.audit_validity')}\n\n{text}")
    return 1 if missed else 0


def _write_down(one: Ended, path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(one)) + "\n")


def _read_back(path: Path, repetitions: dict[str, int]) -> list[Ended]:
    """Audits of an earlier run that are asked for again; those that raised run anew."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        claims = tuple(Found(**claim) for claim in data.pop("found"))
        one = Ended(**data, found=claims)
        if one.repetition < repetitions.get(one.row, 0) and not one.error:
            found.append(one)
    return found


if __name__ == "__main__":
    sys.exit(main())
