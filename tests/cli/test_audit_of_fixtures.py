"""The audit catches a real model with a planted fault: healthy in training, unable to plan."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from envelope.cli.choices import Choices
from envelope.cli.files import Folder
from envelope.cli.run import run
from envelope.criteria import default_criteria
from envelope.draft import draft
from envelope.records import Claim
from lewm.pretrained import bundled
from perturbations.profiles import find_profile

FOLDED = Path(__file__).parents[1] / "fixtures" / "folded.pt"
SMALL = replace(
    find_profile("quick"),
    num_cases=24,
    num_streams=1,
    num_calibration_episodes=59,
    num_scoring_episodes=8,
)


def claims_of(checkpoint: Path, folder: Path) -> list[Claim]:
    """Claims after measuring `planning` alone."""
    choices = Choices(
        model=checkpoint, criteria=default_criteria(), profile=SMALL, suites=("planning",)
    )
    measurements = run(choices, Folder(folder), now=datetime(2026, 1, 5, tzinfo=UTC))
    return draft(measurements).claims


def test_positions_folded_under_a_healthy_loss_are_caught(tmp_path):
    verdicts = {claim.id: claim.verdict for claim in claims_of(FOLDED, tmp_path)}

    assert verdicts["planning.success"] == "fails"
    assert verdicts["planning.share_of_ceiling"] == "fails"


def test_the_same_audit_fails_nothing_of_the_bundled_model_and_passes_over_nothing(tmp_path):
    claims = claims_of(bundled("two_room"), tmp_path)

    assert not [claim.id for claim in claims if claim.verdict == "fails"]
    for suite in ("nuisance_shift", "voe", "horizon_drift"):
        assert {claim.verdict for claim in claims if suite in claim.suites} == {"unknown"}
