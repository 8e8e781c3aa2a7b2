"""Files that must be refused: one clear message each, the right status, and nothing executed."""

import shutil
from pathlib import Path

import pytest

from tests.bad.cli import make
from tests.cli.commands import envelope, lewm
from tests.cli.making import awake_checkpoint, rewrite

BAD = Path(__file__).parents[1] / "bad" / "cli"
LAB = ("--key", "lab.pub")


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder with the bad files that are not text."""
    folder = tmp_path_factory.mktemp("bad")
    make.write_checkpoints(folder / "checkpoints")
    make.write_episodes(folder / "episodes")
    make.write_keys(folder / "keys")
    return folder


def names(folder: Path, suffix: str) -> set[str]:
    return {path.stem for path in folder.glob(f"*{suffix}")}


# --- criteria ---------------------------------------------------------------------------------

CRITERIA = {
    "claim_not_among_magnitudes": "violations.teleport: claim_at 60.0 is not among [40.0, 80.0]",
    "duplicate_key": ":6:1: key 'detection_rate' appears twice (first at line 5, column 1)",
    "empty": ":1:1: is empty where a mapping belongs",
    "format_from_the_future": "format: expected 'criteria/0.1', found 'criteria/9.9'",
    "key_missing": "valid_days: this field is missing",
    "magnitudes_empty": ":11:14: violations.teleport.magnitudes: ",
    "magnitudes_reversed": "must be a list that increases, got [80.0, 40.0]",
    "not_text": ":1:1: byte 0xff is not UTF-8",
    "not_yaml": ":2:1: not YAML: ",
    "nuisance_unknown": "no nuisance is called 'light.gian'; there are",
    "strength_above_one": "strengths must lie in (0, 1], got [0.5, 1.5]",
    "threshold_is_nan": ":7:18: .nan is not a number that can be compared",
    "threshold_is_text": ":2:1: success_at_least: expected a valid number, found '0.75'",
    "threshold_out_of_range": ":2:1: success_at_least: expected less than 1, found 75",
    "unit_unknown": "the criteria give teleport in metres, it is measured in px",
    "unknown_key": ":7:1: max_drift_ration: unknown field; did you mean max_drift_ratio?",
    "valid_days_zero": "valid_days: expected greater than or equal to 1, found 0",
    "violation_unknown": "no violation is called 'teleprot'; there are",
}


@pytest.mark.parametrize("defect", CRITERIA)
def test_bad_criteria_are_refused_before_anything_is_measured(defect, keys):
    awake_checkpoint(keys / "ckpt.pt")

    done = envelope("measure", "--model", "ckpt.pt", "--criteria", BAD / f"criteria/{defect}.yaml")

    done.refused(2, CRITERIA[defect])
    assert not Path("ckpt.envelope").exists()


# --- deploy files -----------------------------------------------------------------------------

DEPLOY = {
    "alias": (2, ":3:14: anchor &m is not accepted"),
    "amount_is_infinite": (2, ":5:42: .inf is not a number that can be compared"),
    "amount_is_nan": (2, ":5:42: .nan is not a number that can be compared"),
    "amount_negative": (2, "blur: max_px must be at least 0, got -1"),
    "checkpoint_is_folder": (2, "names model.envelope as `model_state.checkpoint`"),
    "checkpoint_missing": (2, "does not say `model_state.checkpoint`"),
    "checkpoint_not_there": (2, "names gone.pt as `model_state.checkpoint`"),
    "duplicate_key": (2, ":8:3: key 'horizon' appears twice (first at line 7, column 3)"),
    "empty": (2, ":1:1: is empty where a mapping belongs"),
    "envelope_is_report": (3, "report.html:1:1: not JSON"),
    "envelope_is_unsigned": (3, "envelope.json is not accepted"),
    "envelope_missing": (2, "does not say `envelope`"),
    "envelope_not_there": (2, "names gone.envelope/attestation.json as `envelope`"),
    "horizon_is_fraction": (2, ":7:3: planner_scope.horizon: expected a valid integer, found 5.5"),
    "horizon_is_text": (2, ":7:3: planner_scope.horizon: expected a valid integer, found '5'"),
    "horizon_is_truth_value": (2, "planner_scope.horizon: expected a valid integer, found true"),
    "key_in_other_case": (2, "keys 'horizon' (line 7, column 3) and 'Horizon' differ only in case"),
    "list": (2, ":1:1: holds a list where a mapping belongs"),
    "monitor_twice": (2, ":8:47: monitors.1: surprise is declared twice"),
    "not_yaml": (2, ":2:1: not YAML: "),
    "on_lapse_unknown": (2, "expected 'stop', 'restrict' or 'tighten_monitor', found 'carry_on'"),
    "range_reversed": (2, "light.gain: min must not exceed max, got 1.9 and 1.1"),
    "range_without_end": (2, "light.gain: expected max_<unit>"),
    "relies_on_is_text": (2, ":2:1: relies_on: expected a valid array, found 'planning.success'"),
    "unit_is_another": (2, "blur: declared as {max_delta_e}; the record has it in px"),
    "unknown_field": (2, ":8:1: monitor: unknown field; did you mean monitors?"),
    "unknown_key": (2, ":7:3: planner_scope.horizont: unknown field; did you mean horizon?"),
}


@pytest.mark.parametrize("defect", DEPLOY)
@pytest.mark.usefixtures("made_up")
def test_a_bad_deploy_file_is_refused(defect):
    deploy = shutil.copy(BAD / f"deploy/{defect}.yaml", "new_config.yaml")
    status, part = DEPLOY[defect]

    envelope("check", "--deploy", deploy, *LAB).refused(status, part)


# --- trust and keys ---------------------------------------------------------------------------

TRUST = {
    "age_is_nan": ".nan is not a number that can be compared",
    "empty": ":1:1: is empty where a mapping belongs",
    "key_is_private": "holds a private key where a public key belongs",
    "key_not_there": "gone.pub: No such file or directory",
    "key_outside_folder": "outside the folder of the trust file",
    "key_twice": "lab and again are the same key",
    "name_twice": "key names must differ",
    "policy_unknown": "policy.treshold: unknown field; did you mean threshold?",
    "revoked_is_no_digest": "revoked.0.sha256: ",
    "role_unknown": "keys.0.roles.0: expected 'auditor' or 'ci', found 'boss'",
    "roles_empty": "keys.0.roles: ",
    "threshold_zero": "policy.threshold: expected greater than or equal to 1, found 0",
    "unknown_key": "keys.0.role: unknown field; did you mean roles?",
    "version_unknown": "version: expected 1, found 2",
}


@pytest.mark.parametrize("defect", TRUST)
def test_a_bad_trust_file_is_refused_and_no_other_takes_its_place(defect, made_up, monkeypatch):
    envelope("trust", "add", "lab.pub")
    trust = shutil.copy(BAD / f"trust/{defect}.yaml", "trust.yaml")
    words = ("check", "--deploy", made_up.deploy)

    envelope(*words, "--trust", trust).refused(2, TRUST[defect])
    monkeypatch.setenv("ENVELOPE_TRUST", trust)
    envelope(*words).refused(2, TRUST[defect])


def test_a_key_that_is_none_or_of_another_kind_is_refused(made, made_up):
    for path in sorted((made / "keys").glob("*.key")):
        envelope("sign", made_up.path, "--sign-key", path).refused(2, str(path))
    for path in sorted((made / "keys").glob("*.pub")):
        envelope("check", "--deploy", made_up.deploy, "--key", path).refused(2, str(path))
        envelope("trust", "add", path).refused(2, str(path))
    assert len(list((made / "keys").iterdir())) == 12


# --- checkpoints ------------------------------------------------------------------------------

CHECKPOINTS = {
    "actions_of_width_three.pt": "takes actions of width 3, two-room of width 2",
    "config_is_huge.pt": "encoder_width must be an int from 1 to 65536, got 1000000000",
    "config_names_code.pt": "ModelConfig has the fields",
    "description_has_more.pt": "does not carry a lewm-checkpoint/1 description",
    "empty.pt": "is truncated, or was not written by torch.save",
    "format_unknown.pt": "does not carry a lewm-checkpoint/1 description",
    "json_is_no_json.pt": "is not JSON: ",
    "list_of_tensors.pt": "is a torch file without our `tensors` and `json`",
    "pickle_outside_zip.pt": "is truncated, or was not written by torch.save",
    "pickled_gadget.pt": "holds pickled code",
    "pickled_gadget_as_json.pt": "holds pickled code",
    "pickled_gadget_as_tensor.pt": "holds pickled code",
    "pickled_module.pt": "holds pickled code",
    "planner_unknown.pt": "unknown planner 'magic'",
    "state_dict_alone.pt": "is a torch file without our `tensors` and `json`",
    "statistics_are_nan.pt": "has NaN where a finite number belongs",
    "statistics_of_three_actions.pt": "has statistics of 3 action dimensions, its model has 2",
    "tensor_missing.pt": "missing encoder.embeddings.cls_token, unexpected none",
    "tensor_of_another_shape.pt": "its configuration says torch.float32 (1, 1, 16)",
    "tensor_of_another_type.pt": "as torch.float16 (1, 1, 16), its configuration says",
    "tensor_too_many.pt": "missing none, unexpected extra.weight",
    "tensors_are_numbers.pt": "holds something else than named tensors and a JSON text",
    "text.pt": "is truncated, or was not written by torch.save",
    "torch_file.safetensors": "is not a safetensors file",
    "truncated.pt": "is truncated",
    "truncated.safetensors": "is truncated, or is not a safetensors file",
    "truncated_by_a_byte.pt": "is truncated",
    "without_description.safetensors": "without our `tensors` and `json`, and no config.json",
    "world_missing.pt": "",
    "world_of_another_size.pt": "sees 16 px, two-room draws 32 px",
    "world_unknown.pt": "there is no world 'three-room'; there are two-room",
    "world_with_unknown_factor.pt": "no factor is called 'gravity'",
    "world_without_size.pt": "size_px",
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_bad_checkpoint_is_refused_by_all_who_load_one(name, made, keys):
    path = made / "checkpoints" / name
    before = sorted(keys.iterdir())

    measure = envelope("measure", "--model", path, "--out", "out")
    measure.refused(2, CHECKPOINTS[name])
    lewm("plan", "--model", path, "--start", "40,40", "--goal", "90,60").refused(
        2, CHECKPOINTS[name]
    )
    lewm("eval", "--model", path, "--num-cases", "2").refused(2, CHECKPOINTS[name])
    assert sorted(keys.iterdir()) == before


@pytest.mark.parametrize("name", [name for name in CHECKPOINTS if "pickle" in name])
def test_nothing_pickled_is_ever_run(name, made, made_up):
    path = made / "checkpoints" / name
    shutil.copy(path, "model.pt")
    before = {path.name for path in Path().iterdir()}

    assert envelope("check", "--deploy", made_up.deploy, *LAB).status == 3
    assert envelope("verify", made_up.attestation, *LAB, "--file", path).status == 3
    assert envelope("verify", made_up.attestation, *LAB, "--load", path).status == 2
    assert {path.name for path in Path().iterdir()} == before
    assert make.MARKER not in before


def test_the_gadget_would_have_left_its_mark(made, monkeypatch, tmp_path):
    import pickle

    monkeypatch.chdir(tmp_path)
    pickle.loads((made / "checkpoints" / "pickle_outside_zip.pt").read_bytes()).close()

    assert Path(make.MARKER).exists()


# --- episodes and cases -----------------------------------------------------------------------

EPISODES = {
    "actions_are_nan": "episode 0 holds an action that is not a number at step 0 of 21",
    "collected_elsewhere": "does not say which world it was collected in",
    "empty": "is not a readable HDF5 file",
    "episodes_too_short": "no episode has the 20 frames of a window",
    "no_episode": "holds no episode",
    "pixels_missing": "lacks pixels; it holds action",
    "text": "is not a readable HDF5 file",
    "truncated": "is not a readable HDF5 file",
}


@pytest.mark.parametrize("defect", EPISODES)
def test_bad_episodes_train_nothing(defect, made, tmp_path):
    data, out = made / "episodes" / f"{defect}.h5", tmp_path / "ckpt.pt"

    done = lewm(
        "train",
        *("--data", data),
        *("--out", out),
        *("--preset", "tiny"),
        *("--updates", "2"),
        *("--batch-size", "4"),
    )
    done.refused(2, EPISODES[defect])
    assert list(tmp_path.iterdir()) == []


CASES = {
    "edited": "was edited: its sha256 says",
    "empty": "cannot be read as JSON",
    "format_unknown": "has format 'lewm.cases/99', expected 'lewm.cases/1'",
    "goal_missing": "starts have shape (1, 2) and goals (0,)",
    "key_missing": "is not a file of cases: KeyError('num_solved_dropped')",
    "list": "holds a list, expected an object",
    "not_json": "cannot be read as JSON",
    "origin_is_list": "sampled with world None, the model's world has two-room",
    "rows_are_words": "is not a file of cases: ValueError",
    "rows_for_held_out": "these cases were recorded, for protocol None",
    "rows_missing": "is not a file of cases: KeyError('rows')",
    "rows_too_few": "1 cases with 1 episodes, 0 steps and 1 seeds",
    "state_too_wide": "sampled with state_width 3, the model's world has 2",
    "success_judged_otherwise": "sampled with success_rule two-room/99px",
    "world_has_other_walls": "sampled with factors {'wall.axis': 0}, the model's world has {}",
    "world_is_text": "sampled with world None, the model's world has two-room",
}


@pytest.mark.parametrize("defect", CASES)
def test_bad_cases_evaluate_nothing(defect, made):
    model, cases = made / "checkpoints" / "sound.pt", BAD / f"cases/{defect}.json"

    lewm("eval", "--model", model, "--cases", cases).refused(2, CASES[defect])


# --- every bad file is tried ------------------------------------------------------------------


def test_every_bad_file_has_an_expectation(made):
    sound = {"sound.pt", "sound.safetensors"}
    assert names(BAD / "criteria", ".yaml") == set(CRITERIA)
    assert names(BAD / "deploy", ".yaml") == set(DEPLOY)
    assert names(BAD / "trust", ".yaml") == set(TRUST)
    assert names(BAD / "cases", ".json") == set(CASES)
    assert names(made / "episodes", ".h5") - {"sound"} == set(EPISODES)
    assert {path.name for path in (made / "checkpoints").iterdir()} - sound == set(CHECKPOINTS)


def test_what_the_bad_files_were_made_from_is_accepted(made, tmp_path):
    path = made / "checkpoints" / "sound.pt"

    assert lewm("plan", "--model", path, "--start", "40,40", "--goal", "90,60").status == 0
    out = tmp_path / "ckpt.pt"
    done = lewm(
        "train",
        *("--data", made / "episodes" / "sound.h5"),
        *("--out", out),
        *("--preset", "tiny"),
        *("--updates", "2"),
        *("--batch-size", "4"),
    )
    assert done.status == 0, done


@pytest.mark.parametrize("field", ["envelope", "checkpoint"])
def test_a_name_that_no_file_can_have_is_refused_as_any_other(made_up, field):
    rewrite(made_up.deploy, rf"(?m)^(\s*{field}): .*$", r"\1: " + "a" * 3000)

    done = envelope("check", "--deploy", made_up.deploy, *LAB)

    done.refused(2, "there is no such file beside it")
    assert "could not finish" not in done.err
