"""What a frame and a plan cost: known models, whose operations a person can count."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from perturbations.suites import cost_rows
from perturbations.suites.cost import Cost
from tests import known_models as known
from tests.known_models.judging import claims_of

SEARCH = known.SearchConfig()
CANDIDATES = SEARCH.num_samples * SEARCH.iterations
PER_FRAME = {"OneToken": 8 + 8, "TokenHog": 8 * 49 * 49 + 8 * 49}
LITTLE = replace(known.PROFILE, num_cases=4, num_calibration_episodes=4, num_scoring_episodes=4)
BUDGET = {"tokens_per_frame_at_most": 8, "operations_per_plan_at_most": 1e6}


def found(model):
    cells = Cost().run(known.bench(model))
    assert not [cell.error for cell in cells if cell.status == "crashed"]
    return {one.id.split("/")[1]: one for one in Cost().summarise(cells, [], seed=1)}


@pytest.mark.parametrize("name", PER_FRAME)
def test_operations_of_a_plan_are_those_of_two_frames_and_of_every_imagined_step(name):
    said, frame = found(getattr(known, name)()), PER_FRAME[name]

    candidate = SEARCH.horizon * frame
    assert said["operations[of=frame]"].estimate.value == frame
    assert said["operations[of=candidate]"].estimate.value == candidate
    plan = said["operations[of=plan]"].estimate
    assert plan.low == plan.value == plan.high == 2 * frame + (CANDIDATES + 1) * candidate
    assert said["model_steps_per_plan[]"].estimate.value == CANDIDATES * SEARCH.horizon
    share = said["encoder_share[]"].estimate.value
    assert share == pytest.approx(2 * frame / plan.value, rel=1e-6)


def test_tokens_and_numbers_of_a_frame_are_told():
    said = found(known.TokenHog())

    assert said["tokens_per_frame[]"].estimate.value == 49
    assert said["numbers_per_frame[]"].estimate.value == 98


def judged(model, **budget):
    bench = known.bench(model, criteria=known.criteria(**budget), profile=LITTLE)
    claims = claims_of(bench, suites=("cost",))
    return {name: claims[f"cost.{name}"] for name in ("tokens_per_frame", "operations_per_plan")}


def test_a_model_that_hogs_tokens_fails_a_stated_budget_and_a_lean_one_meets_it():
    for name, verdict in (("TokenHog", "fails"), ("OneToken", "holds")):
        for claim in judged(getattr(known, name)(), **BUDGET).values():
            assert (claim.verdict, claim.kind) == (verdict, "requirement"), claim.reason


def test_without_a_budget_the_cost_is_a_recorded_bound():
    for claim in judged(known.TokenHog()).values():
        assert (claim.verdict, claim.kind) == ("holds", "bound")
        assert claim.estimate.interval == "counted"


def test_a_model_that_computes_outside_torch_has_no_known_cost():
    for budget in (BUDGET, {}):
        claims = judged(known.ColourBlind(), **budget)

        assert {claim.verdict for claim in claims.values()} == {"unknown"}
        assert "nothing in torch that is counted" in claims["operations_per_plan"].reason
        assert "does not say how many tokens" in claims["tokens_per_frame"].reason


class Opaque(known.OneToken):
    """Its attention is one kernel."""

    def _through(self, z):
        twice = z[:, None].repeat(1, 1, 2)
        attention = nn.MultiheadAttention(4, 2, batch_first=True).eval()
        with torch.inference_mode():
            attention(twice, twice, twice, need_weights=False)
        return super()._through(z)


def test_a_kernel_that_cannot_be_looked_into_leaves_the_cost_unknown():
    said = found(Opaque())

    assert said["tokens_per_frame[]"].estimate.value == 1
    for of in ("frame", "plan"):
        one = said[f"operations[of={of}]"]
        assert one.estimate is None
        assert "_native_multi_head_attention" in one.note


def test_tokens_that_do_not_divide_the_latent_are_a_crash_and_no_finding():
    class Wrong(known.OneToken):
        tokens_per_frame = 3
        latent_width = 2

    cells = Cost().run(known.bench(Wrong()))
    assert cells[0].status == "crashed"


class LaidOut(known.OneToken):
    """Can be laid out over any square number of tokens."""

    def carrying_tokens(self, number):
        if round(number**0.5) ** 2 != number or number > 64:
            return None
        other = type(self)()
        other.tokens_per_frame = number
        return other


def test_the_same_architecture_over_more_tokens_grows_as_its_products_do():
    said = found(LaidOut())

    over = {
        one.condition["tokens_per_frame"]: one.estimate.value
        for name, one in said.items()
        if name.startswith("operations_over_tokens")
    }
    steps = 2 + CANDIDATES * SEARCH.horizon
    assert over == {n: steps * (8 * n * n + 8 * n) for n in (1, 4, 16, 64)}


def test_rows_are_the_same_when_counted_again_and_the_model_is_left_as_it_was():
    model = known.TokenHog()
    bench = known.bench(model)

    first, again = (cost_rows.plan(bench) for _ in range(2))

    assert first == again
    assert "encode" not in vars(model)


def test_seconds_are_measured_beside_the_rows_and_a_broken_model_has_none():
    class Silent(known.OneToken):
        def encode(self, frames):
            raise RuntimeError("no")

    told = cost_rows.seconds(known.bench(known.OneToken()))

    assert set(told) == {"frame", "plan"}
    assert np.all([spent > 0 for spent in told.values()])
    assert cost_rows.seconds(known.bench(Silent())) == {}
