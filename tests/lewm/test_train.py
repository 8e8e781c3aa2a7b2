import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from lewm.build import new_model
from lewm.config import tiny
from lewm.data.windows import MemorySource, Windows
from lewm.errors import LewmError
from lewm.training.alarms import AlarmWatch, collapse_alarms
from lewm.training.schedule import learning_rate, sigreg_weight
from lewm.training.tensorboard import TensorBoard
from lewm.training.train import (
    TrainResult,
    recalibrate_batchnorm,
    train,
)
from lewm.training.train_config import TrainConfig
from lewm.training.train_log import Progress, straightness
from tests.lewm.dots import SIZE, record

CONFIG = TrainConfig(
    seed=0,
    batch_size=16,
    num_updates=40,
    schedule_updates=400,
    warmup_updates=4,
    learning_rate=1e-3,
    weight_decay=1e-3,
    clip_norm=1.0,
    sigreg_weight=0.09,
    num_projections=16,
    calibration_batches=4,
    log_every_updates=10,
)
MODEL = replace(tiny(image_size=SIZE), dropout=0.0)


def run(seed: int = 0) -> TrainResult:
    return train(MODEL, replace(CONFIG, seed=seed), MemorySource(record()))


def test_training_lowers_the_loss_and_records_how():
    seen: list[Progress] = []

    result = train(MODEL, CONFIG, MemorySource(record()), progress=seen.append)

    first, last = result.record["losses"][0], result.record["losses"][-1]
    assert last["prediction"] + 0.09 * last["sigreg"] < first["prediction"] + 0.09 * first["sigreg"]
    assert [entry.update for entry in seen] == [10, 20, 30, 40]
    assert "prediction" in seen[0].line()
    assert json.loads(json.dumps(result.record, allow_nan=False)) == result.record
    assert result.record["train"] == CONFIG.to_json()
    assert result.record["data"]["digest"] == MemorySource(record()).digest()
    assert not result.model.training


def test_the_same_seed_trains_the_same_model_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = run().model.state_dict()
    assert torch.equal(torch.rand(1), expected)

    again, other = run().model.state_dict(), run(seed=1).model.state_dict()

    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["projector.net.0.weight"], other["projector.net.0.weight"])


def test_the_learning_rate_warms_up_and_follows_the_longer_schedule():
    config = replace(
        CONFIG, learning_rate=5e-5, warmup_updates=100, num_updates=1000, schedule_updates=10_000
    )
    assert learning_rate(0, config) == 0.0
    assert learning_rate(50, config) == pytest.approx(2.5e-5)
    assert learning_rate(100, config) == pytest.approx(5e-5)
    assert learning_rate(1000, config) == pytest.approx(4.90e-5, abs=5e-7)
    assert learning_rate(10_000, config) == pytest.approx(0.0, abs=1e-12)


def test_the_regularizer_is_annealed_in_a_line_and_then_kept():
    config = replace(
        CONFIG, sigreg_weight=0.02, final_sigreg_weight=0.001, sigreg_anneal_updates=10
    )
    weights = [sigreg_weight(update, config) for update in (0, 5, 10, 39)]
    assert weights == pytest.approx([0.02, 0.0105, 0.001, 0.001])
    assert sigreg_weight(0, CONFIG) == sigreg_weight(39, CONFIG) == 0.09


def test_stale_batch_statistics_are_replaced_by_plain_averages():
    windows = Windows(MemorySource(record()), num_frames=4, block_size=5)
    batches = [windows.gather(np.arange(first, first + 8)) for first in (0, 8)]
    model = new_model(MODEL, seed=0)
    norm = model.projector.net[1]
    norm.running_var.fill_(1e-4)

    recalibrate_batchnorm(model, batches)

    with torch.no_grad():
        inputs = [
            model.projector.net[0](model.encoder(pixels.flatten(end_dim=1)))
            for pixels, _ in batches
        ]
    expected = sum(x.var(dim=0) for x in inputs) / 2
    assert torch.allclose(norm.running_var, expected, rtol=1e-3)
    assert norm.momentum == 0.1
    assert not model.training


@pytest.mark.parametrize(
    ("z", "regularizer", "alarm"),
    [
        (torch.zeros(8, 2, 3), 1.0, "variance"),
        (torch.randn(64, 2, 3, generator=torch.Generator().manual_seed(0)) + 9, 1.0, "mean"),
        (torch.randn(64, 2, 3, generator=torch.Generator().manual_seed(0)) + 9, 1.0, "same way"),
        (torch.randn(8, 2, 3, generator=torch.Generator().manual_seed(0)), 3.2, "collapse value"),
    ],
)
def test_a_collapse_raises_its_alarm(z, regularizer, alarm):
    assert any(alarm in line for line in collapse_alarms(z, regularizer))


def test_a_healthy_cloud_raises_no_alarm():
    z = torch.randn(64, 4, 3, generator=torch.Generator().manual_seed(0))
    assert collapse_alarms(z, 1.1) == ()


def test_a_loss_that_is_not_finite_stops_the_run():
    wild = replace(CONFIG, learning_rate=1e30, warmup_updates=0, log_every_updates=1)
    with pytest.raises(LewmError, match="loss is nan"):
        train(MODEL, wild, MemorySource(record()))


def test_too_few_windows_for_a_batch_are_refused():
    with pytest.raises(LewmError, match="12 windows, a batch has 16"):
        train(MODEL, CONFIG, MemorySource(record(episodes=2)))


def test_without_a_regularizer_latents_collapse_and_the_alarm_says_so():
    config = replace(CONFIG, num_updates=60, learning_rate=3e-3, log_every_updates=60)
    losses = {
        regularizer: train(
            MODEL, replace(config, regularizer=regularizer), MemorySource(record())
        ).record["losses"][-1]
        for regularizer in ("none", "vicreg")
    }

    assert losses["none"]["latent_std"] < 0.1 < losses["vicreg"]["latent_std"]
    assert "a latent dimension has variance below 0.05" in losses["none"]["alarms"]
    assert losses["none"]["regularizer"] == 0.0


def test_bf16_trains_float32_weights_to_about_the_same_losses():
    full, half = (
        train(MODEL, replace(CONFIG, precision=precision), MemorySource(record()))
        for precision in ("float32", "bf16")
    )

    assert half.record["train"]["precision"] == "bf16"
    assert "precision" not in full.record["train"]
    assert {p.dtype for p in half.model.parameters()} == {torch.float32}
    for ours, theirs in zip(half.record["losses"], full.record["losses"], strict=True):
        assert ours["sigreg"] == pytest.approx(theirs["sigreg"], rel=0.2)
    assert half.record["losses"] != full.record["losses"]


@pytest.mark.parametrize("change", [{"regularizer": "hope"}, {"precision": "int8"}])
def test_a_recipe_with_an_unknown_word_is_refused(change):
    with pytest.raises(LewmError, match=next(iter(change))):
        TrainConfig.from_json({**CONFIG.to_json(), **change})


def test_an_alarm_is_told_when_it_starts_and_stops_and_in_the_end():
    watch = AlarmWatch()

    told = [watch.changes(update, alarms) for update, alarms in enumerate(["a", "ab", "b", "b"])]

    assert told == [
        ["ALARM from update 0: a"],
        ["ALARM from update 1: b"],
        ["alarm over at update 2: a"],
        [],
    ]
    assert watch.summary() == [
        "alarm: a, in 2 of 4 logged updates, no longer",
        "alarm: b, in 3 of 4 logged updates, also in the last",
    ]


def test_straightness_is_one_on_a_line_and_minus_one_on_the_way_back():
    line = torch.arange(4.0)[None, :, None] * torch.tensor([1.0, 2.0])
    there_and_back = torch.tensor([0.0, 1.0, 0.0, 1.0])[None, :, None]
    assert straightness(line).item() == pytest.approx(1.0)
    assert straightness(there_and_back).item() == pytest.approx(-1.0)
    assert straightness(line[:, :2]).item() == 0.0


def test_curves_are_written_where_tensorboard_reads_them(tmp_path):
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    with TensorBoard(tmp_path) as curves:
        train(MODEL, CONFIG, MemorySource(record()), progress=curves)

    (file,) = tmp_path.iterdir()
    content, found = file.read_bytes(), {}
    while content:
        length = int.from_bytes(content[:8], "little")
        event = event_pb2.Event.FromString(content[12 : 12 + length])
        found.update({(v.tag, event.step): v.simple_value for v in event.summary.value})
        content = content[16 + length :]
    assert {step for _, step in found} == {10, 20, 30, 40}
    assert {tag for tag, _ in found} == {
        *("loss/prediction", "loss/regularizer", "latent/sigreg", "latent/std"),
        *("latent/straightness", "latent/alarms", "updates/learning_rate"),
        *("updates/grad_norm", "updates/windows_per_second"),
    }


def test_curves_without_their_package_are_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(LewmError, match=r"needs tensorboardX(.|\n)*\[tensorboard\]"):
        TensorBoard(tmp_path)
