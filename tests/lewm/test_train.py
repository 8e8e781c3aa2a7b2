import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lewm.alarms import collapse_alarms
from lewm.build import new_model
from lewm.config import tiny
from lewm.data import MemorySource, Windows
from lewm.errors import LewmError
from lewm.schedule import learning_rate, sigreg_weight
from lewm.train import (
    TrainResult,
    recalibrate_batchnorm,
    train,
)
from lewm.train_config import TrainConfig
from lewm.train_log import Progress
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
