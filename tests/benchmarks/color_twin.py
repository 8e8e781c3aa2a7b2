"""The bundled model and its colour-randomised twin: what the audit makes of both, and is it so?

    python -m tests.benchmarks.color_twin --out FOLDER

runs what `standard` has about visual shift and violations on both unless FOLDER has that, and puts
every background at which the audit says that success is lost or kept through a loop of its own
(`color_loop`), on other cases. What was expected is printed beside what
was found; exit status 1 when anything is missing. `color_twin_recipe` makes the twin;
docs/color-twin.md keeps the figures.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from envelope.cli.files import Folder
from envelope.records import Envelope, Estimate, Strength
from lewm.adapter import load_model
from lewm.pretrained import bundled, recipe
from perturbations.nuisances import color
from perturbations.nuisances.color_ways import TARGETS
from tests.benchmarks.color_loop import Found, Loop
from tests.benchmarks.color_twin_recipe import NAME

SUITES = ("planning", "nuisance_shift", "worst_case", "voe")
CLASS = "background.color"


def measured(model: Path, folder: Path) -> Envelope:
    """The record of a standard run without drift and exploitation, made unless it is there."""
    files = Folder(folder)
    if not files.envelope.exists():
        chosen = [word for name in SUITES for word in ("--suite", name)]
        words = ["measure", "--model", str(model), "--profile", "standard", "--out", str(folder)]
        done = subprocess.run([sys.executable, "-m", "envelope.cli", *words, *chosen], check=False)
        if done.returncode:
            raise SystemExit(f"measuring {model.name} ended with {done.returncode}")
    return files.read_envelope()


def tell(name: str, record: Envelope) -> None:
    """Print what a record says of success, of each nuisance, and of what monitors see."""
    claims = {claim.id: claim for claim in record.claims}
    print(f"\n{name}: {claims['planning.success'].reason}")
    for nuisance, scope in sorted(record.input_scope.nuisance.items()):
        claim = claims[f"nuisance.{nuisance}"]
        print(f"  {nuisance}: {claim.outcome}; {claim.reason}")
        for one in scope.boundaries:
            ends = f"[{one.amount.low:.3g}, {one.amount.high:.3g}]"
            beyond = " or beyond" if one.is_open else ""
            print(f"    limit {one.direction}: {one.amount.value:.3g} {ends}{beyond} {scope.unit}")
    for claim in record.claims:
        if claim.id == "nuisance.joint" or claim.id.startswith("worst_case."):
            print(f"  {claim.id}: {claim.verdict}; {claim.reason}")
    for monitor in record.monitors:
        for violation in ("teleport", "background.color", "agent.color"):
            found = claims[f"monitor.{monitor.name}.{violation}"]
            print(f"  {monitor.name} on {violation}: {found.outcome}; {found.reason}")
        print(f"  {monitor.name} is blind to: {', '.join(monitor.blind_spots) or 'nothing shown'}")


Confirmed = list[tuple[Strength, Found, str]]
"""A background of the record, what the other loop found there, and what it calls that."""


def confirmed(model: Path, record: Envelope) -> Confirmed:
    """Every background that ran on the current frame, in a loop that the suites know nothing of."""
    thresholds = {monitor.name: monitor.threshold for monitor in record.monitors}
    loop = Loop(load_model(model), thresholds, record.seed)
    origin = recipe.world().factors[CLASS]
    limits = record.criteria
    answers: Confirmed = []
    for point in record.input_scope.nuisance[CLASS].strengths:
        if point.frames != "current" or point.outcome == "not_measured":
            continue
        target = TARGETS[point.direction]
        share = point.amount / float(color.delta_e(origin, target))
        found = loop.under(color.between(origin, target, share))
        called = found.outcome(
            allowed_drop=limits.max_success_drop, detection_rate=limits.detection_rate
        )
        answers.append((point, found, called))
    return answers


def tell_confirmed(answers: Confirmed) -> None:
    """Print what both loops say of each background."""
    for point, found, called in answers:
        rates = ", ".join(f"{name} {_figures(rate)}" for name, rate in found.alarms.items())
        print(
            f"  {point.direction} {point.amount:.3g} delta E: audit {point.outcome}, own loop "
            f"{called}; success {_figures(found.success)}, drop {_figures(found.drop)}; "
            f"alarms: {rates}; disagreement with other ensembles "
            f"{min(found.redrawn):.2f} to {max(found.redrawn):.2f}, median "
            f"{np.median(found.redrawn):.2f}"
        )


def judge(base: Envelope, twin: Envelope, answers: Confirmed) -> bool:
    """Print what was expected, and whether it was found."""
    halved = [
        (point, called)
        for point, found, called in answers
        if found.drop.low >= found.success.value  # lost at least as much as is left
    ]
    expected = {
        "teleports are detected by a monitor of each model": all(
            any(_outcome(one, f"monitor.{m.name}.teleport") == "detected" for m in one.monitors)
            for one in (base, twin)
        ),
        "a colour change is missed by a monitor of each model, and published as a blind spot": all(
            any({"background.color", "agent.color"} & set(m.blind_spots) for m in one.monitors)
            for one in (base, twin)
        ),
        "every background that halves success is called silent or loud, as the own loop does": (
            bool(halved)
            and all(
                point.outcome == called in ("fails_silently", "fails_loudly")
                for point, called in halved
            )
        ),
        "the twin's limit of background.color lies further out, the brackets apart": (
            _nearest(twin).low >= _nearest(base).high
        ),
    }
    for words, is_so in expected.items():
        print(f"{'yes' if is_so else 'NO '}  {words}")
    for name, record in (("bundled", base), ("twin", twin)):
        print(f"{name}: {CLASS} {_figures(_nearest(record))}")
    return all(expected.values())


def _figures(found: Estimate) -> str:
    return f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}]"


def _outcome(record: Envelope, claim_id: str) -> str:
    return next(claim.outcome for claim in record.claims if claim.id == claim_id)


def _nearest(record: Envelope) -> Estimate:
    found = record.input_scope.nuisance[CLASS].boundaries
    return min((one.amount for one in found), key=lambda amount: amount.value)


def main() -> None:
    """Measure both where that is absent, confirm, tell what was expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the records")
    options = parser.parse_args()
    torch.set_num_threads(1)
    models = {"bundled": bundled("two_room"), "twin": bundled(NAME)}
    records = {name: measured(model, options.out / name) for name, model in models.items()}
    answers: Confirmed = []
    for name, record in records.items():
        tell(name, record)
        own = confirmed(models[name], record)
        tell_confirmed(own)
        answers += own
    print()
    sys.exit(0 if judge(records["bundled"], records["twin"], answers) else 1)


if __name__ == "__main__":
    main()
