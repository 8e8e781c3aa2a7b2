"""Quantities of latents whose answers are known without a model."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from envelope.records import Cell
from perturbations.statistics import rising, spectra
from perturbations.suites import representation_rows
from perturbations.suites.representation import Representation
from tests import known_models as known


def cell_about(asks, nuisance="", **columns):
    return Cell(
        id="0" * 64,
        suite="representation",
        arm="model",
        condition={"asks": asks, **({"nuisance": nuisance} if nuisance else {})},
        cases="1" * 64,
        status="done",
        rows={"state": list(range(len(next(iter(columns.values()))))), **columns},
    )


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


def test_components_are_told_from_the_largest_on():
    """Columns of variance 9, 1 and 0: shares of 0.9, 0.1 and nothing."""
    rng = np.random.default_rng(0)
    columns = rng.standard_normal((400, 3)) * [1.0, 3.0, 0.0]
    cell = cell_about("cloud", **{f"z_{i}": column.tolist() for i, column in enumerate(columns.T)})

    found = Representation().summarise([cell], [], seed=0)

    told = [one.estimate.value for one in found if one.quantity == "variance_share"]
    assert told == [pytest.approx(share, abs=0.03) for share in (0.9, 0.1, 0.0)]


def test_a_latent_distance_that_falls_again_is_held_to_the_farthest_pairs():
    """It reaches nine tenths of 50 at 45, although it goes on to 100 and comes back."""
    true = np.arange(2000) / 10
    latent = np.where(true < 100, true, np.maximum(200 - true, 50))

    assert rising.rises_to(true, latent) == pytest.approx(45, abs=0.5)


def test_a_p_value_is_never_zero():
    """What lies beyond every draw of the null has the smallest p that 199 draws can give."""
    z = np.random.default_rng(0).standard_normal((80, 2)) ** 5

    assert {p for _, p in spectra.normality(z, seed=0).values()} == {1 / 200}


def test_the_share_of_a_nuisance_in_each_leading_component_is_its_own():
    shares = {"within": 1.0, "between": 3.0, "lead1_within": 1.0, "lead1_between": 9.0}
    shares |= {"lead2_within": 1.0, "lead2_between": 1.0}
    cell = cell_about(
        "slow_features", nuisance="blur", **{name: [part] * 30 for name, part in shares.items()}
    )

    found = Representation().summarise([cell], [], seed=0)

    told = {one.condition["of"]: one.estimate and one.estimate.value for one in found}
    assert told == {
        "all": pytest.approx(0.25),
        "first_component": pytest.approx(0.1),
        "second_component": pytest.approx(0.5),
        "third_component": None,
    }


def test_a_light_that_moves_no_place_has_no_share_in_the_component_of_places():
    bench = known.bench(known.Oracle())

    found = representation_rows.slow_features(bench, "light.gain", bench.drawn_states[:40])

    assert min(found["within"]) > 1
    assert max(found["lead1_within"]) < 1e-3 * min(found["within"])
    assert sum(found["lead1_between"]) < 0.8 * sum(found["between"])
