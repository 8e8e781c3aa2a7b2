"""The two commands that the project is about, as they are typed, and the way back inside."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from envelope.cli.files import Folder
from tests.cli.commands import envelope, run
from tests.cli.making import awake_checkpoint, rewrite

HORIZON = r"(?m)^  horizon: \d+"


def test_a_new_configuration_is_checked_against_what_was_measured(measured):
    run("envelope", "trust", "add", "lab.pub")
    new_config = Path(shutil.copy(measured.deploy, "new_config.yaml"))

    inside = run("envelope", "check", "--deploy", "new_config.yaml")
    rewrite(new_config, HORIZON, "  horizon: 20")
    outside = run("envelope", "check", "--deploy", "new_config.yaml")

    assert inside.status == 0, inside
    assert inside.out.startswith("INSIDE what was measured")
    assert outside.status == 1, outside
    assert "OUTSIDE by planner_scope.horizon: declared 20, measured 5" in outside.out
    lapsed = re.search(r"\n  planner_scope.horizon: ((?:.*,\n)*.*)\n", outside.out)
    assert lapsed
    assert {"nuisance.light.gain", "drift.usable_horizon"} <= set(re.split(r",\s+", lapsed[1]))
    assert re.search(r"Measure again, about \d+ (s|min):", outside.out)
    for suite in ("planning", "nuisance_shift", "horizon_drift"):
        assert re.search(rf"\n  {suite}: about \d+ (s|min)\n", outside.out), suite


def test_the_command_that_the_check_asks_for_leads_back_inside(measured):
    new_config = rewrite(measured.deploy, HORIZON, "  horizon: 8", to=Path("new_config.yaml"))
    check = ("check", "--deploy", new_config, "--key", "lab.pub")
    outside = envelope(*check)
    assert outside.status == 1

    asked = next(line for line in outside.out.splitlines() if line.startswith("  envelope measure"))
    words = [*shlex.split(asked)[1:], "--criteria", "loose.yaml", "--sign-key", "lab.key"]
    again = envelope(*words)

    assert again.status == 0, again
    assert "  horizon: 8  # model steps" in measured.deploy.read_text()
    back = envelope("check", "--deploy", measured.deploy, "--key", "lab.pub")
    assert back.status == 0, back
    reasons = envelope(*check, "--json").json["reasons"]
    assert not [reason for reason in reasons if reason["subject"].startswith("planner_scope")]


@pytest.mark.slow
def test_measure_and_check_as_they_are_typed(keys):
    awake_checkpoint(keys / "ckpt.pt")

    measure = run("envelope", "measure", "--model", "ckpt.pt")

    assert measure.status == 0, measure
    assert "not signed; sign with: envelope sign ckpt.envelope --sign-key NAME.key" in measure.out
    record = Folder(Path("ckpt.envelope"))
    assert record.read_envelope().profile == "standard"
    shutil.copy(record.deploy, "new_config.yaml")
    run("envelope", "trust", "add", "lab.pub")
    unsigned = run("envelope", "check", "--deploy", "new_config.yaml")
    unsigned.refused(2, "names ckpt.envelope/attestation.json as `envelope`")
    assert run("envelope", "sign", "ckpt.envelope", "--sign-key", "lab.key").status == 0
    assert run("envelope", "check", "--deploy", "new_config.yaml").status == 0
