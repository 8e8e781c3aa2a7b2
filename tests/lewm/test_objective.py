import pytest
import torch

from lewm.training.objective import prediction_loss, random_directions, sigreg


def hand(values: list[float]) -> float:
    z = torch.tensor(values, dtype=torch.float64)[:, None, None]
    return sigreg(z, torch.ones(1, 1, dtype=torch.float64)).item()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0], 0.4020476),
        ([1.0, 1.0], 2.3720116),
        ([-1.0, 1.0], 0.2056592),
        ([-1.0, 0.0, 1.0], 0.0329465),
        ([-1.5, -0.5, 0.5, 1.5], 0.2288284),
    ],
)
def test_sigreg_of_a_few_numbers_is_what_the_hand_computes(values, expected):
    assert hand(values) == pytest.approx(expected, abs=1e-7)


def gaussian_score(std: float, *, rank_one: bool = False) -> float:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(128, 4, 32, generator=generator, dtype=torch.float64)
    if rank_one:
        z = z[..., :1] * torch.randn(32, generator=generator, dtype=torch.float64)
    directions = random_directions(32, 256, generator=generator, like=z)
    return sigreg(std * z, directions).item()


@pytest.mark.parametrize(
    ("std", "expected", "tolerance"),
    [(1.0, 1.05246, 0.15), (0.0, 51.462, 1e-3), (0.5, 19.81, 1.0), (2.0, 31.88, 2.0)],
)
def test_sigreg_of_a_gaussian_cloud_has_its_known_expectation(std, expected, tolerance):
    assert gaussian_score(std) == pytest.approx(expected, abs=tolerance)


def test_sigreg_tells_a_line_from_a_cloud():
    assert gaussian_score(1.0, rank_one=True) > 10 * gaussian_score(1.0)


def test_sigreg_pulls_a_collapsed_batch_apart():
    z = (0.1 * torch.randn(64, 1, 4, generator=torch.Generator().manual_seed(1))).requires_grad_()
    directions = random_directions(4, 64, generator=torch.Generator().manual_seed(2), like=z)

    sigreg(z, directions).backward()

    assert (z.grad * z.detach()).sum() < 0


def test_random_directions_are_unit_vectors_and_repeat_with_the_seed():
    like = torch.zeros(1, dtype=torch.float64)
    first = random_directions(5, 7, generator=torch.Generator().manual_seed(3), like=like)
    again = random_directions(5, 7, generator=torch.Generator().manual_seed(3), like=like)

    assert first.norm(dim=0).tolist() == pytest.approx([1.0] * 7)
    assert torch.equal(first, again)


def test_prediction_loss_is_a_mean_and_reaches_both_sides():
    z = torch.zeros(2, 3, 4, requires_grad=True)
    z_hat = torch.ones(2, 2, 4, requires_grad=True)

    loss = prediction_loss(z_hat, z)
    loss.backward()

    assert loss.item() == 1.0
    assert z_hat.grad is not None
    assert z.grad is not None
    assert z.grad[:, 0].abs().sum() == 0
    assert z.grad[:, 1:].abs().min() > 0
