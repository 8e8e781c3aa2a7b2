"""Models in the official layout that must be refused: one message, nothing run, nothing written."""

import json
import os
from pathlib import Path

import pytest

from tests.bad.cli.make import MARKER
from tests.bad.official import make
from tests.cli.commands import Done, envelope, lewm

CONFIGS = {
    "actions_not_in_blocks": "action_encoder.input_dim = 11, expected a multiple of the block of 5",
    "depth_is_a_truth_value": "predictor.depth = true, expected a whole number from 1 to 256",
    "depth_is_huge": "predictor.depth = 1000000000, expected a whole number from 1 to 256",
    "depth_missing": "lacks predictor.depth",
    "dropout_of_positions": "predictor.emb_dropout = 0.1, expected 0.0",
    "duplicate_key": "has the key '_target_' twice",
    "empty": "is not JSON",
    "field_unknown": "has the field encoder.trust_remote_code, which no LeWM has",
    "five_thousand_digits": "has a number of 5000 digits",
    "list": "holds a list, expected an object",
    "mask_token": "encoder.use_mask_token = true, expected false",
    "nan": "has NaN where a finite number belongs",
    "norm_is_called_at_once": "projector.norm_fn._partial_ = false, expected true",
    "norm_missing": "lacks projector.norm_fn",
    "not_json": "is not JSON",
    "not_utf8": "is not UTF-8 at byte 14",
    "overflow": "has the number 1e999, which is not finite",
    "patch_does_not_divide": "describes no model: patch 7 does not divide image 16",
    "positional_arguments": "has the field encoder._args_",
    "pretrained": "encoder.pretrained = true, expected false",
    "projector_missing": "pred_proj = null, expected an object",
    "size_unknown": 'encoder.size = "giant", expected "tiny" or "small"',
    "target_deep_inside": 'predictor.extra.a[0].b._target_ = "os.system"',
    "target_is_a_list": 'encoder._target_ = ["os.system"], expected a class of the official LeWM',
    "target_is_foreign": '"somebody.models.Encoder", expected a class of the official LeWM',
    "target_is_os_system": 'says _target_ = "os.system", expected a class of the official LeWM',
    "target_missing": "lacks projector._target_",
    "target_of_another_part": 'expected "stable_worldmodel.wm.lewm.module.Predictor"',
    "too_deep": "is nested 5001 levels deep, at most 32 are read",
    "width_is_negative": "predictor.mlp_dim = -1, expected a whole number",
    "width_is_text": 'predictor.input_dim = "16", expected a whole number',
    "widths_differ": "predictor.hidden_dim = 32, expected 16",
}

WEIGHTS = {
    "both_layouts": "which are one tensor in two layouts",
    "compressed": "torch.save compresses nothing",
    "config_linked": "config.json is a link that leads out of its folder",
    "empty": "is truncated, or was not written by torch.save",
    "list_of_tensors": "no state dict",
    "no_config": "is a folder without config.json",
    "no_weights": "has a config.json and no weights",
    "numbers": "no state dict",
    "only_a_module": "lewm_object.ckpt holds pickled code",
    "pickled_gadget": "lewm never runs code from a file",
    "pickled_gadget_as_tensor": "lewm never runs code from a file",
    "pickled_module": ".state_dict(), 'weights.pt')",
    "safetensors_truncated": "is truncated, or is not a safetensors file",
    "tensor_is_sparse": "something else than a plain dense tensor",
    "tensor_larger_than_the_file": "has tensors of 640",
    "tensor_missing": "has 74 of the 75 tensors of its configuration; missing encoder.embeddings",
    "tensor_missing_in_v5": "missing encoder.layers.0.attention.o_proj.bias, unexpected none",
    "tensor_of_another_shape": "has encoder.embeddings.cls_token as torch.float32 (3,), its",
    "tensor_of_another_type": "has encoder.embeddings.cls_token as torch.float16 (1, 1, 16), its",
    "tensor_too_many": "missing none, unexpected encoder.embeddings.mask_token",
    "tensor_without_storage": "something else than a plain dense tensor",
    "truncated": "is truncated",
    "truncated_by_a_byte": "is truncated",
    "two_weights": "has several files of weights: weights.pt, weights.safetensors",
    "weights_linked": "weights.pt is a link that leads out of its folder",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("official")
    make.write_weights(folder / "weights")
    make.write_configs(folder / "configs")
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The folder the test runs in, with action statistics and nothing else."""
    monkeypatch.chdir(tmp_path)
    make.write_stats(Path("stats.json"))
    return tmp_path


def take(source: Path, *words: str, out: str = "out") -> Done:
    return lewm("import", source, "--action-stats", "stats.json", "--out", out, *words)


def require_nothing_left(here: Path) -> None:
    assert [path.name for path in here.iterdir()] == ["stats.json"]
    assert MARKER not in {path.name for path in Path().iterdir()}


@pytest.mark.parametrize("out", ["out", "out.pt"])
@pytest.mark.parametrize("defect", CONFIGS)
def test_a_bad_config_is_refused_and_nothing_in_it_is_run(defect, out, made, here):
    take(made / "configs" / defect, out=out).refused(2, "config.json", CONFIGS[defect])
    require_nothing_left(here)


@pytest.mark.parametrize("out", ["out", "out.safetensors"])
@pytest.mark.parametrize("defect", WEIGHTS)
def test_bad_weights_are_refused_and_nothing_in_them_is_run(defect, out, made, here):
    take(made / "weights" / defect, out=out).refused(2, WEIGHTS[defect])
    require_nothing_left(here)


@pytest.mark.parametrize(
    ("kind", "defect"),
    [("configs", "target_is_os_system"), ("weights", "tensor_missing"), ("weights", "two_weights")],
)
def test_every_command_that_takes_a_model_refuses_it_alike(kind, defect, made, here):
    make.write_sound(here / "sound")
    assert take(here / "sound", "--world", "two-room", out="complete").status == 0
    folder = made / kind / defect
    details = folder / "lewm.json"
    details.write_bytes((here / "complete" / "lewm.json").read_bytes())
    part = {"configs": CONFIGS, "weights": WEIGHTS}[kind][defect]

    envelope("measure", "--model", folder, "--out", "record").refused(2, part)
    lewm("plan", "--model", folder, "--start", "40,40", "--goal", "90,60").refused(2, part)
    lewm("export", folder, "--out", "exported").refused(2, part)

    details.unlink()
    assert not Path("record").exists()
    assert not Path("exported").exists()
    assert not Path("TARGET_WAS_RUN").exists()


def test_every_bad_file_has_an_expectation(made):
    assert {path.name for path in (made / "configs").iterdir()} == set(CONFIGS)
    assert {path.name for path in (made / "weights").iterdir() if path.is_dir()} == set(WEIGHTS)


# --- what is sound by itself and does not fit ---------------------------------------------------


def test_what_the_bad_ones_were_made_from_is_taken(here):
    done = take(make.write_sound(here / "sound"), "--world", "two-room")
    assert done.status == 0, done
    assert "75 of 75 tensors, layout v4" in done.out


def test_actions_of_another_width_than_those_of_the_world_are_refused(here):
    sound = make.write_sound(here / "sound", action_width=5)
    Path("stats.json").write_text(json.dumps({"mean": [0.0] * 5, "std": [1.0] * 5}))

    take(sound, "--world", "two-room").refused(2, "takes actions of width 5, two-room of width 2")
    assert not Path("out").exists()


def test_statistics_of_another_width_than_the_actions_are_refused(here):
    sound = make.write_sound(here / "sound", action_width=5)
    take(sound).refused(2, "takes actions of width 5 (in blocks of 5), the action statistics are")
    take(sound, "--block-size", "7").refused(2, "a multiple of the block of 7 env steps")


@pytest.mark.parametrize(
    ("stats", "part"),
    [
        ("{}", "it has the fields []"),
        ('{"mean": [0, 0], "std": [1, 0]}', "finite with std > 0"),
        ('{"mean": [0, 0], "std": [1]}', "finite with std > 0"),
        ('{"mean": [0, NaN], "std": [1, 1]}', "has NaN where a finite number belongs"),
        ('{"mean": 0, "std": 1}', "holds no action statistics"),
        ("[0, 1]", "holds a list, expected an object"),
    ],
)
def test_statistics_that_are_none_are_refused(here, stats, part):
    sound = make.write_sound(here / "sound")
    Path("stats.json").write_text(stats)
    take(sound).refused(2, part)


def test_a_checkpoint_that_is_there_is_never_written_over(here):
    sound = make.write_sound(here / "sound")
    (here / "other.pt").write_bytes(b"the only copy")
    take(sound, out="other.pt").refused(2, "other.pt is there already")
    assert (here / "other.pt").read_bytes() == b"the only copy"


def test_a_circle_of_links_is_refused_in_one_message(here):
    sound = make.write_sound(here / "sound")
    (sound / "config.json").unlink()
    (sound / "config.json").symlink_to("config.json")
    take(sound).refused(2, "config.json is a link that leads out of its folder")


def test_a_folder_that_is_there_is_never_written_over(here):
    sound = make.write_sound(here / "sound")
    assert take(sound).status == 0
    before = sorted(path.name for path in here.iterdir())

    take(sound).refused(2, "out is there already")
    lewm("export", "out", "--out", "sound").refused(2, "sound is there already")
    lewm("export", "out", "--out", "no/where").refused(2, "no/where cannot be written")
    assert sorted(path.name for path in here.iterdir()) == before


def test_a_file_beyond_the_cap_and_a_pipe_are_not_read(here):
    sound = make.write_sound(here / "sound")
    with (sound / "config.json").open("ab") as file:
        file.truncate(2**25)  # sparse: nothing is stored
    take(sound).refused(2, "has more than the 16777216 bytes that are read of such a file")

    (sound / "config.json").unlink()
    os.mkfifo(sound / "config.json")
    take(sound).refused(2, "config.json is no regular file")


def test_without_statistics_nothing_is_taken_and_the_import_is_named(here):
    sound = make.write_sound(here / "sound")
    lewm("import", sound, "--out", "out").refused(2, "does not say how its actions are scaled")
    lewm("plan", "--model", sound, "--start", "1,1", "--goal", "2,2").refused(
        2, "Next: lewm import ", "--data EPISODES.h5 --world NAME --out FOLDER"
    )
    both = ("--data", "d.h5", "--action-stats", "stats.json")
    lewm("import", sound, "--out", "out", *both).refused(2, "both say how actions are scaled")


def test_a_model_the_reference_cannot_be_is_not_exported(here):
    from tests.cli.making import awake_checkpoint

    awake_checkpoint(Path("ckpt.pt"))
    lewm("export", "ckpt.pt", "--out", "out").refused(
        2, "the official layout has no model with predictor_width 16, only 4"
    )
    assert not Path("out").exists()
