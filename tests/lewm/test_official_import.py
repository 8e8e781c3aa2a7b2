"""What an import takes: older names, other sizes, wrapped state dicts, statistics from data."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lewm.checkpoints.checkpoint import load_checkpoint
from lewm.checkpoints.exchange import export_model, import_model
from lewm.checkpoints.official import canonical, rename
from lewm.checkpoints.official_config import VIT_SIZES, format_config, parse_config
from lewm.collection.collect_to_file import collect_to_file
from lewm.collection.policies import NoisyExpert
from lewm.config import ModelConfig, fast_tiny, paper, tiny
from lewm.data.windows import ActionStats
from lewm.errors import LewmError
from lewm.worlds.two_room import TwoRoom
from tests.bad.official import make
from tests.cli.commands import lewm

STATS = ActionStats(mean=(0.1, -0.2), std=(0.5, 2.0))


def parsed(change: dict[str, Any], *, config: ModelConfig | None = None) -> ModelConfig:
    """A `config.json` with some fields replaced, by their dotted paths."""
    tree = json.loads(format_config(config or make.config()))
    for path, value in change.items():
        *way, last = path.split(".")
        node = tree
        for part in way:
            node = node[part]
        node[last] = value
    return parse_config(json.dumps(tree).encode(), "config.json", block_size=5)


# --- config.json ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"_target_": "stable_worldmodel.wm.lewm.lewm.LeWM"},
        {
            "_target_": "jepa.JEPA",
            "predictor._target_": "module.ARPredictor",
            "action_encoder._target_": "module.Embedder",
            "projector._target_": "module.MLP",
            "pred_proj._target_": "module.MLP",
        },
        {"_convert_": "all", "_recursive_": True, "encoder._partial_": False},
        {"predictor.output_dim": None, "projector.output_dim": 16},
        {"projector.act_fn": {"_target_": "torch.nn.GELU", "_partial_": True}},
        {"projector.norm_fn.eps": 1e-5, "projector.norm_fn.momentum": 0.1},
        {"action_encoder.smoothed_dim": 10, "action_encoder.mlp_scale": 4},
        {"encoder.hidden_act": "gelu", "encoder.layer_norm_eps": 1e-12, "encoder.qkv_bias": True},
        {"predictor.emb_dropout": 0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_spellings_that_mean_the_same_model_are_read_as_it(change):
    assert parsed(change) == make.config()


@pytest.mark.parametrize("size", VIT_SIZES)
def test_every_size_of_the_encoder_is_read_and_written_by_its_name(size):
    width, depth, heads = VIT_SIZES[size]
    config = replace(
        paper(action_width=5),
        encoder_width=width,
        encoder_depth=depth,
        encoder_heads=heads,
        encoder_mlp_width=4 * width,
        patch_size=16,
        history=4,
        action_bottleneck=12,
    )

    content = format_config(config)

    assert json.loads(content)["encoder"]["size"] == size
    assert "hidden_size" not in content.decode()
    assert parse_config(content, "config.json", block_size=5) == config


def test_the_same_input_width_is_two_actions_of_five_or_five_of_two():
    content = format_config(paper())
    assert parse_config(content, "c", block_size=5).action_width == 2
    assert parse_config(content, "c", block_size=2).action_width == 5


@pytest.mark.parametrize(
    ("config", "part"),
    [
        (fast_tiny(), "predictor prefix"),
        (replace(make.config(), stem="coord"), "stem coord"),
        (tiny(), "predictor_width 16, only 4"),
        (replace(make.config(), predictor_heads=1, predictor_head_width=16), "no output layer"),
    ],
    ids=["prefix", "coord", "latent", "one_head"],
)
def test_a_model_that_the_reference_classes_cannot_be_is_not_written(config, part):
    with pytest.raises(LewmError, match=part):
        format_config(config)


# --- weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["v4", "v5"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda tensors: {f"model.{name}": value for name, value in tensors.items()},
        lambda tensors: {f"module.model.{name}": value for name, value in tensors.items()},
        lambda tensors: {"state_dict": tensors, "epoch": 3},
        lambda tensors: {"state_dict": {f"model.{n}": v for n, v in tensors.items()}},
    ],
    ids=["prefix", "two_prefixes", "state_dict", "state_dict_and_prefix"],
)
def test_wrapped_tensors_are_unwrapped_and_written_plainly(tmp_path, wrap, layout):
    source = make.write_sound(tmp_path / "source")
    torch.save(wrap(rename(make.tensors(), layout)), source / "weights.pt")

    done = import_model(source, tmp_path / "out", action_stats=STATS)

    assert done.layout == layout
    plain = torch.load(tmp_path / "out" / "weights.pt", weights_only=True)
    assert list(plain) == list(rename(make.tensors(), layout))
    assert all(torch.equal(plain[n], v) for n, v in rename(make.tensors(), layout).items())


def test_a_prefix_that_only_some_tensors_have_is_not_guessed_away(tmp_path):
    source = make.write_sound(tmp_path / "source")
    tensors = {f"model.{name}": value for name, value in make.tensors().items()}
    torch.save({**tensors, "sigreg.t": torch.zeros(17)}, source / "weights.pt")
    with pytest.raises(LewmError, match=r"has 0 of the 75 tensors.*unexpected model\.action"):
        import_model(source, tmp_path / "out", action_stats=STATS)


def test_a_legacy_state_dict_is_taken_under_its_old_name(tmp_path):
    source = make.write_sound(tmp_path / "source")
    (source / "weights.pt").rename(source / "lewm_weight.ckpt")
    (source / "lewm_object.ckpt").write_bytes(b"a pickled module, which nobody opens")

    import_model(source, tmp_path / "out", action_stats=STATS)
    import_model(source / "lewm_weight.ckpt", tmp_path / "file.pt", action_stats=STATS)

    stored = (source / "lewm_weight.ckpt").read_bytes()
    assert (tmp_path / "out" / "weights.pt").read_bytes() == stored
    assert load_checkpoint(tmp_path / "file.pt").config == make.config()


def test_two_weights_are_told_apart_by_naming_one(tmp_path):
    source = make.write_sound(tmp_path / "source")
    export_model(
        import_model(source, tmp_path / "a.pt", action_stats=STATS).checkpoint,
        tmp_path / "other",
        layout="v5",
        format="safetensors",
    )
    (tmp_path / "other" / "weights.safetensors").rename(source / "epoch_9.safetensors")
    with pytest.raises(LewmError, match="several files of weights"):
        import_model(source, tmp_path / "out", action_stats=STATS)

    done = import_model(source / "epoch_9.safetensors", tmp_path / "out", action_stats=STATS)

    assert done.layout == "v5"
    assert (tmp_path / "out" / "weights.safetensors").exists()


def test_a_checkpoint_of_ours_changes_its_container_and_nothing_else(tmp_path):
    import_model(make.write_sound(tmp_path / "source"), tmp_path / "a.pt", action_stats=STATS)
    import_model(tmp_path / "a.pt", tmp_path / "b.safetensors")
    import_model(tmp_path / "b.safetensors", tmp_path / "c")
    import_model(tmp_path / "c", tmp_path / "d.pt")

    assert (tmp_path / "d.pt").read_bytes() == (tmp_path / "a.pt").read_bytes()


def test_no_name_is_renamed_that_the_encoder_does_not_have():
    names = ["encoder.layers.0.attention.q_projx.weight", "encoder.layers.a.mlp.fc1.weight", "a.b"]
    tensors = {name: torch.zeros(1) for name in names}
    assert list(canonical(tensors, "file").tensors) == names


# --- statistics and world ---------------------------------------------------------------------


def test_statistics_and_world_come_from_the_data_a_model_was_trained_on(tmp_path):
    world = TwoRoom(size_px=16)
    data = tmp_path / "data.h5"
    collect_to_file(data, world, NoisyExpert(), num_episodes=3, length_env_steps=20, seed=0)
    source = make.write_sound(tmp_path / "source")

    done = lewm("import", source, "--data", data, "--out", tmp_path / "out.pt")

    assert done.status == 0, done
    loaded = load_checkpoint(tmp_path / "out.pt")
    assert loaded.world == world.scope()
    assert 0.1 < min(loaded.action_stats.std) < max(loaded.action_stats.std) < 10
    assert loaded.training["imported_from"] == "official layout v4"
    assert len(loaded.training["imported_weights_sha256"]) == 64


def test_nothing_is_left_where_writing_fails(tmp_path, monkeypatch):
    source = make.write_sound(tmp_path / "source")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lewm.checkpoints.exchange.os.rename", full)
    with pytest.raises(LewmError, match="No space left"):
        import_model(source, tmp_path / "out", action_stats=STATS)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_folder_is_read_once_and_hashed_as_it_was_read(tmp_path, monkeypatch):
    source = make.write_sound(tmp_path / "source")
    import_model(source, tmp_path / "model", action_stats=STATS)
    opened: list[str] = []
    plain_open = Path.open

    def counting(self: Path, *arguments: Any, **options: Any) -> Any:
        opened.append(self.name)
        return plain_open(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", counting)
    loaded = load_checkpoint(tmp_path / "model")

    assert sorted(opened) == sorted(file.name for file in loaded.files)
