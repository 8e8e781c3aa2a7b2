"""Whoever wants a bad candidate accepted: what the gate does about it, tried for real."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from envelope.cli.files import Folder
from envelope.gate import Gate, fresh_seed
from lewm.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lewm.data.windows import ActionStats
from tests.cli.commands import envelope
from tests.cli.gating import ATTESTED, CRITERIA, gate, nudged
from tests.cli.making import loose_criteria

FEW = ("--cases", "20", "--margin", "0.2")


def turned_round(folder: Path) -> int:
    """Edit kept cells: what was solved was not, and the reverse. Returns how many were changed."""
    changed = 0
    for path in folder.glob("*.json"):
        content = json.loads(path.read_bytes())
        rows = content.get("cell", {}).get("rows", {})
        if "success" in rows:
            rows["success"] = [not solved for solved in rows["success"]]
            path.write_text(json.dumps(content))
            changed += 1
    return changed


def base_success(done) -> float:
    (found,) = [
        one["estimate"]["value"]
        for one in done.json["reported"]
        if (one["quantity"], one["condition"]) == ("success", {"arm": "base"})
    ]
    return found


@pytest.fixture
def beside_measured(measured):
    """A base with a signed record of `quick`, and a candidate that is nearly the base."""
    nudged(Path("ckpt.pt"), Path("tuned.pt"), by=1e-6)
    return measured


@pytest.fixture
def pair(to_gate, small_profile):
    """Base and candidate in the folder of the test, and few episodes to measure."""
    return to_gate


def judged(*words):
    return envelope("gate", "--base", "ckpt.pt", "--candidate", "tuned.pt", *words, "--json")


# --- evidence that somebody put there --------------------------------------------------------


def test_kept_cells_of_the_base_are_believed_only_where_nothing_was_signed(beside_measured):
    assert turned_round(beside_measured.cells)

    signed = judged(*ATTESTED, "--out", "a")
    plain = judged(*CRITERIA, "--out", "b")

    assert base_success(signed) < 0.5 < base_success(plain)


@pytest.mark.usefixtures("small_profile")
def test_measurements_that_nobody_signed_are_refused_beside_a_signed_record(beside_measured):
    text = beside_measured.measurements.read_text()
    beside_measured.measurements.write_text(text.replace("true", "false", 1))

    done = judged(*ATTESTED, *FEW)

    assert (done.status, done.json["reason"]) == (3, "digest_mismatch")
    beside_measured.measurements.unlink()
    assert judged(*ATTESTED, *FEW).status in (0, 1)


@pytest.mark.usefixtures("small_profile")
def test_cells_that_came_with_the_candidate_are_not_read_where_the_record_is_signed(
    beside_measured,
):
    assert judged(*ATTESTED, *FEW).status in (0, 1)
    shutil.copytree("tuned.gate/.cells", Folder(Path("tuned.envelope")).cells)
    assert turned_round(Folder(Path("tuned.envelope")).cells)
    shutil.rmtree("tuned.gate")

    again = judged(*ATTESTED, *FEW)

    arms = {
        one["condition"]["arm"]: one["estimate"]["value"]
        for one in again.json["reported"]
        if one["quantity"] == "success"
    }
    assert arms["base"] == arms["candidate"] > 0


def test_fresh_believes_no_cell_and_keeps_none(pair):
    first = gate(*FEW, "--fresh", "--json")
    assert first.status == 0, first
    assert not Path("tuned.gate/.cells").exists()
    seed = str(first.json["seed"])
    assert gate(*FEW, "--seed", seed).status == 0
    assert turned_round(Path("tuned.gate/.cells"))

    again = gate(*FEW, "--fresh", "--json")

    assert {**again.json, "measured_at": ""} == {**first.json, "measured_at": ""}


# --- cases that the candidate was made for -----------------------------------------------------


def test_fresh_cases_follow_from_both_models_so_that_none_can_be_made_for_them(pair):
    nudged(Path("base.pt"), Path("other.pt"), by=2e-6)

    found = [
        gate(*FEW, "--fresh", "--json", candidate=name).json for name in ("tuned.pt", "other.pt")
    ]

    assert found[0]["seed"] != found[1]["seed"]
    for one in found:
        record = Gate.model_validate(one)
        assert record.is_fresh
        assert record.seed == fresh_seed(record.base, record.candidate)
        with pytest.raises(ValueError, match="does not follow from the two models"):
            Gate.model_validate({**one, "seed": 0})


def test_whoever_asks_for_fresh_cases_does_not_choose_them(pair):
    assert gate("--fresh", "--seed", "3").status == 2


# --- checkpoints that are not what they seem ---------------------------------------------------


def codes(done) -> list[str]:
    return [one["code"] for one in done.json.get("remarks", [])]


def test_a_planner_that_the_candidate_brings_along_plans_nothing_and_is_told(pair):
    same = load_checkpoint(Path("base.pt"))
    weaker = replace(same.plan_config, num_samples=2, elites=2, iterations=1, horizon=5)
    save_checkpoint(Path("weaker.pt"), replace(same, plan_config=weaker))
    nudged(Path("base.pt"), Path("tuned.pt"), by=1e-6, plan_config=weaker)

    done = gate(*FEW, "--json")

    assert done.json["planner_scope"]["num_samples"] == same.plan_config.num_samples
    assert codes(done) == ["other_planner"]
    assert "num_samples 2, the base's 8" in done.json["remarks"][0]["message"]
    alone = gate("--json", candidate="weaker.pt")
    assert [one["code"] for one in alone.json["reasons"]] == ["same_model"]
    assert codes(alone) == ["other_planner"]


def test_equal_tensors_under_another_scale_of_actions_are_another_model(pair):
    same = load_checkpoint(Path("base.pt"))
    stats = ActionStats(mean=same.action_stats.mean, std=(1e-3, 1e-3))
    save_checkpoint(Path("tuned.pt"), replace(same, action_stats=stats))

    done = gate(*FEW, "--json")

    assert done.json["cells"], "it was measured, not waved through as the same model"
    ratio = {
        one["condition"]["arm"]: one["estimate"]["value"]
        for one in done.json["reported"]
        if one["quantity"] == "drift_ratio"
    }
    assert ratio["candidate"] != pytest.approx(ratio["base"], rel=0.01)
    assert set(codes(done)) == {"other_action_scale", "no_tuning_step"}


def test_a_candidate_without_its_tuning_step_is_measured_alike_and_told(pair):
    told = gate(*FEW, "--json")
    nudged(Path("base.pt"), Path("tuned.pt"), by=1e-6, tuning=[])

    silent = gate(*FEW, "--json")

    assert codes(told) == []
    assert codes(silent) == ["no_tuning_step"]
    assert silent.json["compared"] == told.json["compared"]
    assert "remark: no_tuning_step" in gate(*FEW).out


def test_a_tuning_step_from_another_base_is_told(pair):
    step = {"name": "all: 9 updates", "from": "\n::error::a"}
    nudged(Path("base.pt"), Path("tuned.pt"), by=1e-6, tuning=[step])

    done = gate(*FEW)

    (told,) = [line for line in done.out.splitlines() if "other_origin" in line]
    assert r"was made from '\n::error::a', the base" in told


@pytest.mark.parametrize("name", ["x\n::error::y.pt", "x\nACCEPT  tuned.pt\n.pt", "\x1b[2J.pt"])
def test_a_name_that_would_write_lines_of_a_log_is_refused(pair, name):
    Path("tuned.pt").rename(name)

    done = gate(*FEW, candidate=name)

    done.refused(2, "which cannot be printed")
    assert name not in done.err


@pytest.mark.parametrize("what", [float("nan"), float("inf")])
def test_one_number_that_is_not_finite_is_no_reason_to_be_accepted(pair, what):
    same = load_checkpoint(Path("base.pt"))
    name = next(one for one in same.tensors if one.startswith("predictor."))
    tensors = {**same.tensors, name: same.tensors[name].clone()}
    tensors[name].view(-1)[0] = what
    save_checkpoint(Path("broken.pt"), replace(same, tensors=tensors))

    done = gate(*FEW, "--json", candidate="broken.pt")

    assert (done.status, done.json["reason"]) == (2, "crashed"), done


def test_no_worse_than_a_base_that_cannot_plan_is_told_as_that(pair):
    loose_criteria(Path("loose.yaml"), success_at_least="0.9")

    done = gate(*FEW, "--json")

    assert codes(done) == ["weak_base"]
    assert "the criteria ask for 0.9" in done.json["remarks"][0]["message"]
