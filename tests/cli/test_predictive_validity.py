"""The harness of predictive validity: what it draws, what it asks, how it counts."""

import subprocess
import sys

import pytest

from lewm.worlds import make_world
from perturbations.nuisances.mixture import Change
from perturbations.statistics import stats
from tests.benchmarks.deployments import STRATA, Deployment, admitted_classes, draw, write_deploy
from tests.benchmarks.predictive_validity import Judged, Truth, lower_bound, table
from tests.cli.commands import ROOT, envelope


@pytest.fixture
def drawn(measured):
    record = measured.read_envelope()
    world = make_world({"world": "two-room", "size_px": 16, "factors": {}})
    return record, draw(record, world, 50, seed=0)


def ask(record, files, deployment):
    path = files.path.parent / "deployments" / "one.yaml"
    write_deploy(record, files, deployment, path)
    return envelope("check", "--deploy", path, "--key", "lab.pub", "--json")


def test_deployments_come_in_the_shares_that_are_told(drawn):
    _, deployments = drawn

    assert len(deployments) == 50
    for stratum, share in STRATA.items():
        found = [d for d in deployments if d.stratum == stratum]
        assert len(found) == pytest.approx(share * 50, abs=1), stratum
    assert len({d.words() for d in deployments}) > 40


def test_check_calls_inside_what_was_drawn_inside_and_outside_what_another_planner_is(
    drawn, measured
):
    record, deployments = drawn
    assert admitted_classes(record) == ["light.gain"]
    by_stratum = {deployment.stratum: deployment for deployment in deployments}

    assert ask(record, measured, by_stratum["inside, one class"]).status == 0
    other = ask(record, measured, by_stratum["planner"])
    assert other.status == 1
    (name,) = by_stratum["planner"].planner
    assert any(reason["subject"].endswith(f".{name}") for reason in other.json["reasons"])


def test_an_amount_beyond_what_is_admitted_is_outside(measured):
    brighter = Deployment(0, "x", (Change("light.gain", "brighter", 1.9, 1.0),))

    done = ask(measured.read_envelope(), measured, brighter)

    assert done.status == 1
    assert "input_scope.nuisance.light.gain" in [r["subject"] for r in done.json["reasons"]]


def test_soundness_counts_those_inside_and_usefulness_those_that_are_fine():
    judged = [_judged(is_inside=True, is_fine=i < 39) for i in range(40)]
    judged += [_judged(is_inside=False, is_fine=i < 13) for i in range(20)]

    assert lower_bound(judged) == pytest.approx(stats.clopper_pearson(39, 40).low)
    last = table(judged)[-1]
    assert last.startswith("| all drawn | 60 | 40 | 52 | 39 of 40, 0.975 ")
    assert "| 39 of 52, 0.750 " in last


def test_without_a_deployment_inside_nothing_is_sound():
    assert lower_bound([_judged(is_inside=False, is_fine=True)]) == 0.0


def _judged(*, is_inside, is_fine):
    truth = Truth(stats.clopper_pearson(50, 60), None, is_fine=is_fine, is_open=False)
    return Judged(Deployment(0, "planner"), is_inside, (), truth)


@pytest.mark.slow
def test_a_small_run_prints_its_table_and_says_that_few_deployments_show_little(tmp_path):
    words = ["--profile", "quick", "--num", "10", "--climbs", "1", "--moves", "2", "--most", "60"]
    words += ["--envelope", str(tmp_path), "--doc", str(tmp_path / "doc.md")]

    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.predictive_validity", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stderr  # ten cannot have a lower bound of 0.90
    assert "| all drawn | 10 |" in done.stdout
    assert "Soundness, lower 95 % bound: " in (tmp_path / "doc.md").read_text()
