"""`lewm eval --protocol`: what it says, what it sees, and every refusal on the way.

Where success matters the bundled model plans; elsewhere a tiny one that nobody trained.
"""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from lewm.pretrained import bundled
from tests.cli.commands import Done, lewm
from tests.cli.making import SIZE_PX, awake_checkpoint

BUNDLED = bundled("two_room")
FEW = ("--num-cases", "4", "--threads", "1")
COLLECT = ("collect", "--length", "60", "--policy", "expert", "--seed", "3")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Fourteen episodes of the bundled model's world."""
    path = tmp_path_factory.mktemp("episodes") / "data.h5"
    done = lewm(*COLLECT, "--factor", "agent.radius=14", "--episodes", "14", "--out", path)
    assert done.status == 0, done
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A folder with a tiny model and fourteen episodes of its world."""
    folder = tmp_path_factory.mktemp("small")
    awake_checkpoint(folder / "tiny.pt")
    words = ("--size-px", str(SIZE_PX), "--episodes", "14")
    done = lewm(*COLLECT, *words, "--out", folder / "data.h5")
    assert done.status == 0, done
    return folder


@pytest.fixture
def copied(data, tmp_path) -> Path:
    """The bundled model's data, to be changed."""
    return Path(shutil.copy(data, tmp_path / "copy.h5"))


def evaluate(protocol: str, folder: Path, *words: str | Path) -> Done:
    """The tiny model on its data."""
    given = ("--model", folder / "tiny.pt", "--data", folder / "data.h5")
    return lewm("eval", "--protocol", protocol, *given, *FEW, *words)


def plans(protocol: str, data: Path, *words: str) -> dict:
    """The bundled model on its data, without the ceiling."""
    given = ("--model", BUNDLED, "--data", data, "--no-ceiling", "--json")
    done = lewm("eval", "--protocol", protocol, *given, *FEW, *words)
    assert done.status == 0, done
    return done.json


def without_times(found: dict) -> dict:
    return {name: value for name, value in found.items() if name != "timing"}


def rates(found: dict, arm: str) -> list[float]:
    return [run["success"] for run in found["arms"] if run["arm"] == arm]


@pytest.mark.parametrize("protocol", ["official", "moderate", "strict"])
def test_a_protocol_says_in_json_what_it_says_in_words(protocol, small):
    told, found = evaluate(protocol, small), evaluate(protocol, small, "--json").json

    assert told.status == 0, told
    assert f"protocol {protocol}/1: 25 env steps from start to goal" in told.out
    for name in ("cases_sha256", "data_sha256"):
        assert found[name] in told.out
    assert found["model_sha256"]["tiny.pt"] in told.out
    assert f"success by {found['success_rule']} " in told.out
    for run in found["arms"]:
        assert f"stream {run['stream']:<3d} success {run['success']:.3f} " in told.out
    mean = found["mean_over_streams"]["model"]
    assert f"{mean['value']:.3f} [{mean['low']:.3f}, {mean['high']:.3f}]" in told.out
    assert f"{found['timing']['num_plans']} plans, " in told.out
    assert "a second" in told.out


def test_the_model_plans_on_recorded_pairs_where_random_actions_fail(data):
    found = plans("moderate", data, "--num-cases", "3")

    assert found["num_cases"] == 9
    assert found["streams"] == [0, 1, 42]
    assert min(rates(found, "model")) > 0.5
    assert len(rates(found, "random")) == 3
    assert max(rates(found, "random")) < 0.5
    assert rates(found, "untrained_twin")[0] < 0.5
    assert found["gain_over_random"]["low"] > 0
    assert len(found["by_seed"]["model"]) == 3
    assert [note for note in found["notes"] if "sweeps the whole disc" in note]
    assert [note for note in found["notes"] if "no ceiling" in note]


def test_official_counts_what_the_start_solves_and_keeps_it(copied):
    with h5py.File(copied, "r+") as file:  # whoever waits has arrived
        for name in ("state", "proprio"):
            column = file[name][:].reshape(14, 61, 2)
            column[:7] = column[:7, :1]
            file[name][:] = column.reshape(-1, 2)

    found = plans("official", copied, "--num-cases", "8", "--streams", "1")

    assert 0 < found["num_solved_at_start"] < 8
    assert found["num_solved_dropped"] == 0
    rest = found["without_those_solved_at_start"]
    assert rest["value"] <= rates(found, "model")[0]
    moderate = plans("moderate", copied, "--num-cases", "1", "--no-references")
    assert moderate["num_solved_at_start"] == 0
    assert moderate["num_solved_dropped"] >= 7 * 36


def test_official_scales_actions_by_the_data_and_the_others_by_the_checkpoint(small):
    told = {name: evaluate(name, small, "--no-references").out for name in ("official", "strict")}

    assert "actions scaled by the statistics of the data (checkpoint: mean" in told["official"]
    assert "actions scaled by the statistics of the checkpoint" in told["strict"]


@pytest.mark.parametrize("protocol", ["official", "strict"])
def test_frozen_pairs_give_the_same_figures_again(protocol, small, tmp_path):
    cases = tmp_path / "cases.json"
    first = evaluate(protocol, small, "--save-cases", cases, "--json")
    again = evaluate(protocol, small, "--cases", cases, "--json")

    assert without_times(first.json) == without_times(again.json)
    rows = json.loads(cases.read_text())["rows"]
    assert rows["data_sha256"] == first.json["data_sha256"]
    evaluate(protocol, small, "--save-cases", cases).refused(2, "exists and would be overwritten")
    evaluate(protocol, small, "--cases", cases, "--num-cases", "5").refused(
        2, "the frozen cases were drawn with --num-cases 4, asked for is 5"
    )


def test_a_place_where_cases_cannot_be_kept_is_refused_before_anything_runs(small):
    done = evaluate("official", small, "--save-cases", small / "nowhere" / "cases.json")
    done.refused(2, "no folder ")
    assert "running" not in done.err


def test_the_recorded_first_frame_is_what_the_planner_sees(data, copied):
    with h5py.File(copied, "r+") as file:  # every frame shows the start of its episode
        frames = file["pixels"][:].reshape(14, 61, 64, 64, 3)
        file["pixels"][:] = np.repeat(frames[:, :1], 61, axis=1).reshape(-1, 64, 64, 3)

    true, planted = (
        plans("official", path, "--num-cases", "8", "--streams", "1", "--no-references")
        for path in (data, copied)
    )

    assert true["recorded_frames_differ_by"] == 0.0
    assert planted["recorded_frames_differ_by"] > 0.5
    assert rates(planted, "model")[0] < rates(true, "model")[0] - 0.3


def test_the_ceiling_plans_on_the_true_dynamics(data):
    found = plans("official", data, "--num-cases", "3", "--streams", "1", "--ceiling")

    assert rates(found, "true_dynamics")[0] > 0.5
    assert not [note for note in found["notes"] if "no ceiling" in note]


def test_frozen_pairs_of_another_protocol_or_data_set_are_refused(small, tmp_path):
    cases = tmp_path / "cases.json"
    words = ("--no-references", "--streams", "1")
    assert evaluate("official", small, "--save-cases", cases, *words).status == 0
    shutil.copy(small / "tiny.pt", tmp_path)
    shutil.copy(small / "data.h5", tmp_path)
    with h5py.File(tmp_path / "data.h5", "r+") as file:
        file["pixels"][0] = 0

    evaluate("strict", small, "--cases", cases).refused(
        2, "drawn for protocol official/1, asked for is strict/1"
    )
    evaluate("official", tmp_path, "--cases", cases).refused(2, "drawn from data with sha256")
    lewm("eval", "--model", small / "tiny.pt", "--cases", cases).refused(
        2, "these cases were recorded, for protocol official/1"
    )
    sampled = tmp_path / "sampled.json"
    held_out = ("--model", small / "tiny.pt", "--num-cases", "2", "--no-references")
    assert lewm("eval", *held_out, "--save-cases", sampled).status == 0
    evaluate("official", small, "--cases", sampled).refused(
        2, "drawn for protocol None, asked for is official/1"
    )


def test_data_of_another_world_or_size_are_refused(small, data):
    given = ("--protocol", "official", "--model")
    lewm("eval", *given, small / "tiny.pt", "--data", data).refused(
        2, "recorded with factors {'agent.radius': 14.0}"
    )
    lewm("eval", *given, BUNDLED, "--data", small / "data.h5").refused(
        2, "recorded with factors {}"
    )


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--protocol", "official"), "--protocol official was given no --data"),
        (("--data", "data.h5"), "--protocol held-out was given --data data.h5"),
        (
            ("--protocol", "strict", "--data", "d.h5", "--seed", "3"),
            "strict fixes its seeds and its goal offset",
        ),
        (("--drop-last-row",), "--drop-last-row is about official, not about held-out"),
        (("--protocol", "official", "--data", "nowhere.h5"), "nowhere.h5"),
        (
            ("--protocol", "official", "--data", "d.h5", "--world", "nowhere"),
            "there is no world 'nowhere'",
        ),
    ],
)
def test_words_that_do_not_go_together_are_refused(words, part):
    lewm("eval", "--model", BUNDLED, *words).refused(2, part)


def test_a_budget_shorter_than_a_plan_or_too_few_streams_are_refused(small):
    evaluate("official", small, "--budget", "24").refused(
        2, "a plan has 25 env steps, the budget 24"
    )
    evaluate("moderate", small, "--streams", "2").refused(2, "at least 3 planner streams, got 2")
    assert evaluate("official", small, "--budget", "0").status == 2
    evaluate("moderate", small, "--num-cases", "15").refused(2, "15 episodes with a pair")
