import numpy as np
import pytest
import torch

from lewm.errors import LewmError
from tests.lewm.dots import DotWorld, awake_model

N, S, T = 2, 4, 5


def latents(model, num_frames):
    states = np.random.default_rng(0).random((N * num_frames, 2))
    return model.encode(DotWorld().render(states)).reshape(N, num_frames, -1)


def blocks(*leading, seed=0):
    return torch.randn(*leading, 5, 2, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_imagining_many_futures_is_rolling_out_each(num_frames):
    model = awake_model()
    z, candidates = latents(model, num_frames), blocks(N, S, T)
    past = blocks(N, num_frames - 1, seed=1)

    imagine = model.imagine(z, past)

    for s in range(S):
        executed = torch.cat([past, model.action_stats.restore(candidates[:, s])], dim=1)
        alone = model.rollout(z, executed)
        assert torch.allclose(imagine(candidates, every_step=True)[:, s], alone, atol=1e-5)
        assert torch.allclose(imagine(candidates, every_step=False)[:, s], alone[:, -1], atol=1e-5)
        assert torch.allclose(model.terminal(z, executed), alone[:, -1], atol=1e-6)


def test_one_frame_needs_no_past_and_no_axis():
    model = awake_model()
    z, candidates = latents(model, 1), blocks(N, S, T)

    with_axis = model.imagine(z)(candidates, every_step=False)

    assert torch.equal(model.imagine(z[:, 0])(candidates, every_step=False), with_axis)


def test_gradients_reach_the_candidates_and_no_weight():
    model = awake_model()
    candidates = blocks(N, S, T).requires_grad_()

    imagined = model.imagine(latents(model, 1), differentiable=True)(candidates, every_step=False)
    imagined.square().sum().backward()

    assert (candidates.grad.abs().sum(dim=(-2, -1)) > 0).all()
    assert all(weight.grad is None for weight in model.tensors().values())


def test_another_implementation_takes_over_where_no_gradient_is_needed():
    model, made = awake_model(), []
    model.imagination = lambda *arguments: made.append([a.shape for a in arguments[1:]])

    model.imagine(latents(model, 3), blocks(N, 2))
    model.imagine(latents(model, 1), differentiable=True)

    assert made == [[(N, 3, 4), (N, 2, 5, 2)]]


@pytest.mark.parametrize(("num_frames", "num_past"), [(4, 3), (3, 0), (1, 1)])
def test_frames_and_blocks_that_do_not_go_together_are_refused(num_frames, num_past):
    model = awake_model()
    with pytest.raises(LewmError, match=f"got {num_frames} frames and {num_past} blocks"):
        model.imagine(latents(model, num_frames), blocks(N, num_past))
