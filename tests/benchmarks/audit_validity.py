"""Does an audit find what is wrong with a model, and nothing else?

    python -m tests.benchmarks.audit_validity [--repetitions 40] [--perfect 100] [--write]

Audits every known model of the expected matrix (audit_validity.yaml, fixed before the first run)
again and again, with other cases, episodes and noise each time; prints which claims failed how
often beside what was expected, and leaves with status 1 when a bar is missed. `--write` keeps the
tables in docs/audit-validity.md.
"""

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

from tests.benchmarks.audit_validity_table import (
    Found,
    Row,
    RowResult,
    family_table,
    finding_table,
    missed_bars,
    read_matrix,
)

_SEED = 20_000
"""Far from the seeds that the models and the tests were made with."""


def audit_once(row: Row, repetition: int) -> list[Found]:
    """All claims of one audit, on cases and episodes of its own."""
    from tests import known_models as known
    from tests.known_models.judging import claims_of

    claims = claims_of(bench_of(row, repetition, getattr(known, row.model)()))
    return [Found(c.id, c.family, c.verdict, c.outcome) for c in claims.values()]


def bench_of(row: Row, repetition: int, model: Any) -> Any:
    """The bench of one repetition: nothing is drawn twice."""
    from tests import known_models as known

    seed = _SEED + 10 * repetition
    profile = replace(known.PROFILE, num_menu_cases=known.PROFILE.num_cases)
    changes: dict[str, Any] = {}
    if row.profile == "goal_frames":
        profile = replace(profile, name="deep", shifted_cells="grid")
        changes["criteria"] = known.criteria(
            nuisances={"background.color": [0.5, 1.0], "light.gain": [1.0]}
        )
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


def run(
    rows: Sequence[Row], repetitions: dict[str, int], workers: int
) -> Iterator[tuple[str, list[Found], float]]:
    """Audits of all rows as they end: name of the row, claims, seconds of the processor."""
    todo = [
        (row, repetition)
        for repetition in range(max(repetitions.values()))
        for row in rows
        if repetition < repetitions[row.name]
    ]
    if workers == 1:
        yield from (_timed(row, repetition) for row, repetition in todo)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_timed, row, repetition) for row, repetition in todo]
        for future in as_completed(futures):
            yield future.result()


def _timed(row: Row, repetition: int) -> tuple[str, list[Found], float]:
    import torch

    torch.set_num_threads(1)
    began = time.process_time()
    found = audit_once(row, repetition)
    return row.name, found, time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=40, help="audits of each model")
    parser.add_argument("--perfect", type=int, default=100, help="audits of the perfect model")
    parser.add_argument("--only", nargs="+", help="models by name")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true", help="keep the tables in docs/")
    options = parser.parse_args()
    matrix = read_matrix()
    rows = [row for row in matrix.rows if not options.only or row.name in options.only]
    repetitions = {
        row.name: options.perfect if row.name == "Oracle" else options.repetitions for row in rows
    }
    began = time.time()
    audits: dict[str, list[tuple[Found, ...]]] = defaultdict(list)
    slowest = spent = 0.0
    for name, found, seconds in run(rows, repetitions, options.workers):
        audits[name].append(tuple(found))
        slowest, spent = max(slowest, seconds), spent + seconds
    results = [RowResult(row, tuple(audits[row.name])) for row in rows]
    missed = missed_bars(results, matrix.bars)
    num = sum(map(len, audits.values()))
    lines = [
        family_table(results),
        finding_table(results),
        f"{num} audits in {(time.time() - began) / 60:.1f} minutes with {options.workers} "
        f"processes; {spent / num:.1f} s of a processor for one, {slowest:.1f} s for the slowest.",
        "\n".join(f"Missed: {line}" for line in missed) or "Every bar is met.",
    ]
    print("\n\n".join(lines))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
