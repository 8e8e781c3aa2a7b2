"""Drift in the world's units and in the order of actions, on models whose answers are known."""

from functools import cache

import numpy as np
import pytest
import torch

from perturbations import audit, probes
from perturbations.suites import drift_rows
from perturbations.suites.horizon_drift import HorizonDrift
from tests import known_models as known
from tests.known_models.recording import recorded_bench, source

STEPS = range(1, 11)


@cache
def drifted(kind):
    bench = known.bench(kind())
    cells = HorizonDrift().run(bench)
    assert not [cell.error for cell in cells if cell.status == "crashed"]
    return HorizonDrift().summarise(cells, [], seed=1)


def by_horizon(kind, quantity):
    """Estimates in the order of the horizon."""
    return [one.estimate for one in drifted(kind) if one.quantity == quantity]


def values(kind, quantity):
    return np.array([one.value for one in by_horizon(kind, quantity)])


# --- error in the world's units -----------------------------------------------------------------


@pytest.mark.parametrize("probe", ["linear_probe_error", "mlp_probe_error"])
def test_what_a_perfect_model_imagines_is_read_as_well_as_what_it_sees(probe):
    least, *ahead = by_horizon(known.Oracle, probe)

    assert least.value < 0.5
    assert len(ahead) == len(STEPS)
    assert max(one.value for one in ahead) < 1.5 * least.high


def test_errors_are_in_the_units_of_the_world_and_decide_nothing():
    found = [one for one in drifted(known.OneStepGood) if one.quantity == "linear_probe_error"]

    assert {one.unit for one in found} == {"px"}
    assert all("secondary" in one.note for one in found)
    assert [(one.condition["horizon"], one.condition["env_steps"]) for one in found] == [
        (step, 5 * step) for step in range(11)
    ]
    planted = [0, 0, 7, 21, 42, 70]  # px, by construction
    read = [one.estimate.value for one in found][: len(planted)]
    assert read == pytest.approx(planted, rel=0.01, abs=0.1)


def test_a_cliff_in_the_horizon_is_where_it_is():
    error, still = (values(known.HorizonCliff, q) for q in ("linear_probe_error", "still_error"))

    assert error[:3].max() < 0.1
    assert (error[3:] > still[2:]).all()
    assert (np.diff(still[:8]) > 0).all()


def test_intervals_hold_the_value_and_count_episodes():
    for one in by_horizon(known.NormInflated, "mlp_probe_error"):
        assert 0 <= one.low <= one.value <= one.high
        assert one.episodes == known.PROFILE.num_scoring_episodes


# --- order of actions ---------------------------------------------------------------------------


def test_a_perfect_model_orders_actions_as_the_world_does():
    found = by_horizon(known.Oracle, "action_rank")

    assert len(found) == len(STEPS)
    assert min(one.low for one in found) > 0.99
    assert found[0].episodes == 32


def test_beyond_a_cliff_no_action_looks_better_than_another():
    assert values(known.HorizonCliff, "action_rank") == pytest.approx([1, 1, *[0] * 8], abs=0.01)


@pytest.mark.parametrize("kind", [known.NormInflated, known.OneStepGood])
def test_errors_that_grow_take_the_order_of_actions_with_them(kind):
    near, *_, far = by_horizon(kind, "action_rank")

    assert near.low > 0.4
    assert far.high < near.low


def test_an_action_blind_model_orders_nothing():
    found = drift_rows.ranks(known.bench(known.ActionBlind()), 12, 8, seen_at=3)

    assert len(found["case"]) == 12
    assert not any(any(found[f"rank_{step}"]) for step in STEPS)
    assert min(found["rank_seen"]) > 0.99  # the encoder is not to blame


class Lost(known.Oracle):
    """Imagines no numbers from the second step on."""

    def rollout(self, z, blocks):
        z_hat = super().rollout(z, blocks)
        z_hat[:, 1:] = float("nan")
        return z_hat


def test_costs_that_are_no_numbers_have_no_order():
    cells = {cell.condition.get("asks"): cell for cell in HorizonDrift().run(known.bench(Lost()))}

    assert "an imagined cost is not a finite number" in cells["ranking"].error
    assert "a latent is not a finite number" in cells["probes"].error
    found = HorizonDrift().summarise(list(cells.values()), [], seed=1)
    assert all(one.estimate is None and "crashed" in one.note for one in found if one.unit == "px")


# --- env steps and compositions -----------------------------------------------------------------


class Jumper(known.ColourBlind):
    """Jumps over any number of blocks, and every jump ends 2 px too far to the right."""

    def rollout(self, z, blocks):
        return super().rollout(z, blocks) + torch.tensor([2.0, 0.0])

    def self_consistency(self, z, blocks):
        return torch.zeros(len(z))


def test_of_a_model_that_jumps_compositions_are_told_from_env_steps():
    direct, composed = (values(Jumper, f"drift_ratio{of}") for of in ("", "_block_by_block"))

    assert composed[0] == pytest.approx(direct[0])
    assert composed[4] > 8 * direct[4]
    assert by_horizon(known.Oracle, "drift_ratio_block_by_block") == []


# --- recorded episodes --------------------------------------------------------------------------


@pytest.mark.parametrize("has_states", [True, False])
def test_recorded_states_are_read_column_by_column_and_nothing_is_ranked(has_states):
    bench = recorded_bench(known.Oracle(), data=source(has_states=has_states))
    found = audit.run(bench, ["horizon_drift"])
    summaries = audit.summarise(found.cells, [], audit.plan(bench, ["horizon_drift"]))
    missing = {one.what: one.reason for one in found.not_measured}

    read = [one for one in summaries if one.quantity == "linear_probe_error"]
    assert {(one.condition["of"], one.unit) for one in read} == (
        {("state_0", "world"), ("state_1", "world")} if has_states else set()
    )
    assert all(one.estimate.high < 0.2 for one in read)
    assert "needs a simulator" in missing["how imagined cost orders actions, by horizon"]
    lacks = "needs the true state, and the data set has no column of it"
    told = missing.get("error of what is imagined, in the world's units", "")
    assert told == ("" if has_states else lacks)
    assert not [one for one in summaries if one.quantity == "action_rank"]


# --- probes -------------------------------------------------------------------------------------


def test_updates_are_those_of_torch():
    values = [torch.tensor([-1.0, 0.25, 2.0]).requires_grad_()]
    update = probes._AdamW(values)

    for _ in range(50):
        update(torch.autograd.grad(values[0].cos().sum(), values))

    by_torch = [-1.15134573, 0.408268124, 2.14825773]  # torch.optim.AdamW, torch 2.13
    assert values[0].tolist() == pytest.approx(by_torch, rel=1e-6)


def test_halves_are_read_by_the_probe_of_the_other_half():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((40, 3))
    wanted = z @ rng.standard_normal((3, 2))
    wanted[20:] += 100

    both = probes.HalfProbes.fitted(z, wanted)

    off = both.held_out("linear", z) - wanted
    assert off[:20].mean() == pytest.approx(100, abs=1)
    assert off[20:].mean() == pytest.approx(-100, abs=1)
    assert both.read("linear", z[None]).shape == (1, 40, 2)


def test_a_dimension_that_does_not_vary_is_not_blown_up():
    z = np.random.default_rng(0).standard_normal((60, 3))
    z[:, 2] = 0.5
    probe = probes.fit("mlp", z, z[:, :1])
    slightly_off = z + np.array([0, 0, 1e-4])

    assert probe(slightly_off) == pytest.approx(probe(z), abs=0.01)
