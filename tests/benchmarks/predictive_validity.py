"""Does an envelope predict? Random deployments: what `check` says of each, and what then happens.

    python -m tests.benchmarks.predictive_validity --envelope FOLDER [--workers 2] [--doc FILE]

measures the bundled model into FOLDER with `envelope measure --profile standard`, unless it was;
draws deployments; writes a deploy file for each and asks `envelope check`; runs each in closed loop
on fresh cases. Exit status 1 when the lower 95 % bound of soundness is below 0.90.

*Fine* is a deployment whose success on fresh cases reaches the recorded `success_at_least` and, on
cases at the measured goal distance, lies at most `max_success_drop` below that of the recorded
deployment on the same cases. Truth is itself an estimate: a deployment runs on 60 cases, and on 60
more, up to 240, as long as either 95 % interval straddles its limit. Then the share that was seen
decides; how many were still open is said. Only deployments that were called inside get more than
60. Every closed loop is kept as a cell, so a run that was stopped goes on where it stopped.

*Soundness* is the share of the deployments called inside that are fine, *usefulness* the share of
the fine ones that are called inside. The red team climbs from random places inside the envelope
towards failure, on cases of its own; the worst place that each climb found counts as a deployment.
"""

import argparse
import platform
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from envelope.cli.choices import Choices
from envelope.cli.files import Folder
from envelope.cli.workbench import Workbench, build
from envelope.criteria import default_criteria
from envelope.deploy import DeployedConventions, DeployedPlanner
from envelope.records import Envelope, Estimate, NuisanceScope
from lewm.pretrained import bundled
from lewm.worlds import make_world
from perturbations.cells import rows
from perturbations.cells.runner import CellStore, Runner
from perturbations.closed_loop import Loop
from perturbations.episodes import Cases
from perturbations.nuisances.mixture import Look, Mix
from perturbations.profiles import find_profile
from perturbations.seeding import derive_seed, digest_arrays
from perturbations.statistics import stats
from tests.benchmarks.deployments import (
    STRATA,
    Deployment,
    admitted_classes,
    change_inside,
    draw,
    rounded,
    write_deploy,
)
from tests.cli import commands

FRESH_SEED = 20_000_003
"""Of the cases; a record is measured with seeds far below."""
STEP, MOST = 60, 240
"""Cases at first and with every extension, and at most."""
POOL = 640
"""Fresh cases that deployments draw from; the last quarter is the red team's to search on."""
CLIMBS, MOVES, CLIMB_CASES = 24, 8, 30
"""Budget of the red team: climbs, places tried in each, cases of each try."""
SOUND_AT_LEAST = 0.90
NOMINAL_OFFSET = "goal_offset_env_steps"


@dataclass(frozen=True)
class Truth:
    """What a deployment did on fresh cases."""

    success: Estimate
    drop: Estimate | None
    """From the recorded deployment on the same cases; None at another goal distance."""
    is_fine: bool
    is_open: bool
    """Whether an interval still straddled its limit."""


@dataclass(frozen=True)
class Judged:
    """A deployment, what `check` said, and what was so."""

    deployment: Deployment
    is_inside: bool
    reasons: tuple[str, ...]
    truth: Truth


# --- the record ---------------------------------------------------------------------------------


def measured(folder: Path, *, profile: str, workers: int) -> Folder:
    """The folder of the signed record, measured by the command unless it is there."""
    files = Folder(folder / "two_room.envelope")
    if not files.attestation.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(bundled("two_room"), folder / "two_room.pt")
        if not (folder / "lab.key").exists():
            _must(commands.run("envelope", "keygen", folder / "lab"))
        words = ["--model", folder / "two_room.pt", "--profile", profile, "--workers", str(workers)]
        done = commands.run("envelope", "measure", *words, "--sign-key", folder / "lab.key")
        print(_must(done).err[-600:], flush=True)
    return files


def asked(folder: Path, files: Folder, deployment: Deployment) -> tuple[bool, tuple[str, ...]]:
    """What `envelope check` says of the deployment's own file: inside or not, and why not."""
    path = folder / "deployments" / f"{deployment.number:03d}.yaml"
    write_deploy(files.read_envelope(), files, deployment, path)
    done = commands.envelope("check", "--deploy", path, "--key", folder / "lab.pub", "--json")
    if done.status not in (0, 1):
        raise RuntimeError(f"check could not say anything of {path.name}: {done.err}")
    reasons = tuple(f"{r['code']} {r['subject']}" for r in done.json["reasons"])
    return done.status == 0, reasons


def _must(done: commands.Done) -> commands.Done:
    if done.status != 0:
        raise RuntimeError(f"{done.out}\n{done.err}")
    return done


# --- what happens -------------------------------------------------------------------------------


def _workbench(store: Path, planner: tuple[tuple[str, int], ...]) -> Workbench:
    """The bundled model with a planner that differs in these fields, on fresh cases."""
    said = dict(planner)
    conventions = DeployedConventions(
        goal_offset_env_steps=said.pop(NOMINAL_OFFSET, None),
        budget_env_steps=said.pop("budget_env_steps", None),
    )
    profile = replace(
        find_profile("quick"),
        num_cases=POOL,
        num_calibration_episodes=1,
        num_scoring_episodes=1,
        goal_offsets_env_steps=(),
    )
    choices = Choices(
        model=bundled("two_room"),
        criteria=default_criteria(),
        profile=profile,
        suites=("planning",),
        seed=FRESH_SEED,
        declared=DeployedPlanner(**said, conventions=conventions),
    )
    return build(choices, Runner(CellStore(store)))


@cache
def workbench(store: Path, planner: tuple[tuple[str, int], ...]) -> Workbench:
    """One per planner and process. All share their cases where their goal distance is the same."""
    return _workbench(store, planner)


def succeeded(
    store: Path, planner: tuple[tuple[str, int], ...], mix: Mix, numbers: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of the fresh cases of these numbers are solved under a mix."""
    torch.set_num_threads(1)
    bench = workbench(store, planner).bench
    cases = Cases(
        bench.cases.starts[numbers],
        bench.cases.goals[numbers],
        bench.cases.goal_offset_env_steps,
    )
    seeds = np.array([derive_seed(FRESH_SEED, "look", int(n)) for n in numbers], dtype=np.int64)
    loop = Loop(
        arm="model",
        cases=cases,
        streams=bench.streams_of_cases[numbers],
        budget_env_steps=bench.budget_env_steps,
        watched=False,
        numbers=numbers,
        look=Look([mix] * len(numbers), seeds),
    )
    said = "; ".join(f"{c.nuisance} {c.direction} {c.amount:.6g}" for c in mix)
    condition = {"mix": said, "numbers": digest_arrays(numbers=numbers)}
    cell = bench.runner.run(
        bench.key("predictive_validity", "model", condition, cases=cases.digest),
        partial(loop.run, bench),
    )
    if cell.status == "crashed":
        raise RuntimeError(f"{said}: {cell.error}")
    return rows.outcomes(cell)


def clean(part: int, *, store: Path) -> NDArray[np.bool_]:
    """Success of the recorded deployment on one part of the pool."""
    return succeeded(store, (), (), np.arange(part * STEP, (part + 1) * STEP))


def truth(
    asked_about: tuple[Deployment, bool], *, store: Path, as_recorded: NDArray[np.bool_], most: int
) -> Truth:
    """Run a deployment on as many fresh cases as it takes, up to `most` if it was called inside."""
    deployment, is_inside = asked_about
    criteria, planner = default_criteria(), tuple(sorted(deployment.planner.items()))
    is_paired = NOMINAL_OFFSET not in deployment.planner
    rng = np.random.default_rng(derive_seed(FRESH_SEED, "cases", deployment.number))
    order = rng.permutation(POOL * 3 // 4)
    seen = np.zeros(0, dtype=bool)
    while True:
        numbers = order[len(seen) :][:STEP]
        seen = np.append(seen, succeeded(store, planner, deployment.mix, numbers))
        success = stats.clopper_pearson(int(seen.sum()), len(seen))
        drop = None
        if is_paired:
            drop = stats.paired_difference(as_recorded[order[: len(seen)]], seen)
        limits = [(success, criteria.success_at_least)]
        limits += [(drop, criteria.max_success_drop)] if drop else []
        is_open = any(found.low < limit <= found.high for found, limit in limits)
        if not (is_open and is_inside) or len(seen) >= most:
            break
    is_fine = success.value >= criteria.success_at_least and (
        drop is None or drop.value <= criteria.max_success_drop
    )
    return Truth(success, drop, is_fine, is_open)


# --- the red team -------------------------------------------------------------------------------


def climbed(number: int, *, store: Path, envelope: Envelope, moves: int) -> Deployment:
    """The worst place that one climb finds: hill climbing over the mix, inside the envelope.

    Every second climb mixes several classes where the record admits that. A move takes another
    direction or class, or goes half of the way to the end of a range.
    """
    rng = np.random.default_rng(derive_seed(FRESH_SEED, "climb", number))
    world = make_world({"world": envelope.input_scope.world, "size_px": 64, "factors": {}})
    admitted = admitted_classes(envelope)
    if not admitted:
        return Deployment(1000 + number, "red team")
    num = len(admitted) if envelope.input_scope.joint and number % 2 else 1
    chosen = rng.choice(admitted, size=num, replace=False)
    scopes = inside(envelope, several=num > 1)
    best: Mix = tuple(change_inside(scopes[n], world, n, rng) for n in sorted(map(str, chosen)))
    first = POOL * 3 // 4 + int(rng.integers(POOL // 4 - CLIMB_CASES + 1))
    cases = np.arange(first, first + CLIMB_CASES)
    least = float(succeeded(store, (), best, cases).mean())
    for _ in range(moves - 1):
        tried = _moved(scopes, world, best, admitted, rng)
        found = float(succeeded(store, (), tried, cases).mean())
        if found <= least:
            best, least = tried, found
    return Deployment(1000 + number, "red team", best)


def inside(envelope: Envelope, *, several: bool) -> dict[str, NuisanceScope]:
    """The classes by how far they may go alone, or several at once."""
    scope = envelope.input_scope
    if not several:
        return scope.nuisance
    return {
        name: one.model_copy(
            update={"admitted": one.admitted.shrunk(one.nominal, scope.joint_scale)}
        )
        for name, one in scope.nuisance.items()
    }


def _moved(
    scopes: dict[str, NuisanceScope],
    world: Any,
    mix: Mix,
    admitted: list[str],
    rng: np.random.Generator,
) -> Mix:
    place = int(rng.integers(len(mix)))
    change, kind = mix[place], rng.random()
    scope = scopes[change.nuisance]
    if kind < 0.5:  # outwards
        full = scope.admitted.high if change.amount >= change.nominal else scope.admitted.low
        change = rounded(replace(change, amount=(change.amount + full) / 2))
    elif kind < 0.75 or len(mix) > 1:
        change = change_inside(scope, world, change.nuisance, rng, 0.5 + rng.random() / 2)
    else:
        other = str(rng.choice(admitted))
        change = change_inside(scopes[other], world, other, rng)
    return (*mix[:place], change, *mix[place + 1 :])


# --- the table ----------------------------------------------------------------------------------


def share(hits: Iterable[bool]) -> str:
    listed = list(hits)
    if len(listed) < 2:
        return f"{sum(listed)} of {len(listed)}" if listed else "none"
    found = stats.clopper_pearson(sum(listed), len(listed))
    return f"{sum(listed)} of {len(listed)}, {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def lower_bound(judged: Sequence[Judged]) -> float:
    """Of the share of fine ones among those called inside."""
    inside = [one.truth.is_fine for one in judged if one.is_inside]
    return stats.clopper_pearson(sum(inside), len(inside)).low if len(inside) > 1 else 0.0


def table(judged: Sequence[Judged]) -> list[str]:
    """Markdown: by stratum, then overall."""
    lines = [
        "| drawn | number | called inside | fine | fine of those inside | inside of those fine |",
        "|---|---|---|---|---|---|",
    ]
    for stratum in [*STRATA, "red team", "all drawn"]:
        own = [o for o in judged if o.deployment.stratum == stratum]
        if stratum == "all drawn":
            own = [o for o in judged if o.deployment.stratum != "red team"]
        if own:
            inside, fine = [o for o in own if o.is_inside], [o for o in own if o.truth.is_fine]
            lines.append(
                f"| {stratum} | {len(own)} | {len(inside)} | {len(fine)} "
                f"| {share(o.truth.is_fine for o in inside)} "
                f"| {share(o.is_inside for o in fine)} |"
            )
    return lines


def listing(judged: Sequence[Judged]) -> list[str]:
    """Every deployment that was called inside and is not fine, and why fine ones were not."""
    lines = ["Called inside and not fine:", ""]
    failed = [o for o in judged if o.is_inside and not o.truth.is_fine]
    lines += [f"- {_words(one)}" for one in failed] or ["- none"]
    left_out = Counter(
        reason for o in judged if o.truth.is_fine and not o.is_inside for reason in o.reasons
    )
    lines += ["", "Fine and not called inside, by what `check` said (one may have several):", ""]
    return lines + [f"- {number} {reason}" for reason, number in left_out.most_common()]


def _words(one: Judged) -> str:
    success, drop = one.truth.success, one.truth.drop
    said = f"{one.deployment.words()}: success {success.value:.3f}"
    if drop is not None:
        said += f", drop {drop.value:.3f} [{drop.low:.3f}, {drop.high:.3f}]"
    return f"{said}, {success.episodes} cases ({one.deployment.stratum})"


def judge_all(folder: Path, files: Folder, args: argparse.Namespace) -> list[Judged]:
    """Draw, ask, run."""
    envelope = files.read_envelope()
    world = make_world({"world": envelope.input_scope.world, "size_px": 64, "factors": {}})
    deployments = draw(envelope, world, args.num, seed=args.seed)
    store = folder / ".outcomes"
    with get_context("spawn").Pool(args.workers) as pool:
        parts = pool.map(partial(clean, store=store), range(POOL * 3 // 4 // STEP), chunksize=1)
        as_recorded = np.concatenate(parts)
        print(f"recorded deployment on fresh cases: {share(as_recorded.tolist())}", flush=True)
        climb = partial(climbed, store=store, envelope=envelope, moves=args.moves)
        deployments += pool.map(climb, range(args.climbs), chunksize=1)
        asking = [asked(folder, files, deployment) for deployment in deployments]
        print(f"{sum(inside for inside, _ in asking)} called inside", flush=True)
        run = partial(truth, store=store, as_recorded=as_recorded, most=args.most)
        about = [(d, inside) for d, (inside, _) in zip(deployments, asking, strict=True)]
        truths = []
        for found in pool.imap(run, about, chunksize=1):
            truths.append(found)
            if len(truths) % 20 == 0:
                print(f"{len(truths)} of {len(deployments)} deployments ran", flush=True)
    return [
        Judged(deployment, *said, found)
        for deployment, said, found in zip(deployments, asking, truths, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--envelope", type=Path, required=True, help="Folder; made if absent.")
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--num", type=int, default=200, help="Deployments.")
    parser.add_argument("--climbs", type=int, default=CLIMBS)
    parser.add_argument("--moves", type=int, default=MOVES)
    parser.add_argument("--most", type=int, default=MOST, help="Cases of one deployment.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--doc", type=Path, help="Write the tables to this file as well.")
    args = parser.parse_args()
    started = time.monotonic()
    files = measured(args.envelope, profile=args.profile, workers=args.workers)
    spent = time.monotonic() - started
    judged = judge_all(args.envelope, files, args)
    drawn = [one for one in judged if one.deployment.stratum != "red team"]
    low = lower_bound(drawn)
    red = [one for one in judged if one.deployment.stratum == "red team"]
    still_open = sum(one.truth.is_open for one in judged)
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {len(drawn)} deployments and {len(red)} climbs of "
        f"{args.moves} places on {CLIMB_CASES} cases each, up to {args.most} fresh cases per "
        f"deployment; {(time.monotonic() - started) / 60:.0f} minutes, {spent / 60:.0f} of them "
        f"measuring; torch {torch.__version__}, numpy {np.__version__}, Python "
        f"{platform.python_version()}, {args.workers} processes.",
        "",
        *table(judged),
        "",
        f"Soundness, lower 95 % bound: {low:.3f} (needed {SOUND_AT_LEAST}); of the red team's "
        f"places {lower_bound(red):.3f}. {still_open} of {len(judged)} deployments were still open "
        "after their last case.",
        "",
        *listing(judged),
    ]
    print("\n".join(lines))
    if args.doc:
        args.doc.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.exit(low < SOUND_AT_LEAST)


if __name__ == "__main__":
    main()
