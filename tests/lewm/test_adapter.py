import json

import numpy as np
import pytest
import torch

from lewm.adapter import AuditableModel, load_model
from lewm.build import new_model
from lewm.checkpoints.checkpoint import Checkpoint, save_checkpoint
from lewm.config import fast_tiny
from lewm.errors import LewmError
from lewm.planning.plan_config import PlanConfig
from tests.lewm.dots import DotWorld, awake_model


def frames(num: int = 5) -> np.ndarray:
    return DotWorld().render(np.random.default_rng(0).random((num, 2)))


def blocks(num: int, steps: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(num, steps, 5, 2, generator=generator)


def test_encoding_twice_is_equal_to_the_bit():
    model = awake_model()
    assert torch.equal(model.encode(frames()), model.encode(frames()))


def test_latents_can_feed_a_probe_that_is_trained():
    z = awake_model().encode(frames())
    weight = torch.zeros(z.shape[1], requires_grad=True)
    (z @ weight).sum().backward()
    assert weight.grad.abs().sum() > 0


def test_encoding_does_not_depend_on_the_other_frames():
    model = awake_model()
    assert torch.allclose(model.encode(frames())[2:3], model.encode(frames()[2:3]), atol=1e-6)


def test_predicting_twice_is_equal_to_the_bit_although_training_has_dropout():
    model = awake_model()
    z = model.encode(frames(6)).reshape(2, 3, -1)
    assert torch.equal(model.predict(z, blocks(2, 3)), model.predict(z, blocks(2, 3)))


def test_predictions_along_an_episode_use_the_last_latents_only():
    model = awake_model()
    z = model.encode(frames(10)).reshape(2, 5, -1)
    actions = blocks(2, 5)

    along = model.predict(z, actions)

    assert along.shape == z.shape
    assert torch.allclose(along[:, :3], model.predict(z[:, :3], actions[:, :3]), atol=1e-6)
    last_window = model.predict(z[:, 2:], actions[:, 2:])[:, -1]
    assert torch.allclose(along[:, 4], last_window, atol=1e-6)


def test_the_first_imagined_latent_is_the_first_prediction():
    model = awake_model()
    z = model.encode(frames(2))
    actions = blocks(2, 4)

    imagined = model.rollout(z, actions)

    assert imagined.shape == (2, 4, model.latent_width)
    first = model.predict(z[:, None], actions[:, :1])[:, 0]
    assert torch.allclose(imagined[:, 0], first, atol=1e-6)


def test_a_model_that_jumps_says_how_far_its_jumps_end_apart_and_no_other_does():
    plain = awake_model()
    assert plain.self_consistency is None
    jumping = AuditableModel(
        new_model(fast_tiny(), seed=0), plain.action_stats, name="fast", plan_config=PlanConfig()
    )
    z, neutral = torch.randn(3, fast_tiny().latent_width), torch.tensor(plain.action_stats.mean)
    told = jumping.self_consistency(z, neutral.expand(3, 4, 5, 2))
    with torch.no_grad():
        expected = jumping.module.self_consistency(z, torch.zeros(3, 4, 5, 2))
    torch.testing.assert_close(told, expected, rtol=1e-4, atol=1e-5)


def test_actions_are_given_in_env_units():
    model = awake_model()
    z = model.encode(frames(2))
    neutral = torch.tensor(model.action_stats.mean).expand(2, 1, 5, 2)
    with torch.no_grad():
        expected = model._model.rollout(z, torch.zeros(2, 1, 5, 2))
    assert torch.allclose(model.rollout(z, neutral), expected, atol=1e-6)


def test_a_saved_model_is_audited_as_the_one_in_memory(tmp_path):
    model = awake_model()
    path = tmp_path / "dots.pt"
    digest = save_checkpoint(
        path,
        Checkpoint(
            config=model.config,
            tensors=model.tensors(),
            action_stats=model.action_stats,
            world={"world": "dots"},
            plan_config=model.plan_config,
            training={},
        ),
    )

    loaded = load_model(path, "cpu")

    assert (loaded.name, loaded.world) == ("dots", {"world": "dots"})
    assert [file.sha256 for file in loaded.files] == [digest]
    assert torch.equal(loaded.encode(frames()), model.encode(frames()))
    assert loaded.digest_config() == json.loads(json.dumps(model.digest_config()))


def test_an_untrained_twin_has_the_same_shape_and_other_weights():
    model = awake_model()
    twin, again = model.untrained_twin(seed=3), model.untrained_twin(seed=3)

    assert twin.encode(frames()).shape == model.encode(frames()).shape
    assert not torch.allclose(twin.encode(frames()), model.encode(frames()))
    assert all(torch.equal(t, again.tensors()[name]) for name, t in twin.tensors().items())


def test_a_world_with_other_actions_is_refused():
    world = DotWorld()
    world.action_width = 5
    with pytest.raises(LewmError, match="takes actions of width 2, dots of width 5"):
        awake_model().require_world(world)


def test_a_world_with_other_frames_is_refused():
    world = DotWorld()
    world.size_px = 224
    with pytest.raises(LewmError, match="sees 16 px, dots draws 224 px"):
        awake_model().require_world(world)


def test_the_world_the_model_was_made_for_is_accepted():
    awake_model().require_world(DotWorld())


def test_frames_of_another_size_are_refused():
    with pytest.raises(LewmError, match="render the world at 16 px"):
        awake_model().encode(np.zeros((1, 64, 64, 3), dtype=np.uint8))


def test_blocks_of_another_action_width_are_refused():
    model = awake_model()
    with pytest.raises(LewmError, match=r"got \(5, 3\)"):
        model.rollout(model.encode(frames(1)), torch.zeros(1, 1, 5, 3))
