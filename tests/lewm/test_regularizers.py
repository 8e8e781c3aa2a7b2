import math
from dataclasses import replace

import pytest
import torch

from lewm.training.objective import Objective, prediction_loss
from lewm.training.regularizers import (
    covariance_term,
    similarity_term,
    spectral_term,
    temporal_variance_term,
    variance_term,
)
from lewm.training.sigreg import sigreg
from tests.lewm.test_train import CONFIG


def windows(*frames: list[list[float]]) -> torch.Tensor:
    """(B, T, D) from one (B, D) list per frame."""
    return torch.tensor(frames, dtype=torch.float64).transpose(0, 1)


# Two windows of two frames in two dimensions. Per frame and dimension the two values are
# -a and a, so the unbiased variance is 2 a^2.
Z = windows([[0.5, 0.1], [-0.5, -0.1]], [[2.0, -0.3], [-2.0, 0.3]])


def short(var: float) -> float:
    return max(0.0, 1 - math.sqrt(var + 1e-4))


def test_the_variance_term_is_what_the_hand_computes():
    expected = (short(0.5) + short(0.02) + short(8.0) + short(0.18)) / 4
    assert variance_term(Z).item() == pytest.approx(expected, abs=1e-12)


def test_the_covariance_term_is_what_the_hand_computes():
    first, second = 2 * 0.5 * 0.1, -2 * 2.0 * 0.3  # unbiased covariances of the two frames
    expected = ((2 * first**2) / 2 + (2 * second**2) / 2) / 2
    assert covariance_term(Z).item() == pytest.approx(expected, abs=1e-12)
    assert covariance_term(Z[..., :1]).item() == 0.0


def test_the_similarity_term_is_what_the_hand_computes():
    expected = (1.5**2 + 0.4**2) / 2
    assert similarity_term(Z).item() == pytest.approx(expected, abs=1e-12)


def test_the_temporal_variance_term_is_what_the_hand_computes():
    # over the two frames of each window: (0.5, 2.0) and (0.1, -0.3), variance half the difference
    # squared; the batch's mean is 0 at each frame
    expected = (short(1.5**2 / 2) + short(0.4**2 / 2)) / 2
    assert temporal_variance_term(Z).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("stretch", "share"), [(1.0, 0.5), (3.0, 0.9), (0.0, 0.0)])
def test_the_spectral_term_is_the_divergence_of_the_shares(stretch, share):
    z = windows([[1.0, 0.0], [-1.0, 0.0], [0.0, stretch], [0.0, -stretch]])
    shares = [p for p in (share, 1 - share) if p > 0]
    expected = math.log(2) + sum(p * math.log(p) for p in shares)
    assert spectral_term(z).item() == pytest.approx(expected, abs=1e-9)


def test_the_spectral_term_does_not_see_scale_or_place():
    z = torch.randn(8, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert spectral_term(1e-3 * z + 5).item() == pytest.approx(spectral_term(z).item(), abs=1e-6)


@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [
        ("vicreg", 18 * variance_term(Z) + 12 * covariance_term(Z)),
        (
            "pldm",
            18 * variance_term(Z)
            + 12 * covariance_term(Z)
            + 0.2 * similarity_term(Z)
            + 0.7 * temporal_variance_term(Z),
        ),
        ("spectral", 0.1 * spectral_term(Z)),
        ("none", torch.zeros((), dtype=torch.float64)),
    ],
)
def test_an_objective_adds_its_terms_to_the_prediction_loss(regularizer, expected):
    objective = Objective(replace(CONFIG, regularizer=regularizer))
    z_hat = torch.zeros(2, 1, 2, dtype=torch.float64)

    losses = objective(Z, z_hat, update=0)

    assert losses.regularizer.item() == pytest.approx(expected.item(), abs=1e-12)
    assert losses.prediction.item() == prediction_loss(z_hat, Z).item()
    assert losses.total.item() == pytest.approx(
        losses.prediction.item() + losses.regularizer.item(), abs=1e-12
    )
    assert losses.sigreg is None


def test_the_default_objective_weighs_sigreg_over_new_directions_each_time():
    objective = Objective(CONFIG)
    again = Objective(CONFIG)
    z_hat = torch.zeros(2, 1, 2, dtype=torch.float64)

    first = objective(Z, z_hat, update=0)
    second = objective(Z, z_hat, update=1)

    assert first.sigreg.item() == sigreg(Z, again.draw(Z)).item()
    assert first.regularizer.item() == pytest.approx(0.09 * first.sigreg.item())
    assert first.sigreg.item() != second.sigreg.item()


def test_the_gradient_of_sigreg_is_that_of_its_definition():
    def plain(z: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
        knots = torch.linspace(0, 3, 17, dtype=z.dtype)
        target = torch.exp(-0.5 * knots.square())
        weight = torch.full_like(knots, 2 * 3 / 16)
        weight[[0, -1]] = 3 / 16
        waves = (z @ directions)[..., None] * knots
        error = (waves.cos().mean(0) - target).square() + waves.sin().mean(0).square()
        return len(z) * (error @ (weight * target)).mean()

    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(4, 8, generator=generator, dtype=torch.float64)
    grads, values = [], []
    for statistic in (sigreg, plain):
        z = torch.randn(
            6, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64
        ).requires_grad_()
        value = statistic(z, directions)
        value.backward()
        values.append(value.item())
        grads.append(z.grad)

    assert values[0] == pytest.approx(values[1], abs=1e-12)
    assert torch.allclose(grads[0], grads[1], atol=1e-12)
