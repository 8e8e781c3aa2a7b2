"""Each monitor by itself: what it scores, what it is fitted on, what it must beat."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from envelope.errors import EnvelopeError
from envelope.records import CalibratedMonitor, Calibration, Cell
from lewm.adapter import AuditableModel
from lewm.build import new_model
from lewm.config import tiny
from lewm.data.windows import ActionStats
from lewm.planning.plan_config import PlanConfig
from perturbations import audit, latents
from perturbations.monitors import ensemble, fitting
from perturbations.monitors.kinds import PixelFloor, Shell
from perturbations.suites.voe import ViolationOfExpectation
from perturbations.thresholds.calibration import left_out
from tests import known_models as known

NO_BLOCKS = np.zeros((0, 0, 0, 0))


def seen(z=None, thumbnails=None):
    blank = torch.zeros(1, 2, 1)
    return latents.Seen(blank if z is None else z, blank if thumbnails is None else thumbnails)


# --- the scores -----------------------------------------------------------------------------------


def test_a_latent_on_the_shell_scores_nothing_and_a_longer_one_by_how_much():
    z = torch.zeros(1, 3, 4)
    z[0, :, 0] = torch.tensor([9.0, 2.0, 5.0])

    assert Shell().scores(seen(z), NO_BLOCKS).tolist() == [[0.0, 3.0]]


def test_the_floor_is_the_mean_squared_change_of_the_thumbnail():
    thumbnails = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]]])

    assert PixelFloor().scores(seen(thumbnails=thumbnails), NO_BLOCKS).tolist() == [[0.5, 0.0]]


def test_a_thumbnail_is_the_mean_colour_of_its_fields():
    class Blind:
        latent_width = 1

        def encode(self, frames):
            return torch.zeros(len(frames), 1)

    frames = np.zeros((2, 16, 16, 3), dtype=np.uint8)
    frames[1, :2, :2] = [255, 51, 0]
    eye = latents.Eye(Blind())

    small = eye.split(eye.encode(frames)).thumbnails.reshape(2, 3, 8, 8)

    assert small[0].abs().max() == 0
    assert small[1, :, 0, 0].tolist() == pytest.approx([1.0, 0.2, 0.0])
    assert small[1].sum() == pytest.approx(1.2)


def test_heads_agree_where_they_were_fitted_and_part_far_away_even_off_what_varied():
    rng = np.random.default_rng(0)
    z = np.hstack([rng.standard_normal((400, 2)), np.zeros((400, 3))])
    heads = ensemble.fit(z, 0.9 * z + 0.1 * rng.standard_normal(z.shape), seed=1)
    inside = heads.spread(z).max()

    assert heads.spread(z + np.array([10, 0, 0, 0, 0])).min() > 3 * inside
    assert heads.spread(z + np.array([0, 0, 0, 0, 10])).min() > inside
    assert heads.spread(z.reshape(20, 20, 5)).shape == (20, 20)


def test_an_ensemble_of_a_point_is_of_one_mind():
    point = np.zeros((50, 3))

    assert ensemble.fit(point, point, seed=0).spread(point + 1).max() == 0


def test_an_ensemble_is_not_fitted_on_what_is_no_number():
    z = np.full((10, 2), np.nan)

    with pytest.raises(ValueError, match="not a finite number"):
        ensemble.fit(z, z, seed=0)


# --- what it is fitted on -------------------------------------------------------------------------


def test_the_ensemble_is_the_same_on_every_run_and_another_for_another_seed():
    one, same = (fitting.fitted(known.bench(known.Oracle())) for _ in range(2))
    other = fitting.fitted(known.bench(known.Oracle(), seed=8))

    assert (one.heads == same.heads).all()
    assert (one.heads != other.heads).any()


def test_a_world_that_draws_no_states_lends_episodes_held_apart():
    class Recorded(known.DotWorld):
        def sample_states(self, rng, num):
            raise RuntimeError("recorded episodes only")

    apart = known.lawful_episodes(20, seed=5)
    bench = known.bench(known.Oracle(), world=Recorded(), fitting=apart)

    places = bench.eye.split(bench.scoring_seen).z
    assert fitting.fitted(bench).center[:2] == pytest.approx(apart.states.mean((0, 1)), abs=3)
    assert len(places) == len(bench.scoring)
    with pytest.raises(RuntimeError, match="recorded episodes only"):
        fitting.fitted(known.bench(known.Oracle(), world=Recorded()))


@pytest.mark.parametrize("used", ["calibration", "scoring"])
def test_episodes_to_fit_on_are_used_for_nothing_else(used):
    shared = known.lawful_episodes(60, seed=5)

    with pytest.raises(EnvelopeError, match="60 of which are also in calibration or scoring"):
        known.bench(known.Oracle(), fitting=shared, **{used: shared})


def test_cells_know_what_was_fitted_on():
    apart = known.lawful_episodes(20, seed=5)
    keys = [
        known.bench(known.Oracle(), **given).key("voe", "model", {}, cases="c").id
        for given in ({}, {"fitting": apart}, {"fitting": apart.first(10)})
    ]

    assert len(set(keys)) == 3


# --- dropout --------------------------------------------------------------------------------------


def adapter(dropout):
    config = replace(tiny(), dropout=dropout)
    stats = ActionStats((0.0,) * config.action_width, (1.0,) * config.action_width)
    return AuditableModel(new_model(config, seed=0), stats, name="tiny", plan_config=PlanConfig())


def test_a_model_without_dropout_has_no_dropout_monitor_and_that_is_said():
    assert adapter(0.0).predict_with_dropout is None
    cell = Cell(
        id="0" * 64, suite="monitors", arm="model", condition={}, cases="0" * 64, status="done",
        rows={"episode": [0], "surprise": [0.0], "shell": [0.0], "disagreement": [0.0]},
    )  # fmt: skip

    assert [(one.what, one.reason) for one in left_out(cell)] == [
        ("monitor dropout", "the model offers no predictions with dropout")
    ]


def test_passes_with_dropout_differ_by_seed_alone_and_leave_the_model_as_it_was():
    model = adapter(0.5)
    for parameter in model.module.parameters():
        torch.nn.init.normal_(parameter, std=0.2, generator=torch.Generator().manual_seed(0))
    z = torch.randn(2, 3, model.latent_width, generator=torch.Generator().manual_seed(1))
    blocks = torch.zeros(2, 3, model.block_size, model.action_width)
    before = model.predict(z, blocks)
    state = torch.random.get_rng_state()

    one, same, other = (model.predict_with_dropout(z, blocks, seed) for seed in (3, 3, 4))

    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(model.predict(z, blocks), before)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(module.training for module in model.module.modules())


# --- what the rows say ----------------------------------------------------------------------------


def monitor(name):
    return CalibratedMonitor(
        name=name,
        statistic="made up",
        threshold=1.0,
        false_alarms_per_episode=0.05,
        calibration=Calibration(
            method="split_conformal", episodes=59, episodes_digest="0" * 64,
            model_steps_per_episode=10,
        ),
    )  # fmt: skip


def lawful(**alarms):
    """A lawful cell of 100 episodes of 50 env steps, with so many alarms by monitor, in a row."""
    begin, columns = 0, {}
    for name, num in alarms.items():
        columns[name] = [2.0 if begin <= i < begin + num else 0.0 for i in range(100)]
        begin += num
    return Cell(
        id="1" * 64, suite="voe", arm="model", condition={"violation": "none"}, cases="2" * 64,
        status="done", rows={"episode": list(range(100)), "env_steps": [50] * 100, **columns},
    )  # fmt: skip


def pick(found, quantity):
    (only,) = [one for one in found if one.quantity == quantity]
    return only


def test_the_time_to_a_false_alarm_is_the_share_of_episodes_turned_over():
    found = ViolationOfExpectation().summarise([lawful(surprise=4)], [monitor("surprise")], seed=0)

    time, rate = pick(found, "time_to_false_alarm"), pick(found, "false_alarms")
    assert (time.estimate.value, time.unit) == (1250.0, "env_steps")
    assert time.estimate.low == pytest.approx(50 / rate.estimate.high)
    assert time.estimate.high == pytest.approx(50 / rate.estimate.low)


def test_no_false_alarm_gives_a_time_that_is_only_bounded_from_below():
    found = ViolationOfExpectation().summarise([lawful(surprise=0)], [monitor("surprise")], seed=0)

    time = pick(found, "time_to_false_alarm")
    assert time.estimate is None
    # 1 - 0.025 ** (1 / 100) is the upper end of 0 in 100.
    assert f"at least {50 / (1 - 0.025**0.01):.0f} env steps" in time.note


def test_several_monitors_together_alarm_more_often_and_it_is_counted():
    both = [monitor("surprise"), monitor("shell")]

    found = ViolationOfExpectation().summarise([lawful(surprise=4, shell=3)], both, seed=0)

    assert pick(found, "any_false_alarms").estimate.value == 0.07


def test_the_floor_stands_beside_the_monitors_and_is_none_of_them():
    bench = known.bench(known.Oracle())
    found = audit.run(bench, ["voe"])
    summaries = audit.summarise(found.cells, found.monitors, audit.plan(bench, ["voe"]))
    at = {"violation": "teleport", "magnitude": 40.0}

    def one(quantity, **condition):
        (only,) = [
            m
            for m in summaries
            if m.quantity == quantity
            and all(m.condition.get(k) == v for k, v in {**at, **condition}.items())
        ]
        return only.estimate

    assert [m.name for m in found.monitors] == ["surprise", "shell", "disagreement"]
    gain = one("beats_floor", monitor="surprise")
    seen_by_both = one("detection", monitor="surprise").value - one("floor_detection").value
    assert gain.value == pytest.approx(seen_by_both)
    assert gain.interval == "newcombe"
