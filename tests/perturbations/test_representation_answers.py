"""Quantities of latents whose answers are known without a model."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from envelope.records import Cell
from perturbations.statistics import spectra
from perturbations.suites import representation_rows
from perturbations.suites.representation import Representation
from tests import known_models as known


@pytest.mark.parametrize(
    ("path", "cosine"),
    [
        ([[0, 0], [1, 0], [2, 0], [5, 0]], 1.0),
        ([[0, 0], [1, 0], [0, 0], [1, 0]], -1.0),
        ([[0, 0], [1, 0], [1, 1], [2, 1]], 0.0),
        ([[0, 0], [1, 0], [1.6, 0.8]], 0.6),
    ],
)
def test_straightness_is_the_cosine_of_each_step_with_the_one_before(path, cosine):
    bench = SimpleNamespace(scoring_latents=torch.tensor([path], dtype=torch.float64))

    assert representation_rows.straightness(bench)["cosine"] == pytest.approx([cosine])


def test_a_p_value_is_never_zero():
    """What lies beyond every draw of the null has the smallest p that 199 draws can give."""
    z = np.random.default_rng(0).standard_normal((80, 2)) ** 5

    assert {p for _, p in spectra.normality(z, seed=0).values()} == {1 / 200}


def test_the_share_of_a_nuisance_in_the_first_component_is_its_own():
    shares = {"within": 1.0, "between": 3.0, "lead_within": 1.0, "lead_between": 9.0}
    cell = Cell(
        id="0" * 64,
        suite="representation",
        arm="model",
        condition={"asks": "slow_features", "nuisance": "blur"},
        cases="1" * 64,
        status="done",
        rows={"state": list(range(30)), **{name: [part] * 30 for name, part in shares.items()}},
    )

    found = Representation().summarise([cell], [], seed=0)

    told = {one.condition["of"]: one.estimate.value for one in found}
    assert told == {"all": pytest.approx(0.25), "first_component": pytest.approx(0.1)}


def test_a_light_that_moves_no_place_has_no_share_in_the_component_of_places():
    bench = known.bench(known.Oracle())

    found = representation_rows.slow_features(bench, "light.gain", bench.drawn_states[:40])

    assert min(found["within"]) > 1
    assert max(found["lead_within"]) < 1e-3 * min(found["within"])
    assert sum(found["lead_between"]) < 0.8 * sum(found["between"])
