import copy
from dataclasses import replace

import pytest
import torch

from lewm.build import new_model
from lewm.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lewm.config import ModelConfig, fast_paper, fast_small, fast_tiny, paper, small
from lewm.data.windows import ActionStats
from lewm.errors import LewmError
from lewm.model import LeWM
from lewm.planning.plan_config import PlanConfig
from lewm.prefix import FastLeWM
from lewm.training.objective import prediction_loss

CONFIG = fast_tiny()


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def latents(*shape: int, config: ModelConfig = CONFIG) -> torch.Tensor:
    return drawn(*shape, config.latent_width, seed=1)


def blocks(*shape: int, config: ModelConfig = CONFIG) -> torch.Tensor:
    return drawn(*shape, config.block_size, config.action_width, seed=2)


def awake(config: ModelConfig = CONFIG) -> FastLeWM:
    """A float64 model whose actions matter: the zero-initialized layers are drawn."""
    model = new_model(config, seed=0).double().eval()
    zeros = [parameter for parameter in model.predictor.parameters() if not parameter.any()]
    with torch.no_grad():
        for index, parameter in enumerate(zeros):
            parameter.copy_(0.3 * drawn(*parameter.shape, seed=index))
    return model.requires_grad_(False)


def test_the_paper_model_has_about_the_published_parameters_and_the_eye_of_lewm():
    with torch.device("meta"):
        model, lewm = FastLeWM(fast_paper()), LeWM(paper())
    count = sum(p.numel() for p in model.parameters())

    assert count == 17_856_160
    assert round(count / 1e6, 1) == 17.9
    assert fast_paper().window_frames == 6
    for part in ("encoder", "projector", "pred_proj"):
        ours, theirs = (dict(getattr(m, part).named_parameters()) for m in (model, lewm))
        assert {k: p.shape for k, p in ours.items()} == {k: p.shape for k, p in theirs.items()}


@pytest.mark.parametrize("config", [fast_tiny(), fast_small()])
def test_every_preset_encodes_predicts_and_imagines(config):
    model = awake(config)
    pixels = torch.zeros(2, 6, 3, config.image_size, config.image_size, dtype=torch.float64)

    z = model.encode(pixels)

    assert z.shape == (2, 6, config.latent_width)
    assert model.predict_window(z, blocks(2, 5, config=config)).shape == z[:, 1:].shape
    assert model.predict(z, blocks(2, 6, config=config)).shape == z.shape
    assert model.rollout(z[:, 0], blocks(2, 12, config=config)).shape[1] == 12


def test_an_untrained_predictor_ignores_the_actions_and_keeps_the_anchor():
    model = new_model(CONFIG, seed=0).double().eval()
    z = latents(2)

    jumped = model.rollout(z, blocks(2, 5))
    moved = model.predictor(z, drawn(2, 5, CONFIG.predictor_width))

    assert torch.equal(jumped, model.rollout(z, 3 * blocks(2, 5)))
    anchor = torch.nn.functional.layer_norm(
        model.predictor.input_proj(z), (CONFIG.predictor_width,)
    )
    torch.testing.assert_close(moved, anchor[:, None].expand_as(moved), rtol=0, atol=1e-12)


@pytest.mark.parametrize("changed", range(5))
def test_an_action_block_changes_only_the_prefixes_that_hold_it(changed):
    model = awake()
    z, actions = latents(2, 6), blocks(2, 5)
    other = actions.clone()
    other[:, changed] += 1

    before, after = model.predict_window(z, actions), model.predict_window(z, other)

    torch.testing.assert_close(before[:, :changed], after[:, :changed], rtol=0, atol=1e-12)
    assert ((before - after)[:, changed:].abs().amax(dim=-1) > 1e-4).all()


def test_predictions_of_a_window_rest_on_its_first_latent_alone():
    model = awake()
    z = latents(2, 6)
    other = torch.cat([z[:, :1], z[:, 1:] + 1], dim=1)
    assert torch.equal(
        model.predict_window(z, blocks(2, 5)), model.predict_window(other, blocks(2, 5))
    )
    assert not torch.allclose(
        model.predict_window(z, blocks(2, 5)), model.predict_window(z + 1, blocks(2, 5))
    )


def test_the_order_of_blocks_matters():
    model = awake()
    actions = blocks(2, 5)
    swapped = actions[:, [1, 0, 2, 3, 4]]
    apart = model.terminal(latents(2), actions) - model.terminal(latents(2), swapped)
    assert apart.abs().max() > 1e-4


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 12])
def test_the_terminal_latent_is_the_last_of_the_rollout(steps):
    model = awake()
    z, actions = latents(3), blocks(3, steps)
    terminal = model.terminal(z, actions)
    torch.testing.assert_close(terminal, model.rollout(z, actions)[:, -1], rtol=0, atol=1e-12)
    assert torch.equal(terminal, model.terminal(z[:, None], actions))


@pytest.mark.parametrize(("steps", "calls"), [(1, 1), (5, 1), (6, 2), (15, 3)])
def test_planning_calls_the_predictor_once_per_jump_and_for_one_prefix(steps, calls):
    model = awake()
    seen: list[int] = []
    model.predictor.register_forward_hook(lambda _, inputs, __: seen.append(inputs[1].shape[1]))

    model.terminal(latents(2), blocks(2, steps))

    assert seen == [1] * calls


def test_plans_beyond_the_horizon_continue_from_the_last_imagined_latent():
    model = awake()
    z, actions = latents(2), blocks(2, 12)

    far = model.rollout(z, actions)

    first = model.rollout(z, actions[:, :5])
    second = model.rollout(first[:, -1], actions[:, 5:10])
    third = model.rollout(second[:, -1], actions[:, 10:])
    assert torch.equal(far, torch.cat([first, second, third], dim=1))


def test_one_step_predictions_are_prefixes_of_one_block():
    model = awake()
    z, actions = latents(2, 3), blocks(2, 3)
    alone = [model.rollout(z[:, t], actions[:, t : t + 1]) for t in range(3)]
    torch.testing.assert_close(
        model.predict(z, actions), torch.cat(alone, dim=1), rtol=0, atol=1e-12
    )


def test_a_batch_gives_what_its_members_give_alone():
    model = awake()
    z, actions = latents(4), blocks(4, 7)
    alone = [model.rollout(z[i : i + 1], actions[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(model.rollout(z, actions), torch.cat(alone), rtol=0, atol=1e-12)


def test_the_dense_prefix_loss_reaches_every_parameter_once_training_has_begun():
    model = awake().requires_grad_(True).train()
    pixels = drawn(4, 6, 3, CONFIG.image_size, CONFIG.image_size)
    z = model.encode(pixels)

    prediction_loss(model.predict_window(z, blocks(4, 5)), z).backward()

    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_updates_that_lower_the_dense_prefix_loss_make_actions_matter():
    model = new_model(replace(CONFIG, dropout=0.0), seed=0).double()
    z, actions = latents(64, 6), blocks(64, 5)
    z[:, 1:, 0] = z[:, :1, 0] + actions[..., 0].mean(dim=-1).cumsum(dim=1)
    target = z[..., :1].expand_as(z)  # the sum of the actions so far, in every dimension
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = prediction_loss(model.predict_window(z, actions), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_self_consistency_compares_a_jump_with_the_same_blocks_in_two():
    model = awake()
    z, actions = latents(3), blocks(3, 5)

    found = model.self_consistency(z, actions)

    direct = model.terminal(z, actions)
    composed = model.terminal(model.terminal(z, actions[:, :2]), actions[:, 2:])
    torch.testing.assert_close(found, (direct - composed).square().sum(dim=-1))
    assert (found > 0).all()


def test_self_consistency_adds_up_over_jumps_and_is_zero_for_one_block():
    model = awake()
    z, actions = latents(3), blocks(3, 6)
    assert not model.self_consistency(z, actions[:, :1]).any()
    torch.testing.assert_close(
        model.self_consistency(z, actions), model.self_consistency(z, actions[:, :5])
    )
    longer = blocks(3, 10)
    both = model.self_consistency(z, longer[:, :5]) + model.self_consistency(
        model.terminal(z, longer[:, :5]), longer[:, 5:]
    )
    torch.testing.assert_close(model.self_consistency(z, longer), both)


def test_a_prefix_longer_than_trained_and_a_longer_history_are_refused():
    model = awake()
    with pytest.raises(ValueError, match="1 to 5 blocks, got 6"):
        model.predict_window(latents(2, 7), blocks(2, 6))
    with pytest.raises(ValueError, match="one real latent, got 2"):
        model.rollout(latents(2, 2), blocks(2, 3))


@pytest.mark.parametrize("change", [{"predictor": "gru"}, {"history": 3}, {"prefix_depth": 0}])
def test_a_prefix_model_that_cannot_be_built_is_refused(change):
    with pytest.raises(LewmError, match="does not accept"):
        ModelConfig.from_json({**CONFIG.to_json(), **change})


def test_a_configuration_without_a_prefix_predictor_is_written_as_before():
    assert not {name for name in small().to_json() if "prefix" in name or name == "predictor"}
    assert ModelConfig.from_json(CONFIG.to_json()) == CONFIG


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_saved_prefix_model_comes_back_whole(tmp_path, suffix):
    model = awake().float()
    path = tmp_path / f"fast{suffix}"
    stats = ActionStats(mean=(0.0, 0.1), std=(1.0, 2.0))
    content = Checkpoint(CONFIG, model.state_dict(), stats, {}, PlanConfig(), {})

    save_checkpoint(path, content)
    loaded = load_checkpoint(path)

    assert loaded.config == CONFIG
    again = loaded.model()
    assert isinstance(again, FastLeWM)
    z, actions = latents(2).float(), blocks(2, 7).float()
    assert torch.equal(again.rollout(z, actions), model.rollout(z, actions))


def test_a_checkpoint_that_claims_the_other_predictor_is_refused(tmp_path):
    stats = ActionStats(mean=(0.0, 0.0), std=(1.0, 1.0))
    state = copy.deepcopy(new_model(CONFIG, seed=0).state_dict())
    other = replace(CONFIG, predictor="autoregressive")
    with pytest.raises(LewmError, match="missing action_encoder"):
        save_checkpoint(tmp_path / "x.pt", Checkpoint(other, state, stats, {}, PlanConfig(), {}))
