"""`envelope gate` end to end: every exit status, what it leaves, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from envelope.cli.files import GateFolder
from envelope.gate import Gate
from envelope.schema import schema_of
from lewm.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lewm.config import tiny
from lewm.data.windows import ActionStats
from lewm.pretrained import bundled
from tests.bad.cli import make
from tests.cli.commands import envelope, run
from tests.cli.gating import ATTESTED, CRITERIA, gate, nudged
from tests.cli.making import SIZE_PX, awake_checkpoint, loose_criteria

pytestmark = pytest.mark.usefixtures("small_profile")


@pytest.fixture
def folder(to_gate):
    """Of base and candidate."""
    return to_gate


def test_a_candidate_that_does_the_same_is_accepted_and_the_record_says_what_was_compared(folder):
    done = gate("--cases", "20", "--margin", "0.2", "--json")

    assert done.status == 0, done
    record = Gate.model_validate_json(done.out)
    assert Gate.model_validate_json(Path("tuned.gate/gate.json").read_bytes()) == record
    Draft202012Validator(schema_of("gate")).validate(done.json)
    assert (record.decision, record.exit_status) == ("accept", 0)
    assert {one.kind for one in record.compared} >= {"success", "false_alarms", "usable_horizon"}
    assert record.base.tensor_digest != record.candidate.tensor_digest
    assert record.candidate.tuning == ["noise of 1e-06 on the predictor"]
    assert record.cells
    assert str(folder) not in done.out


def test_with_a_narrow_margin_the_same_candidate_is_undecided_and_told_how_many_cases(folder):
    done = gate("--cases", "20", "--margin", "0.05")

    assert done.status == 1, done
    assert done.out.startswith("UNDECIDED  tuned.pt in the place of base.pt\n")
    assert "cases would decide" in done.out
    again = gate("--cases", "20", "--margin", "0.05", "--json")
    assert again.json["decision"] == "undecided"
    assert {reason["code"] for reason in again.json["reasons"]} == {"undecided"}


def test_a_tuned_bundled_model_that_cannot_plan_any_more_is_reverted_early(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loose_criteria(tmp_path / "loose.yaml")
    nudged(bundled("two_room"), tmp_path / "tuned.pt", by=1.0)

    done = gate("--json", base=bundled("two_room"))

    assert done.status == 1, done
    assert done.json["decision"] == "revert"
    assert [(r["code"], r["subject"]) for r in done.json["reasons"]] == [("inferior", "success")]
    assert done.json["num_cases_run"] < done.json["num_cases"] == 40
    assert not bundled("two_room").with_suffix(".envelope").exists()


def test_the_base_itself_in_another_file_is_accepted_without_measuring_anything(folder):
    save_checkpoint(Path("same.safetensors"), load_checkpoint(Path("base.pt")))

    done = gate("--json", candidate="same.safetensors")

    assert done.status == 0, done
    assert [reason["code"] for reason in done.json["reasons"]] == ["same_model"]
    assert done.json["cells"] == []


def test_finished_cells_are_used_again(folder):
    gate("--cases", "20")
    kept = {path.name for path in Path("tuned.gate/.cells").iterdir()}

    done = gate("--cases", "20")

    assert done.status == 1, done
    assert {path.name for path in Path("tuned.gate/.cells").iterdir()} == kept


def test_any_number_of_processes_gives_the_same_record_and_says_where_the_time_went(folder):
    one = gate("--cases", "20", "--json", "--out", "one")
    two = gate("--cases", "20", "--json", "--out", "two", "--workers", "2")

    assert one.status == two.status == 1, two
    assert {**two.json, "measured_at": ""} == {**one.json, "measured_at": ""}
    alone, shared = (rows_by_cell(Path(name, ".cells")) for name in ("one", "two"))
    assert alone == shared
    assert set(two.json["cells"]) <= shared.keys()
    for done in (one, two):
        assert "cells: " in done.err
        assert "seconds of this run by kind: " in done.err


def rows_by_cell(folder):
    return {path.stem: json.loads(path.read_bytes())["cell"]["rows"] for path in folder.iterdir()}


# --- signed ------------------------------------------------------------------------------------


@pytest.fixture
def signed(folder, keys):
    """A decision that `lab` signed, with a page, and the keys."""
    done = gate("--cases", "20", "--sign-key", "lab.key", "--html", "tuned.gate/gate.html")
    assert done.status == 1, done
    return GateFolder(Path("tuned.gate"))


def verify(files, *words, key="lab.pub"):
    return envelope("verify", files.attestation, "--key", key, *words)


def test_a_signed_decision_is_verified_with_both_models_and_says_what_was_decided(signed):
    save_checkpoint(Path("same.safetensors"), load_checkpoint(Path("tuned.pt")))

    done = verify(signed, "--file", "tuned.pt", "--file", "base.pt", "--load", "same.safetensors")

    assert done.status == 0, done
    assert "UNDECIDED  tuned.pt in the place of base.pt" in done.out
    told = verify(signed, "--file", "tuned.pt", "--json").json
    assert (told["decision"], told["exit_status"]) == ("undecided", 0)
    assert [match["subject"] for match in told["files"]] == [
        "gate.json",
        "gate.html",
        "candidate/tuned.pt",
    ]
    assert {reason["code"] for reason in told["reasons"]} == {"undecided"}
    page = (signed.path / "gate.html").read_text()
    assert f"sha256:{told['gate_id']}" in page
    assert "tuned.pt in the place of base.pt" in page


def test_a_decision_without_a_key_leaves_no_attestation_of_another_one(signed):
    assert gate("--cases", "20").status == 1

    assert not signed.attestation.exists()


def test_a_signed_decision_does_not_vouch_for_another_model_or_another_file(signed):
    nudged(Path("base.pt"), Path("other.pt"), by=1e-5)

    verify(signed, key="other.pub").refused(3)
    verify(signed, "--file", "other.pt").refused(3, "other.pt is not what")
    verify(signed, "--load", "base.pt").refused(3, "is not the checkpoint in the record")
    verify(signed, "--recompute").refused(2, "carries no rows")
    text = signed.gate.read_text()
    signed.gate.write_text(text.replace('"decision": "undecided"', '"decision": "accept"'))
    verify(signed).refused(3, "gate.json is not what")
    signed.gate.unlink()
    assert verify(signed).status == 0
    (signed.path / "gate.html").write_text("accepted")
    verify(signed).refused(3, "gate.html is not what")


def test_the_models_may_lie_in_folders_called_base_and_candidate(folder, keys):
    for role, name in (("base", "base.pt"), ("candidate", "tuned.pt")):
        (folder / role).mkdir()
        (folder / name).rename(folder / role / name)
    words = ("--cases", "20", "--out", ".", "--sign-key", "lab.key")
    assert gate(*words, base="base/base.pt", candidate="candidate/tuned.pt").status == 1
    files = GateFolder(Path())

    done = verify(files, "--file", "candidate/tuned.pt")

    assert done.status == 0, done
    (folder / "base" / "base.pt").write_bytes(b"a file that nobody signed")
    assert verify(files).status == 0
    verify(files, "--file", "base/base.pt").refused(3, "base.pt is not what")


def test_a_signed_decision_is_no_envelope(signed):
    words = ("--envelope", signed.attestation, "--key", "lab.pub")

    envelope("gate", "--base", "base.pt", "--candidate", "tuned.pt", *words).refused(
        3, "its predicateType is"
    )


def test_a_key_that_cannot_be_read_is_refused_before_anything_is_measured(folder):
    gate("--sign-key", "gone.key").refused(2, "gone.key")
    assert not Path("tuned.gate").exists()


# --- refusals ------------------------------------------------------------------------------------


def test_a_candidate_of_another_world_is_refused(folder):
    awake_checkpoint(
        folder / "other.pt", world={"world": "maze", "size_px": SIZE_PX, "factors": {}}
    )

    gate(candidate="other.pt").refused(
        2, "other.pt cannot take the place of base.pt: its world is maze, the base's two-room"
    )
    assert not Path("other.gate/gate.json").exists()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"block_size": 4}, "its block size in env steps is 4, the base's 5"),
        ({"action_width": 3}, "its action width is 3, the base's 2"),
        ({"image_size": 2 * SIZE_PX}, f"its frame size in px is {2 * SIZE_PX}, the base's"),
    ],
)
def test_a_candidate_that_the_planner_cannot_use_is_refused(folder, config, message):
    from lewm.build import new_model
    from lewm.planning.plan_config import PlanConfig

    made = replace(tiny(image_size=SIZE_PX), **config)
    stats = ActionStats(mean=(0.0,) * made.action_width, std=(1.0,) * made.action_width)
    plan = PlanConfig(num_samples=8, iterations=1, elites=2, block_size=made.block_size)
    tensors = dict(new_model(made, seed=0).state_dict())
    awake_checkpoint(
        folder / "other.pt", config=made, tensors=tensors, action_stats=stats, plan_config=plan
    )

    gate(candidate="other.pt").refused(2, message)


def test_a_latent_of_another_width_is_no_obstacle(folder):
    from lewm.build import new_model

    made = replace(tiny(image_size=SIZE_PX), latent_width=8)
    tensors = dict(new_model(made, seed=0).state_dict())
    awake_checkpoint(folder / "other.pt", config=made, tensors=tensors)

    done = gate("--cases", "20", "--json", candidate="other.pt")

    assert done.status in (0, 1), done
    moved = [m for m in done.json["reported"] if m["quantity"] == "latent_displacement"]
    assert all(m["estimate"] is None for m in moved if m["condition"]["after"] == "nothing")


def test_bad_checkpoints_are_refused_on_either_side(folder):
    make.write_checkpoints(folder / "bad")
    for path in sorted((folder / "bad").glob("*.pt"))[:6]:
        gate(candidate=path).refused(2)
        gate(base=path, candidate="tuned.pt").refused(2)
    gate(candidate="gone.pt").refused(2, "gone.pt")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--monitor", "hope"), "no monitor is called hope"),
        (("--envelope", "a.json"), "which has criteria too"),
        (("--html", "gate.json"), "call the page something else"),
        (("--adapter", "magic"), "there is no adapter 'magic'"),
        (("--seed", "-1"), "--seed is -1"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(folder, words, message):
    gate(*words).refused(2, message)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("base.pt", "which is --base or lies in it"),
        ("./here/../tuned.pt", "which is --candidate or lies in it"),
        ("loose.yaml", "which is --criteria or lies in it"),
        ("lab.key", "which is --sign-key or lies in it"),
        ("linked.html", "which is --base or lies in it"),
        ("tuned.gate/.cells/a.html", "which is the folder of kept cells or lies in it"),
        ("base.envelope/.cells/a.html", "which is the base's folder of kept cells or lies in it"),
        ("other.pub", "is there and is no page"),
        ("here", "which is no file's name"),
        ("base.pt/gate.html", "and base.pt is a file"),
    ],
)
def test_a_page_in_the_place_of_something_else_is_refused_before_anything_is_measured(
    folder, keys, target, message
):
    (folder / "here").mkdir()
    (folder / "linked.html").symlink_to("base.pt")
    old = folder / "tuned.gate" / "attestation.json"
    old.parent.mkdir()
    old.write_text("of another decision")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    gate("--sign-key", "lab.key", "--html", target).refused(2, message)

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_an_output_folder_that_is_a_file_is_refused_before_anything_is_measured(folder):
    gate("--out", "base.pt").refused(2, "--out is base.pt, and base.pt is a file")


def test_the_page_of_an_earlier_decision_is_replaced(folder):
    for _ in range(2):
        assert gate("--cases", "20", "--html", "tuned.html").status == 1


@pytest.mark.parametrize(
    "words",
    [("--margin", "0"), ("--margin", "nan"), ("--margin", "0.9"), ("--cases", "1")],
)
def test_a_number_out_of_its_range_is_a_usage_error(folder, words):
    assert gate(*words).status == 2


def test_a_crash_is_no_finding(folder):
    nudged(folder / "base.pt", folder / "broken.pt", by=float("nan"))

    done = gate("--cases", "20", candidate="broken.pt")

    done.refused(2, "crashed, so nothing was decided")
    assert not Path("broken.gate/gate.json").exists()


# --- with the base's attestation -----------------------------------------------------------------


def test_an_attestation_lends_criteria_and_planner_and_must_be_about_the_base(measured):
    nudged(Path("ckpt.pt"), Path("tuned.pt"), by=1e-6)
    words = ("--envelope", measured.attestation, "--cases", "20", "--margin", "0.2")

    def judged(base, *key):
        return envelope("gate", "--base", base, "--candidate", "tuned.pt", *words, *key)

    done = judged("ckpt.pt", "--key", "lab.pub", "--json")
    assert done.status in (0, 1), done
    assert done.json["criteria"]["detection_rate"] == 0.05
    judged("ckpt.pt").refused(3)
    judged("ckpt.pt", "--key", "other.pub").refused(3)
    judged("tuned.pt", "--key", "lab.pub").refused(3, "is not the checkpoint in the record")


def test_what_measure_found_out_about_the_base_is_used(measured):
    nudged(Path("ckpt.pt"), Path("tuned.pt"), by=1e-6)

    done = run(
        "envelope", "gate", "--base", "ckpt.pt", "--candidate", "tuned.pt", *CRITERIA, "--json"
    )

    assert done.status in (0, 1), done
    before = {path.stem for path in measured.cells.iterdir()}
    added = {path.stem for path in Path("tuned.gate/.cells").iterdir()}
    of_base = {cell.id for cell in measured.read_measurements().cells} & set(done.json["cells"])
    assert len(of_base) >= 6
    assert not added & before


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (2, "usage", ["--margin", "7"]),
        (2, "could_not_evaluate", ["--candidate", "gone.pt"]),
        (2, "could_not_evaluate", ["--monitor", "hope"]),
        (2, "bad_file", ["--criteria", "gone.yaml"]),
        (2, "bad_key", ["--sign-key", "lab.pub"]),
        (2, "crashed", ["--candidate", "broken.pt", *CRITERIA]),
        (3, "no_trust", [*ATTESTED[:2]]),
        (3, "key_not_trusted", [*ATTESTED[:-1], "other.pub"]),
        (3, "digest_mismatch", ["--base", "tuned.pt", *ATTESTED]),
        (3, "attestation_malformed", ["--envelope", "loose.yaml", "--key", "lab.pub"]),
    ],
)
def test_whatever_keeps_a_decision_from_being_made_has_a_code_for_programs(
    measured, status, reason, words
):
    nudged(Path("ckpt.pt"), Path("tuned.pt"), by=1e-6)
    nudged(Path("ckpt.pt"), Path("broken.pt"), by=float("nan"))

    done = envelope("gate", "--base", "ckpt.pt", "--candidate", "tuned.pt", *words, "--json")

    assert (done.status, done.json["exit_status"], done.json["reason"]) == (status, status, reason)
    assert not list(Path().glob("*.gate/gate.json"))
