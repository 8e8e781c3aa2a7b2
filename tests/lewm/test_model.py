from dataclasses import replace

import pytest
import torch

from lewm.build import build, new_model
from lewm.config import ModelConfig, paper, small, tiny
from lewm.errors import LewmError
from lewm.layers import standard_normal
from lewm.model import LeWM
from lewm.tokens import carrying_tokens


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def blocks(config: ModelConfig, *, batch: int = 2, steps: int = 3, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, steps, config.block_size, config.action_width, generator=generator)


def awake(config: ModelConfig) -> LeWM:
    """A model whose actions matter: the zero-initialized modulation is drawn."""
    model = new_model(config, seed=0).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in model.predictor.transformer.layers:
            weight = layer.adaLN_modulation[1].weight
            weight.copy_(0.3 * torch.randn(weight.shape, generator=generator))
    return model


@pytest.mark.parametrize(
    "config",
    [tiny(), replace(tiny(), predictor="prefix", history=1), carrying_tokens(tiny(), 4)],
    ids=["plain", "prefix", "tokens"],
)
def test_shapes_alone_are_had_without_drawing_which_would_load_torchs_compiler(config, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "normal_", lambda *_: pytest.fail("drawn"))
    monkeypatch.setattr(torch, "randn", lambda *_: pytest.fail("drawn"))

    with torch.device("meta"):
        assert count(build(config)) > 0


def test_a_standard_normal_is_what_randn_draws():
    torch.manual_seed(0)
    drawn = torch.randn(1, 3, 96)
    torch.manual_seed(0)

    assert torch.equal(standard_normal(1, 3, 96), drawn)


def test_the_paper_model_has_the_published_parameter_counts():
    with torch.device("meta"):
        model = LeWM(paper())
        cube = LeWM(paper(action_width=5))
    state = model.state_dict()

    assert count(model.encoder) == 5_501_376
    assert count(model.predictor) == 10_791_360
    assert count(model.predictor.transformer.layers[0]) == 1_798_400
    assert count(model.action_encoder) == 156_206
    assert count(model.projector) == count(model.pred_proj) == 792_768
    assert (count(model), count(cube)) == (18_034_478, 18_034_628)
    assert len(state) == 303
    assert sum(t.numel() for t in state.values()) == 18_042_672


@pytest.mark.parametrize("config", [tiny(), small(), replace(tiny(), stem="coord")])
def test_every_preset_encodes_predicts_and_imagines(config):
    model = awake(config)
    pixels = torch.zeros(2, 3, 3, config.image_size, config.image_size)

    with torch.no_grad():
        z = model.encode(pixels)
        z_hat = model.predict(z, blocks(config))
        future = model.rollout(z[:, 0], blocks(config, steps=7))

    assert z.shape == z_hat.shape == (2, 3, config.latent_width)
    assert future.shape == (2, 7, config.latent_width)


def test_an_untrained_predictor_ignores_the_action_and_is_a_normalized_identity():
    model = new_model(tiny(), seed=0).eval()
    model.predictor.input_proj = torch.nn.Identity()
    x = torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(2))
    condition = torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(3))

    out = model.predictor(x, model.predictor.modulations(condition), last_only=False)

    expected = torch.nn.functional.layer_norm(x + model.predictor.pos_embedding, (16,))
    assert torch.allclose(out, expected, atol=1e-6)


@pytest.mark.parametrize("changed", [1, 2])
def test_predictions_do_not_see_the_future(changed):
    config = tiny()
    model = awake(config)
    z = torch.randn(2, 3, config.latent_width, generator=torch.Generator().manual_seed(4))
    actions = blocks(config)
    later_z, later_actions = z.clone(), actions.clone()
    later_z[:, changed] += 1
    later_actions[:, changed] += 1

    with torch.no_grad():
        before = model.predict(z, actions)
        after = model.predict(later_z, later_actions)

    assert torch.allclose(before[:, :changed], after[:, :changed], atol=1e-6)
    assert not torch.allclose(before[:, changed], after[:, changed], atol=1e-3)


@pytest.mark.parametrize("num_tokens", [1, 2])
def test_a_short_history_is_a_prefix_of_the_full_one(num_tokens):
    config = tiny()
    model = awake(config)
    z = torch.randn(2, 3, config.latent_width, generator=torch.Generator().manual_seed(5))
    actions = blocks(config)

    with torch.no_grad():
        full = model.predict(z, actions)
        short = model.predict(z[:, :num_tokens], actions[:, :num_tokens])

    assert torch.allclose(short, full[:, :num_tokens], atol=1e-6)


def test_a_history_longer_than_trained_is_refused():
    config = tiny()
    with pytest.raises(ValueError, match="sees 3 latents, got 4"):
        new_model(config, seed=0).predict(
            torch.zeros(1, 4, config.latent_width), blocks(config, batch=1, steps=4)
        )


@pytest.mark.parametrize("num_real", [0, 1, 2, 3])
def test_the_rollout_equals_predicting_step_by_step(num_real):
    config = tiny()
    model = awake(config)
    generator = torch.Generator().manual_seed(6)
    real = torch.randn(2, max(num_real, 1), config.latent_width, generator=generator)
    actions = blocks(config, steps=max(num_real, 1) + 4)

    with torch.no_grad():
        z = real if num_real else real[:, 0]
        fast = model.rollout(z, actions)
        last = model.terminal(z, actions)
        known = real
        while known.shape[1] <= actions.shape[1]:
            t = known.shape[1]
            window = slice(max(0, t - config.history), t)
            next_z = model.predict(known[:, window], actions[:, window])[:, -1:]
            known = torch.cat([known, next_z], dim=1)

    assert fast.shape[1] == 5
    assert torch.allclose(fast, known[:, real.shape[1] :], atol=1e-5)
    assert torch.equal(last, fast[:, -1])


@pytest.mark.parametrize(("num_real", "steps"), [(4, 6), (3, 1)])
def test_real_latents_that_do_not_fit_are_refused(num_real, steps):
    config = tiny()
    with pytest.raises(ValueError, match=f"{num_real} real latents"):
        awake(config).rollout(
            torch.zeros(1, num_real, config.latent_width), blocks(config, batch=1, steps=steps)
        )


def test_the_seed_alone_decides_the_weights():
    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    first = new_model(tiny(), seed=1).state_dict()
    untouched = torch.rand(1)
    again = new_model(tiny(), seed=1).state_dict()
    other = new_model(tiny(), seed=2).state_dict()

    assert torch.equal(expected, untouched)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["pred_proj.net.0.weight"], other["pred_proj.net.0.weight"])


@pytest.mark.parametrize(
    "change", [{"patch_size": 7}, {"latent_width": 0}, {"stem": "resnet"}, {"dropout": 1.0}]
)
def test_a_model_that_cannot_be_built_is_refused(change):
    with pytest.raises(LewmError, match="does not accept"):
        ModelConfig.from_json({**tiny().to_json(), **change})


def test_an_unknown_field_is_refused():
    with pytest.raises(LewmError, match="surprise"):
        ModelConfig.from_json({**tiny().to_json(), "surprise": 1})
