"""Bounds of what little evidence can say, at the command itself."""

from pathlib import Path

from tests.cli.commands import envelope
from tests.cli.making import loose_criteria


def test_a_rate_that_the_calibration_episodes_cannot_support_is_refused_with_the_number_needed(
    measured,
):
    loose_criteria(Path("strict.yaml"), false_alarms_per_episode="0.01")

    done = envelope(
        "measure", "--model", "ckpt.pt", "--profile", "quick", "--criteria", "strict.yaml"
    )

    assert done.status == 0, done  # nothing crashed; nothing is said of the monitors either
    record = measured.read_envelope()
    assert record.monitors == []
    of_monitors = [claim for claim in record.claims if claim.id.startswith("monitor.")]
    assert {claim.verdict for claim in of_monitors} <= {"unknown"}
    refused = [one.reason for one in record.not_measured if one.what == "alarms of every monitor"]
    assert any("200" in reason and "299" in reason for reason in refused)
