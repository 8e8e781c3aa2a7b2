"""The official forward pass, number by number.

A deterministic generator fills every tensor by its released name, so the figures computed with the
official modules can be checked without any download.
"""

import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from lewm.config import paper
from lewm.model import LeWM
from lewm.training.objective import prediction_loss, sigreg

FLOAT64, FLOAT32 = torch.float64, torch.float32


def fill(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """u in [-1, 1) from splitmix64 of the name's CRC32 and the flat index."""
    with np.errstate(over="ignore"):
        x = np.uint64(zlib.crc32(name.encode()) << 32) + np.arange(
            int(np.prod(shape)), dtype=np.uint64
        )
        x += np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return (2.0 * (x >> np.uint64(11)).astype(np.float64) * 2.0**-53 - 1.0).reshape(shape)


def tensor_value(name: str, shape: tuple[int, ...]) -> np.ndarray:
    u = fill(name, shape)
    if name.endswith("running_mean"):
        return 0.1 * u
    if name.endswith("running_var"):
        return 1 + 0.5 * np.abs(u)
    if name.endswith(".bias"):
        return 0.05 * u
    if name.endswith(("cls_token", "position_embeddings", "pos_embedding")):
        return 0.5 * u
    if name.endswith(".weight") and len(shape) == 1:
        return 1 + 0.1 * u
    return u / np.sqrt(np.prod(shape[1:]))


def filled_model(dtype: torch.dtype) -> LeWM:
    model = LeWM(replace(paper(), dropout=0.0)).to(dtype)
    state = model.state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point():
            state[name] = torch.from_numpy(tensor_value(name, tuple(tensor.shape))).to(dtype)
    model.load_state_dict(state)
    return model.eval()


class Outputs:
    """Everything the fixture states, computed once per precision."""

    def __init__(self, dtype: torch.dtype) -> None:
        def given(name: str, *shape: int) -> torch.Tensor:
            return torch.from_numpy(fill(name, shape)).to(dtype)

        self.model = filled_model(dtype)
        pixels = given("input.pixels", 2, 4, 3, 224, 224)
        self.blocks = given("input.action", 2, 4, 10).unflatten(-1, (5, 2))
        directions = given("input.A", 192, 1024)
        self.directions = directions / directions.norm(dim=0)
        candidates = given("input.candidates", 1, 2, 5, 10)[0].unflatten(-1, (5, 2))
        with torch.no_grad():
            self.cls = self.model.encoder(pixels.flatten(end_dim=1))
            self.z = self.model.projector(self.cls.unflatten(0, (2, 4)))
            self.act = self.model.action_encoder(self.blocks.flatten(start_dim=2))
            modulations = self.model.predictor.modulations(self.act[:, :3])
            self.hidden = self.model.predictor(self.z[:, :3], modulations, last_only=False)
            self.z_hat = self.model.predict(self.z[:, :3], self.blocks[:, :3])
            last = self.model.rollout(self.z[0, :1].expand(2, -1), candidates)[:, -1]
            self.costs = (last - self.z[0, 3]).square().sum(dim=-1)
            self.model.train()
            self.z_train = self.model.encode(pixels)
            self.z_hat_train = self.model.predict(self.z_train[:, :3], self.blocks[:, :3])


@pytest.fixture(scope="module", params=[(FLOAT64, 1e-9), (FLOAT32, 1e-4)], ids=["f64", "f32"])
def outputs(request: pytest.FixtureRequest) -> tuple[Outputs, float]:
    dtype, tolerance = request.param
    return Outputs(dtype), tolerance


def test_the_generator_gives_the_published_numbers():
    assert zlib.crc32(b"input.pixels") == 1220177417
    assert fill("input.pixels", (3,)) == pytest.approx(
        [0.1948954957, 0.0994061270, -0.8658646174], abs=1e-10
    )


def test_the_filled_model_has_the_published_sum_of_absolute_values():
    state = filled_model(FLOAT64).state_dict()
    total = sum(t.abs().sum().item() for t in state.values() if t.is_floating_point())
    assert total == pytest.approx(538970.13627, abs=1e-4)


def test_encoding_matches_the_official_encoder(outputs):
    out, tol = outputs
    tol = max(tol, 1e-9)
    expected = [-0.1303355485, 1.0419964522, 0.8276555334, 1.2327032831]
    assert out.cls[0, :4].tolist() == pytest.approx(expected, abs=tol)
    assert out.cls.norm().item() == pytest.approx(38.9999846207, abs=tol)
    expected = [0.4756080277, -0.2373086888, 0.0587002090, -0.0038149588]
    assert out.z[0, 0, :4].tolist() == pytest.approx(expected, abs=tol)
    assert out.z.norm().item() == pytest.approx(7.0147991818, abs=tol)


def test_embedded_actions_match_the_official_action_encoder(outputs):
    out, tol = outputs
    expected = [-0.0304833066, -0.0142813181, -0.0856040847, -0.0614217440]
    assert out.act[0, 0, :4].tolist() == pytest.approx(expected, abs=tol)
    assert out.act.norm().item() == pytest.approx(2.8472094305, abs=tol)


def test_predictions_match_the_official_predictor(outputs):
    out, tol = outputs
    assert out.hidden.norm().item() == pytest.approx(33.9755867593, abs=tol)
    expected = [-0.0170759329, -0.2174650718, -0.0790189206, -0.0043367814]
    assert out.z_hat[0, 0, :4].tolist() == pytest.approx(expected, abs=tol)
    expected = [0.1278827035, -0.1658271915, 0.1443166482, 0.0844761614]
    assert out.z_hat[0, 2, :4].tolist() == pytest.approx(expected, abs=tol)
    assert out.z_hat.norm().item() == pytest.approx(6.0064956234, abs=tol)
    loss = prediction_loss(out.z_hat, out.z).item()
    assert loss == pytest.approx(0.0663428552, abs=tol)


def test_sigreg_matches_the_official_regularizer(outputs):
    out, tol = outputs
    z = torch.from_numpy(fill("input.Z", (16, 4, 192))).to(out.z.dtype)
    assert sigreg(out.z, out.directions).item() == pytest.approx(0.8577506795, abs=tol)
    assert sigreg(z, out.directions).item() == pytest.approx(2.2413644001, abs=tol)
    scaled = sigreg(3**0.5 * z, out.directions).item()
    assert scaled == pytest.approx(1.0110545818, abs=tol)


def test_rollout_costs_match_the_official_costs(outputs):
    out, tol = outputs
    assert out.costs.tolist() == pytest.approx([12.4035966255, 12.3836294520], abs=tol)


def test_training_mode_batch_statistics_match_the_official_ones(outputs):
    out, tol = outputs
    expected = [0.2861748566, 0.0716324506, -0.1365131618, -0.1918488796]
    assert out.z_train[0, 0, :4].tolist() == pytest.approx(expected, abs=tol)
    loss = prediction_loss(out.z_hat_train, out.z_train).item()
    assert loss == pytest.approx(0.2940789238, abs=tol)
    regular = sigreg(out.z_train, out.directions).item()
    assert regular == pytest.approx(0.7738106222, abs=tol)
