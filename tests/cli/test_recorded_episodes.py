"""`envelope measure --data`: from recorded episodes to a deployment that is checked."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from envelope.cli.files import Folder
from lewm.collection.collect_to_file import collect_to_file
from lewm.collection.policies import NoisyExpert
from lewm.data.convert import convert
from lewm.data.held_out import EpisodeSubset
from lewm.data.sources import open_source
from lewm.worlds.two_room import TwoRoom
from tests.bad.data import make
from tests.cli.commands import envelope
from tests.cli.making import SIZE_PX, awake_checkpoint, rewrite
from tests.cli.test_bad_data import UNREADABLE

NEEDS_SIMULATOR = "needs a simulator: recorded episodes only"
CRITERIA = """\
format: criteria/0.1
success_at_least: 0.01
share_of_ceiling_at_least: 0.01
max_success_drop: 0.9
detection_rate: 0.05
false_alarms_per_episode: 0.2
max_drift_ratio: 1000000.0
nuisances:
  light.gain: [1.0]
  agent.color: [1.0]
violations:
  teleport: {magnitudes: [60.0], claim_at: 60.0, unit: px}
  blackout: {magnitudes: [1.0], claim_at: 1.0, unit: frames}
  velocity_reversal: {magnitudes: [10.0], claim_at: 10.0, unit: env_steps}
  freeze: {magnitudes: [10.0], claim_at: 10.0, unit: env_steps}
valid_days: 90
"""
NUM_EPISODES = 130


@pytest.fixture(scope="session")
def around(tmp_path_factory, _keys):
    """A folder with a checkpoint, criteria, and the same episodes as HDF5, as Lance, stateless."""
    folder = tmp_path_factory.mktemp("recorded")
    awake_checkpoint(folder / "ckpt.pt")
    (folder / "loose.yaml").write_text(CRITERIA)
    collect_to_file(
        folder / "episodes.h5",
        TwoRoom(size_px=SIZE_PX),
        NoisyExpert(),
        num_episodes=NUM_EPISODES,
        length_env_steps=55,
        seed=5,
    )
    with open_source(folder / "episodes.h5") as source:
        convert(source, folder / "episodes.lance")
    (folder / "stateless.h5").write_bytes((folder / "episodes.h5").read_bytes())
    with h5py.File(folder / "stateless.h5", "r+") as file:
        del file["state"], file["proprio"]
    return folder


def measure(around: Path, data: str | Path, out: Path, *words: str | Path):
    return envelope(
        "measure",
        *("--model", around / "ckpt.pt", "--data", data, "--out", out),
        *("--profile", "quick", "--criteria", around / "loose.yaml"),
        *words,
    )


@pytest.fixture(scope="session")
def lab(_keys) -> Path:
    """Folder of the keys."""
    return _keys


@pytest.fixture(scope="session")
def measured_data(around, _keys):
    """What measuring the HDF5 file left, signed by `lab`."""
    key = _keys / "lab.key"
    done = measure(
        around, around / "episodes.h5", around / "ckpt.envelope", "--sign-key", key, "--json"
    )
    assert done.status == 0, done
    return Folder(around / "ckpt.envelope"), done.json


def claims(folder: Folder) -> dict:
    return {claim.id: claim for claim in folder.read_envelope().claims}


def check(around: Path, keys: Path, deploy: Path):
    return envelope("check", "--deploy", deploy, "--key", keys / "lab.pub", "--json")


def test_a_closed_loop_is_unknown_for_the_reason_that_there_is_no_simulator(measured_data):
    found = claims(measured_data[0])
    for name in ("planning.success", "nuisance.light.gain", "exploitation.more_search"):
        assert (found[name].verdict, found[name].reason) == ("unknown", NEEDS_SIMULATOR)
    assert found["monitor.surprise.freeze"].reason == NEEDS_SIMULATOR
    for name in ("monitor.surprise.false_alarms", "drift.usable_horizon"):
        assert "which no planner drove" in found[name].statement


def test_what_needs_none_is_measured(measured_data):
    found = claims(measured_data[0])
    for name in (
        "representation.steady",
        "representation.distance_rank",
        "representation.action_sensitivity",
        "drift.usable_horizon",
        "monitor.surprise.teleport",
        "monitor.surprise.blackout",
    ):
        assert found[name].estimate is not None, found[name].reason


def test_the_record_says_on_which_episodes_it_rests(measured_data, around):
    record = measured_data[0].read_envelope()
    measurements = measured_data[0].read_measurements()
    with open_source(around / "episodes.h5") as source:
        assert record.input_scope.recorded_episodes == source.digest()
    data = measurements.plan.recorded
    assert (data.name, data.num_episodes, data.state_column) == ("episodes.h5", 130, "state")
    used = measurements.plan.num_calibration_episodes + measurements.plan.num_scoring_episodes
    assert used + data.num_fitting_episodes + data.num_states <= NUM_EPISODES
    assert {one.calibration.driven_by for one in record.monitors} == {"recording"}
    assert record.input_scope.world == "two-room"


def test_the_page_says_that_there_was_no_simulator(measured_data):
    page = measured_data[0].report.read_text()
    digest = measured_data[0].read_envelope().input_scope.recorded_episodes
    assert "two-room, recorded episodes only, " in page
    assert "no simulator, these episodes alone" in page
    assert digest in page
    assert "recorded episodes of 10 model steps" in page


@pytest.fixture(scope="module")
def logged(measured_data):
    """A deployment in which nobody carries out plans, made from the template in one line."""
    deploy = measured_data[0].deploy
    return rewrite(deploy, "  # driven_by", "  driven_by", to=deploy.with_name("logged.yaml"))


def test_the_template_leaves_it_to_a_person_to_say_that_no_planner_drives(
    measured_data, logged, around, lab
):
    verdict = check(around, lab, measured_data[0].deploy)
    assert verdict.status == 1
    assert "input_scope.driven_by" in {one["subject"] for one in verdict.json["reasons"]}
    assert check(around, lab, logged).status == 0


def test_other_episodes_are_outside(measured_data, logged, around, lab):
    digest = measured_data[0].read_envelope().input_scope.recorded_episodes
    for name, pattern, to in (
        ("other", digest, "0" * 64),
        ("undeclared", rf"  recorded_episodes: {digest}.*\n", ""),
    ):
        changed = rewrite(logged, pattern, to, to=logged.with_name(f"{name}.yaml"))
        verdict = check(around, lab, changed)
        assert verdict.status == 1
        subjects = {one["subject"] for one in verdict.json["reasons"]}
        assert "input_scope.recorded_episodes" in subjects
        assert "representation.steady" in subjects or name == "undeclared"


def test_where_the_planner_drives_what_was_said_of_episodes_lapses(logged, around, lab):
    driving = rewrite(
        logged,
        "driven_by: recording",
        "driven_by: planner",
        to=logged.with_name("driving.yaml"),
    )
    verdict = check(around, lab, driving)
    assert verdict.status == 1
    lapsed = {one["id"] for one in verdict.json["claims"] if one["lapsed_by"]}
    assert {"drift.usable_horizon", "representation.action_sensitivity"} <= lapsed
    assert "monitor.surprise.false_alarms" in lapsed
    assert "representation.steady" not in lapsed
    assert "--data" not in verdict.json["run_again"]["command"]


def test_the_rows_give_the_record_again(measured_data, lab):
    attestation = measured_data[0].attestation
    done = envelope("verify", attestation, "--key", lab / "lab.pub", "--recompute")
    assert done.status == 0, done


def test_a_second_run_runs_nothing(measured_data, around, tmp_path):
    folder, first = measured_data
    shutil.copytree(folder.path, tmp_path / "out")
    again = measure(around, around / "episodes.h5", tmp_path / "out", "--json").json
    assert (again["run_cells"], again["reused_cells"]) == (0, first["run_cells"])
    assert again["claims"] == first["claims"]


def test_a_run_that_was_killed_goes_on_and_says_the_same(measured_data, around, tmp_path):
    folder, first = measured_data
    half = Folder(tmp_path / "out")
    shutil.copytree(folder.cells, half.cells)
    lost = sorted(path for path in half.cells.glob("*.json") if path.name != "plan.json")[::2]
    for path in lost:
        path.unlink()
    again = measure(around, around / "episodes.h5", half.path, "--json").json
    assert again["run_cells"] == len(lost)
    assert again["claims"] == first["claims"]


def test_two_processes_measure_what_one_measures(measured_data, around, tmp_path):
    done = measure(around, around / "episodes.h5", tmp_path / "out", "--workers", "2")
    assert done.status == 0, done
    once, again = measured_data[0].read_envelope(), Folder(tmp_path / "out").read_envelope()
    assert again.measurements_digest == once.measurements_digest
    assert again.claims == once.claims


@pytest.mark.parametrize(("words", "world"), [((), "recorded"), (("--world", "my-arm"), "my-arm")])
def test_a_checkpoint_of_a_world_that_nobody_knows_needs_no_world(words, world, around, tmp_path):
    awake_checkpoint(tmp_path / "foreign.pt", world={})
    done = envelope(
        "measure",
        *("--model", tmp_path / "foreign.pt", "--data", around / "episodes.lance"),
        *("--profile", "quick", "--criteria", around / "loose.yaml"),
        *("--suite", "horizon_drift", *words),
    )
    assert done.status == 0, done
    folder = Folder(tmp_path / "foreign.envelope")
    assert folder.read_envelope().input_scope.world == world
    assert claims(folder)["drift.usable_horizon"].estimate is not None


@pytest.mark.parametrize("name", ["episodes.lance", "stateless.h5"])
def test_lance_tables_and_data_without_states_are_measured_too(name, around, tmp_path):
    done = measure(around, around / name, tmp_path / "out")
    assert done.status == 0, done
    found = claims(Folder(tmp_path / "out"))
    assert found["drift.usable_horizon"].estimate is not None
    rank, jump = found["representation.distance_rank"], found["monitor.surprise.teleport"]
    if name == "stateless.h5":
        needs = "needs the true state, and the data set has no column of it"
        assert (rank.reason, jump.reason) == (needs, needs)
    else:
        assert rank.estimate is not None
        assert jump.estimate is not None


def test_rows_of_recorded_episodes_do_not_pass_for_those_of_a_simulator(measured_data, tmp_path):
    content = json.loads(measured_data[0].measurements.read_text())
    del content["plan"]["recorded"]
    (tmp_path / "measurements.json").write_text(json.dumps(content))
    envelope("draft", tmp_path).refused(3)


# --- refused ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bad_recorded") / "made"
    make.write(folder)
    return folder


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_refused_in_one_message(name, made, around, tmp_path):
    measure(around, made / name, tmp_path / "out").refused(2, UNREADABLE[name])


def test_actions_of_another_width_are_refused(made, around, tmp_path):
    done = measure(around, made / "action_three_wide.h5", tmp_path / "out")
    done.refused(2, "action_three_wide.h5 has actions of width 3, 2 is needed")


def test_too_few_episodes_are_refused_with_the_number_needed(made, around, tmp_path):
    done = measure(around, made / "sound.h5", tmp_path / "out")
    done.refused(2, "3 episodes can be used, 104 are needed: 14 to set thresholds", "101 more")


def test_frames_of_another_size_are_refused(around, tmp_path):
    collect_to_file(
        tmp_path / "large.h5",
        TwoRoom(size_px=32),
        NoisyExpert(),
        num_episodes=2,
        length_env_steps=20,
        seed=0,
    )
    done = measure(around, tmp_path / "large.h5", tmp_path / "out")
    done.refused(2, "large.h5 has frames of 32 x 32 px, 16 x 16 px are needed")


def test_an_action_that_is_no_number_is_refused_where_it_stands(around, tmp_path):
    data = tmp_path / "nan.h5"
    data.write_bytes((around / "episodes.h5").read_bytes())
    with h5py.File(data, "r+") as file:
        for episode in range(NUM_EPISODES):
            file["action"][56 * episode + 30] = np.nan
    done = measure(around, data, tmp_path / "out")
    done.refused(2, "of nan.h5 holds an action that is not a number at step 30 of 55")


@pytest.mark.parametrize("change", [lambda a: 100 * a, lambda a: a + 50])
def test_actions_in_other_units_than_those_trained_on_are_refused(change, around, tmp_path):
    data = tmp_path / "metres.h5"
    data.write_bytes((around / "episodes.h5").read_bytes())
    with h5py.File(data, "r+") as file:
        file["action"][:] = change(file["action"][:])
    done = measure(around, data, tmp_path / "out")
    done.refused(2, "action 0 of metres.h5 has mean", "was trained on actions with mean")


@pytest.mark.parametrize("num", [1, 103])
def test_one_episode_and_one_too_few_are_refused_alike(num, around, tmp_path):
    with open_source(around / "episodes.h5") as source:
        convert(EpisodeSubset(source, range(num)), tmp_path / "few.h5")
    done = measure(around, tmp_path / "few.h5", tmp_path / "out")
    done.refused(2, f"few.h5 holds {num} episodes", f"{num} episodes can be used, 104 are needed")


def test_data_that_are_not_there_are_refused(around, tmp_path):
    measure(around, tmp_path / "none.h5", tmp_path / "out").refused(2, "none.h5")


def test_a_word_about_episodes_that_are_not_named_is_refused(around, tmp_path):
    envelope(
        *("measure", "--model", around / "ckpt.pt", "--out", tmp_path / "out", "--held-out")
    ).refused(2, "--held-out is about recorded episodes, and --data names none")


@pytest.mark.parametrize("data", ["", " "])
def test_an_empty_name_is_no_data_set(data, around, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(around / "episodes.h5", tmp_path)

    measure(around, data, tmp_path / "out").refused(2, "--data is empty")

    assert not (tmp_path / "out").exists()
