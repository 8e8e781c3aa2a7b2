"""The `lewm` command: from collecting to planning in seconds, and every refusal on the way."""

from dataclasses import replace
from pathlib import Path

import pytest

import tests.lewm.tiny_env  # noqa: F401  # registers environments
from lewm.build import new_model
from lewm.config import tiny
from lewm.data.windows import ActionStats
from tests.cli.commands import lewm, run
from tests.cli.making import SIZE_PX, awake_checkpoint

COLLECT = ("collect", "--size-px", "16", "--episodes", "4", "--length", "20")
TRAIN = ("train", "--preset", "tiny", "--updates", "20", "--batch-size", "8")


@pytest.fixture
def model(tmp_path, monkeypatch) -> str:
    """A checkpoint in the folder that the test runs in."""
    monkeypatch.chdir(tmp_path)
    awake_checkpoint(Path("ckpt.pt"))
    return "ckpt.pt"


@pytest.fixture
def data(tmp_path, monkeypatch) -> str:
    """A few episodes in the folder that the test runs in."""
    monkeypatch.chdir(tmp_path)
    assert lewm(*COLLECT, "--out", "data.h5").status == 0
    return "data.h5"


def test_collect_train_evaluate_plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    collected = lewm(*COLLECT, "--factor", "agent.radius=14", "--out", "data.h5")
    assert collected.status == 0, collected
    assert "4 episodes of 20 env steps: data.h5" in collected.out
    trained = lewm(*TRAIN, "--data", "data.h5", "--out", "ckpt.pt")
    assert trained.status == 0, trained
    assert trained.out.count("\nupdate ") == 19
    assert "ckpt.pt  sha256 " in trained.out
    evaluated = lewm("eval", "--model", "ckpt.pt", "--num-cases", "2", "--json")
    assert evaluated.status == 0, evaluated
    assert [arm["arm"] for arm in evaluated.json["arms"]] == [
        "model",
        "random",
        "untrained_twin",
        "true_dynamics",
    ]
    planned = run("lewm", "plan", "--model", "ckpt.pt", "--start", "40,40", "--goal", "60,60")
    assert planned.status == 0, planned
    assert planned.out.count("env step ") == 25

    left = {path.name for path in Path().iterdir()}
    assert left == {"data.h5", "data.h5.stats.json", "ckpt.pt"}
    for path in left:
        content = Path(path).read_bytes()
        assert not [word for word in (b"/tmp/", b"/root", b"/home/") if word in content], path


def test_the_same_seed_gives_the_same_files(data):
    lewm(*COLLECT, "--out", "again.h5")
    for out in ("one", "two"):
        assert lewm(*TRAIN, "--data", data, "--out", f"{out}.safetensors").status == 0

    assert Path("again.h5").read_bytes() == Path(data).read_bytes()
    assert Path("one.safetensors").read_bytes() == Path("two.safetensors").read_bytes()


@pytest.mark.parametrize("policy", ["expert", "straight", "random"])
def test_every_policy_collects_other_episodes(data, policy):
    done = lewm(*COLLECT, "--policy", policy, "--out", f"{policy}.h5")

    assert done.status == 0, done
    assert Path(f"{policy}.h5").read_bytes() != Path(data).read_bytes()


def test_a_plan_says_in_json_what_it_says_in_words(model):
    words = ("plan", "--model", model, "--start", "40,40", "--goal", "60,60")

    told, as_json = lewm(*words), lewm(*words, "--json").json

    assert f"imagined cost {as_json['imagined_cost']:.4f}" in told.out
    assert ("not solved" in told.out) is not as_json["solved"]
    assert len(as_json["actions"]) == 25


@pytest.mark.parametrize("point", ["400,40", "112,150"], ids=["beyond the border", "in the wall"])
@pytest.mark.parametrize("end", ["--start", "--goal"])
def test_a_plan_from_or_to_where_nothing_can_be_is_refused(model, end, point):
    ends = {"--start": "40,40", "--goal": "60,60"} | {end: point}
    words = [word for pair in ends.items() for word in pair]

    done = lewm("plan", "--model", model, *words)

    assert done.status == 2
    assert f"nothing can be at {point} in two-room" in done.err


def test_a_plan_is_made_in_whatever_world_the_checkpoint_names(tmp_path):
    config = replace(tiny(image_size=SIZE_PX), action_width=1)
    path = tmp_path / "elsewhere.pt"
    awake_checkpoint(
        path,
        config=config,
        tensors=new_model(config, seed=0).state_dict(),
        action_stats=ActionStats((0.0,), (1.0,)),
        world={"world": "gym:tests/Tiny-v0", "size_px": SIZE_PX, "factors": {}},
    )
    words = ("plan", "--model", path, "--start", "4,1")  # it coasts when nothing is done

    done = lewm(*words, "--goal", "9,0")

    assert done.status == 0
    assert "from the goal: " in done.out
    assert " px " not in done.out
    lewm(*words, "--goal", "9").refused(2, "'9' is not a state of 2 finite numbers")


def test_a_budget_that_cuts_the_first_plan_short_is_refused(model):
    words = ("eval", "--model", model, "--num-cases", "2", "--no-references", "--budget")

    lewm(*words, "3").refused(2, "25 env steps of every plan are carried out, the budget is 3")
    assert lewm(*words, "3", "--execute-blocks", "1").status == 2
    assert lewm(*words, "5", "--execute-blocks", "1").status == 0


def test_an_evaluation_says_in_json_what_it_says_in_words(model):
    words = ("eval", "--model", model, "--num-cases", "3", "--streams", "2", "--no-references")

    told, as_json = lewm(*words), lewm(*words, "--json").json

    assert told.out.startswith("3 cases (")
    assert [arm["stream"] for arm in as_json["arms"]] == [0, 1]
    for arm in as_json["arms"]:
        assert f"stream {arm['stream']:<3d} success {arm['success']:.3f} " in told.out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--out", "data.h5"], "data.h5 exists and would be overwritten"),
        (["--out", "nowhere/new.h5"], "no folder nowhere for new.h5"),
        (["--size-px", "7"], "size_px is 7, its range is 8 to 224"),
        (["--action-noise", "nan"], "action_noise is nan"),
        (["--factor", "agent.radius"], "'agent.radius' is not NAME=VALUE"),
        (["--factor", "agent.radius=fat"], "'agent.radius=fat' is not NAME=VALUE"),
        (["--factor", "agent.radius=99"], "agent.radius is 99, its range is 7.0 to 14.0 px"),
        (["--factor", "gravity=9.81"], "no factor is called 'gravity'"),
        (["--world", "three-room"], "there is no world 'three-room'; there are two-room, swm/"),
        (["--world", "gym:Nothing-v0"], "gymnasium cannot make Nothing-v0"),
        (["--policy", "nobody"], "no policy is called 'nobody' in two-room"),
    ],
)
def test_what_cannot_be_collected_is_refused(data, words, part):
    before = Path(data).read_bytes()

    done = lewm(*COLLECT, "--out", "new.h5", *words)

    assert done.status == 2
    assert part in done.err
    assert done.err.count("  Next: ") == 1
    assert [path.name for path in Path().iterdir()] == [data]
    assert Path(data).read_bytes() == before


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--data", "nowhere.h5"], "nowhere.h5 is not a readable HDF5 file"),
        (["--preset", "small"], "has frames of 16 px, the preset small sees 64 px"),
        (["--batch-size", "999"], "windows, a batch has 999"),
        (["--out", "ckpt"], "ckpt ends in nothing, a checkpoint in .pt or .safetensors"),
        (["--out", "ckpt.onnx"], "ckpt.onnx ends in .onnx"),
        (["--out", "nowhere/ckpt.pt"], "nowhere/ckpt.pt cannot be written"),
        (["--out", "data.h5/ckpt.pt"], "data.h5/ckpt.pt cannot be written"),
        (["--learning-rate", "1e30"], "loss is nan"),
        (["--schedule-updates", "5"], "--schedule-updates is 5, fewer than the 20 updates"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_it_takes_time(data, words, part):
    lewm_words = (*TRAIN, "--data", data, "--out", "ckpt.pt", *words)

    done = lewm(*lewm_words)

    assert done.status == 2, done
    assert part in done.err
    assert done.err.count("  Next: ") == 1
    assert "update     20" not in done.out
    assert {path.name for path in Path().iterdir()} <= {data, f"{data}.stats.json"}


@pytest.mark.parametrize(
    "words",
    [
        ["collect", "--out", "x.h5", "--episodes", "0"],
        ["collect", "--out", "x.h5", "--length", "0"],
        ["collect", "--out", "x.h5", "--seed", "-1"],
        ["collect", "--out", "x.h5", "--workers", "0"],
        ["train", "--data", "x", "--out", "x.pt", "--updates", "0"],
        ["train", "--data", "x", "--out", "x.pt", "--batch-size", "1"],
        ["train", "--data", "x", "--out", "x.pt", "--learning-rate", "nan"],
        ["train", "--data", "x", "--out", "x.pt", "--learning-rate", "0"],
        ["train", "--data", "x", "--out", "x.pt", "--sigreg-weight", "inf"],
        ["train", "--data", "x", "--out", "x.pt", "--seed", "-1"],
        ["eval", "--model", "x", "--num-cases", "0"],
        ["eval", "--model", "x", "--streams", "0"],
        ["eval", "--model", "x", "--budget", "0"],
        ["eval", "--model", "x", "--goal-offset", "0"],
        ["plan", "--model", "x", "--start", "1,1", "--goal", "1,1", "--seed", "99999999999"],
    ],
    ids=" ".join,
)
def test_a_number_out_of_its_range_is_a_usage_error(words):
    done = lewm(*words)

    assert done.status == 2
    assert "Error: Invalid value for '--" in done.err
    assert words[-1] in done.err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--start", "40", "--goal", "60,60"], "'40' is not a state of 2 finite numbers"),
        (["--start", "40,40,40", "--goal", "60,60"], "'40,40,40' is not a state of 2"),
        (["--start", "40,40", "--goal", "here"], "'here' is not a state of 2"),
        (["--start", "40,nan", "--goal", "60,60"], "'40,nan' is not a state of 2"),
    ],
)
def test_a_state_that_is_none_is_refused(model, words, part):
    lewm("plan", "--model", model, *words).refused(2, part)


def test_what_is_not_there_is_named(model):
    lewm("eval", "--model", "nowhere.pt").refused(2, "nowhere.pt cannot be read")
    lewm("eval", "--model", model, "--cases", "nowhere.json").refused(2, "nowhere.json")
    lewm("eval", "--model", model, "--goal-offset", "101").refused(2, "its range is 1 to the 100")


def test_a_fault_is_no_traceback_unless_it_is_asked_for(model, monkeypatch):
    def out_of_luck(*_: object, **__: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("lewm.adapter.load_model", out_of_luck)
    words = ("plan", "--model", model, "--start", "40,40", "--goal", "60,60")

    lewm(*words).refused(2, "could not finish: RuntimeError: out of luck", "LEWM_TRACEBACK=1")
    monkeypatch.setenv("LEWM_TRACEBACK", "1")
    with pytest.raises(RuntimeError, match="out of luck"):
        lewm(*words)


def test_a_person_who_stops_it_gets_neither_0_nor_2(model, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lewm.adapter.load_model", stop)

    assert lewm("eval", "--model", model).status == 130
