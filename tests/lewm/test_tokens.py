"""Models that carry many tokens per frame."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lewm.adapter import AuditableModel
from lewm.build import new_model
from lewm.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lewm.config import ModelConfig, paper, small, tiny
from lewm.data.windows import ActionStats
from lewm.planning.plan_config import PlanConfig
from lewm.tokens import TokenPredictor, TokenWM, carrying_tokens, dino_wm_sizes
from lewm.training.objective import prediction_loss

CONFIG = carrying_tokens(tiny(), 4)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def awake(config: ModelConfig = CONFIG) -> TokenWM:
    return new_model(config, seed=0).double().eval().requires_grad_(False)


def blocks(*shape: int) -> torch.Tensor:
    return drawn(*shape, CONFIG.block_size, CONFIG.action_width, seed=2)


def test_a_frame_becomes_one_token_per_patch():
    model = awake()
    pixels = drawn(2, 3, 3, 16, 16)

    assert CONFIG.tokens_per_frame == 4
    assert model.encode(pixels).shape == (2, 3, CONFIG.latent_width)
    assert CONFIG.latent_width == 4 * (tiny().predictor_width - tiny().action_bottleneck)


@pytest.mark.parametrize(("image_size", "counts"), [(224, (1, 4, 16, 64, 196, 256)), (64, (1, 64))])
def test_tokens_are_counted_by_the_configuration(image_size, counts):
    for count in counts:
        config = carrying_tokens(replace(paper(), image_size=image_size, patch_size=1), count)

        assert config.tokens_per_frame == config.num_patches == count
        assert config.latent_width == count * 182


def test_a_frame_that_cannot_be_cut_so_is_refused():
    with pytest.raises(ValueError, match="64 px cannot be cut into 196 patches"):
        carrying_tokens(small(), 196)
    with pytest.raises(ValueError, match="cannot be cut into 5 patches"):
        carrying_tokens(small(), 5)
    with pytest.raises(ValueError, match="217 numbers is not 4 tokens"):
        replace(CONFIG, latent_width=217)


def test_a_prediction_looks_back_and_never_ahead():
    model, z, taken = awake(), drawn(1, 3, CONFIG.latent_width), blocks(1, 3)
    said = model.predict(z, taken)

    later = z.clone()
    later[:, 2] += 1
    assert torch.equal(model.predict(later, taken)[:, :2], said[:, :2])
    earlier = z.clone()
    earlier[:, 0] += 1
    assert not torch.allclose(model.predict(earlier, taken)[:, 2], said[:, 2])


def test_every_token_of_a_frame_sees_the_others_and_the_action():
    model, z, taken = awake(), drawn(1, 1, CONFIG.latent_width), blocks(1, 1)
    said = model.predict(z, taken).unflatten(-1, (4, -1))

    changed = z.clone()
    changed[..., -1] += 1  # a number of the last token
    moved = (model.predict(changed, taken).unflatten(-1, (4, -1)) - said).abs().amax(dim=-1)
    assert moved.min() > 1e-9
    pushed = (model.predict(z, taken + 1).unflatten(-1, (4, -1)) - said).abs().amax(dim=-1)
    assert pushed.min() > 1e-9


def test_a_rollout_feeds_predictions_back_over_the_last_frames():
    model, z, taken = awake(), drawn(2, CONFIG.latent_width), blocks(2, 5)

    known = z[:, None]
    for t in range(5):
        window = slice(max(0, t + 1 - CONFIG.history), t + 1)
        known = torch.cat([known, model.predict(known[:, window], taken[:, window])[:, -1:]], dim=1)

    assert torch.allclose(model.rollout(z, taken), known[:, 1:], atol=1e-12)
    assert torch.allclose(model.terminal(z, taken), known[:, -1], atol=1e-12)


def test_training_reaches_every_weight():
    model = new_model(CONFIG, seed=0).double().train()
    z = model.encode(drawn(4, CONFIG.window_frames, 3, 16, 16))
    z_hat = model.predict_window(z, blocks(4, CONFIG.window_frames - 1))

    prediction_loss(z_hat, z).backward()

    still = [name for name, one in model.named_parameters() if one.grad is None]
    assert still == []
    assert all(one.grad.isfinite().all() for one in model.parameters())


def test_a_model_with_tokens_is_stored_and_read_back(tmp_path):
    model = new_model(CONFIG, seed=3)
    path = tmp_path / "tokens.pt"
    stats = ActionStats(mean=(0.0, 0.0), std=(1.0, 1.0))
    save_checkpoint(path, Checkpoint(CONFIG, model.state_dict(), stats, {}, PlanConfig(), {}))

    again = load_checkpoint(path).model()

    assert isinstance(again, TokenWM)
    z, taken = drawn(2, CONFIG.latent_width).float(), blocks(2, 4).float()
    assert torch.equal(again.rollout(z, taken), model.eval().rollout(z, taken))


def test_the_same_model_over_other_tokens_is_counted_without_weights():
    stats = ActionStats(mean=(0.0, 0.0), std=(1.0, 1.0))
    model = AuditableModel(new_model(small(), seed=0), stats, name="m", plan_config=PlanConfig())

    other = model.carrying_tokens(16)

    assert (model.tokens_per_frame, other.tokens_per_frame) == (1, 16)
    assert model.carrying_tokens(196) is None
    z = other.encode(np.zeros((2, 64, 64, 3), dtype=np.uint8))
    assert (z.device.type, z.shape) == ("meta", (2, 16 * 54))
    assert other.terminal(z, torch.zeros(2, 3, 5, 2)).shape == z.shape


def test_the_predictor_of_dino_wm_has_the_published_size():
    with torch.device("meta"):
        predictor = TokenPredictor(dino_wm_sizes())

    assert round(sum(p.numel() for p in predictor.parameters()) / 1e6, 1) == 20.1
    assert dino_wm_sizes().latent_width == 196 * 384
