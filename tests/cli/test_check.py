"""`envelope check`, with the exit status of every way it can end."""

import os
import shutil
from pathlib import Path

import pytest

from tests.cli.commands import envelope, run
from tests.cli.making import awake_checkpoint, made_up_record, rewrite

LAB = ("--key", "lab.pub")


def check(deploy: Path | str, *words: str | Path):
    return envelope("check", "--deploy", deploy, *words)


def own_trust_file() -> Path:
    return Path(os.environ["XDG_CONFIG_HOME"]) / "envelope" / "trust.yaml"


# --- inside and outside -----------------------------------------------------------------------


def test_the_deployment_that_was_measured_is_inside(made_up):
    done = run("envelope", "check", "--deploy", made_up.deploy, *LAB)

    assert done.status == 0
    assert done.out.startswith("INSIDE what was measured")
    assert done.err == ""


def test_a_longer_horizon_is_outside_and_says_what_lapses_and_what_to_run(made_up):
    farther = rewrite(made_up.deploy, r"(?m)^  horizon: 5\b", "  horizon: 20", to=Path("new.yaml"))

    done = run("envelope", "check", "--deploy", farther, *LAB)

    assert done.status == 1
    assert "OUTSIDE by planner_scope.horizon: declared 20, measured 5 (new.yaml:" in done.out
    assert "planner_scope.horizon: planning.success" in done.out
    assert "Measure again, about " in done.out
    assert "  horizon_drift: about " in done.out
    assert "envelope measure --model " in done.out
    assert "--deploy new.yaml" in done.out


def test_the_deploy_file_may_lie_in_the_record_folder_or_beside_the_checkpoint(made_up):
    beside = shutil.copy(made_up.deploy, "beside.yaml")

    assert check(made_up.deploy, *LAB).status == check(beside, *LAB).status == 0


def test_an_expired_record_is_outside(made_up):
    made_up_record(Path("model.pt"), measured_days_ago=91)
    envelope("sign", made_up.path, "--sign-key", "lab.key")

    done = check(made_up.deploy, *LAB)

    assert done.status == 1
    assert done.out.startswith("EXPIRED by valid_until")


def test_a_record_from_tomorrow_is_not_trusted(made_up):
    made_up_record(Path("model.pt"), measured_days_ago=-1)
    envelope("sign", made_up.path, "--sign-key", "lab.key")

    check(made_up.deploy, *LAB).refused(3, "which is after now", "check the clocks")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (None, 0, None),
        ((r"(?m)^  horizon: 5\b", "  horizon: 20"), 1, "field_outside"),
        ((r"(?m)^  horizon: 5\b", "  horizon: 5.5"), 2, "bad_file"),
        (("checkpoint: model.pt", "checkpoint: lab.pub"), 3, "digest_mismatch"),
    ],
)
def test_json_says_what_the_exit_status_says(made_up, change, status, code):
    if change:
        rewrite(made_up.deploy, *change)

    done = check(made_up.deploy, *LAB, "--json")

    assert done.status == done.json["exit_status"] == status
    if status < 2:
        assert [reason["code"] for reason in done.json["reasons"]][:1] == ([code] if code else [])
    else:
        assert done.json["reason"] == code
        assert done.json["problem"] in done.err
        assert done.json["next_step"] in done.err


# --- whom to believe --------------------------------------------------------------------------


def test_without_trust_nothing_is_believed(made_up):
    check(made_up.deploy).refused(3, "nobody said which keys to trust", "envelope trust add")


def test_keys_and_trust_beside_the_evidence_are_not_looked_at(made_up):
    envelope("trust", "add", "lab.pub")
    for folder in (made_up.path, Path()):
        shutil.copytree(own_trust_file().parent, folder, dirs_exist_ok=True)
    own_trust_file().unlink()

    check(made_up.deploy).refused(3, "nobody said which keys to trust")


def test_a_key_that_was_added_once_is_trusted_from_then_on(made_up):
    assert envelope("trust", "add", "lab.pub").status == 0

    assert check(made_up.deploy).status == 0


def test_the_signature_of_somebody_else_is_not_trusted(made_up):
    check(made_up.deploy, "--key", "other.pub").refused(3, "signed by 0 of the keys you trust")


@pytest.mark.parametrize("what", ["key_id", "envelope_id"])
def test_what_is_revoked_no_longer_counts(made_up, what):
    envelope("trust", "add", "lab.pub")
    identity = envelope("verify", made_up.attestation, "--json").json[what]
    with own_trust_file().open("a") as trust:
        trust.write(f"revoked:\n- {{sha256: {identity}, reason: laptop stolen}}\n")

    check(made_up.deploy).refused(3, "revoked", "laptop stolen")


# --- which model ------------------------------------------------------------------------------


def test_the_envelope_of_another_model_is_refused(made_up):
    other = Path("other.pt")
    other.write_bytes(b"another model")

    rewrite(made_up.deploy, "checkpoint: model.pt", "checkpoint: other.pt")

    check(made_up.deploy, *LAB).refused(3, "other.pt is not the checkpoint in the record")


def test_the_tensors_are_recognised_in_another_container(measured):
    awake_checkpoint(Path("ckpt.safetensors"))
    rewrite(measured.deploy, "checkpoint: ckpt.pt", "checkpoint: ckpt.safetensors")

    done = check(measured.deploy, *LAB)

    assert done.status == 0, done
    assert "recognised by its tensors" in done.out
    load = envelope("verify", measured.attestation, *LAB, "--load", "ckpt.safetensors")
    assert load.status == 0, load
    assert "matches  ckpt.safetensors  (ckpt.pt, by its tensors)" in load.out


def test_the_same_tensors_under_other_action_statistics_are_another_model(measured):
    from lewm.data.windows import ActionStats

    stats = ActionStats(mean=(0.1, -0.1), std=(5.0, 0.6))
    awake_checkpoint(Path("ckpt.safetensors"), action_stats=stats)
    rewrite(measured.deploy, "checkpoint: ckpt.pt", "checkpoint: ckpt.safetensors")

    check(measured.deploy, *LAB).refused(3, "ckpt.safetensors is not the checkpoint")
    load = envelope("verify", measured.attestation, *LAB, "--load", "ckpt.safetensors")
    load.refused(3, "ckpt.safetensors is not the checkpoint")


@pytest.mark.parametrize("place", [0, 8, 12, 5000, -1])
def test_a_damaged_safetensors_file_is_another_model(measured, place):
    awake_checkpoint(Path("ckpt.safetensors"))
    data = bytearray(Path("ckpt.safetensors").read_bytes())
    data[place] ^= 1
    Path("ckpt.safetensors").write_bytes(data)
    rewrite(measured.deploy, "checkpoint: ckpt.pt", "checkpoint: ckpt.safetensors")

    check(measured.deploy, *LAB).refused(3, "ckpt.safetensors is not the checkpoint")


def test_another_model_under_the_recorded_name_is_refused(measured):
    awake_checkpoint(Path("ckpt.pt"), seed=1)

    check(measured.deploy, *LAB).refused(3, "ckpt.pt is not the checkpoint in the record")


# --- what is not there ------------------------------------------------------------------------


def test_what_the_deploy_file_names_must_be_there(made_up):
    Path("model.pt").rename("moved.pt")
    check(made_up.deploy, *LAB).refused(2, "names model.pt as `model_state.checkpoint`")

    made_up.attestation.unlink()
    check(made_up.deploy, *LAB).refused(2, "names model.envelope/attestation.json as `envelope`")
    check(made_up.deploy, *LAB, "--envelope", "nowhere.json").refused(2, "nowhere.json")


def test_a_deploy_file_that_is_not_there_or_is_a_folder_cannot_be_evaluated(made_up):
    check("nowhere.yaml", *LAB).refused(2, "nowhere.yaml cannot be read: No such file")
    check(made_up.path, *LAB).refused(2, "model.envelope cannot be read: Is a directory")


def test_an_attestation_given_by_hand_takes_the_place_of_the_named_one(made_up):
    given = made_up.attestation.rename("given.json")

    assert check(made_up.deploy, *LAB, "--envelope", given).status == 0
