import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lewm.training import kernels

needs_onednn = pytest.mark.skipif(not kernels.available(), reason="no oneDNN in this build")


def drawn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@needs_onednn
@pytest.mark.parametrize(("wide_in", "wide_out"), [(24, 40), (40, 24)])
@pytest.mark.parametrize("has_bias", [True, False])
def test_onednn_multiplies_and_differentiates_as_torch_does(wide_in, wide_out, has_bias):
    found, expected = [], []
    for product, results in ((kernels.linear, found), (F.linear, expected)):
        x = drawn(3, 50, wide_in, seed=0).requires_grad_()
        weight = drawn(wide_out, wide_in, seed=1).requires_grad_()
        bias = drawn(wide_out, seed=2).requires_grad_() if has_bias else None
        y = product(x, weight, bias)
        (y * drawn(3, 50, wide_out, seed=3)).sum().backward()
        results += [y, x.grad, weight.grad] + ([bias.grad] if bias is not None else [])

    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-4)


@needs_onednn
def test_an_expanded_gradient_is_multiplied_as_any_other():
    x, weight = drawn(128, 16, seed=0), drawn(8, 16, seed=1).requires_grad_()

    kernels.linear(x, weight, None).sum().backward()

    assert torch.allclose(weight.grad, x.sum(dim=0).expand(8, -1), atol=1e-4)


def test_layers_are_as_before_once_the_context_is_left():
    layer = nn.Sequential(nn.Linear(16, 16))
    x = drawn(100, 16, seed=0)
    before = layer(x)
    with kernels.linear_layers(layer, "onednn"):
        inside = layer(x)

    assert torch.equal(layer(x), before)
    assert "forward" not in vars(layer[0])
    assert torch.allclose(inside, before, atol=1e-5)


@pytest.mark.parametrize("x", [drawn(8, 16, seed=0), drawn(100, 16, seed=0).double()])
def test_few_rows_and_other_precisions_stay_with_torch(x):
    weight = drawn(4, 16, seed=1).to(x.dtype)
    assert torch.equal(kernels.linear(x, weight, None), F.linear(x, weight))


def test_the_faster_library_is_chosen_by_its_time(monkeypatch):
    assert kernels.choose() in ("torch", "onednn")
    assert kernels.same_everywhere("torch") == "torch"
    monkeypatch.setattr(kernels, "available", lambda: False)
    assert kernels.choose() == "torch"
    assert kernels.same_everywhere("auto") == "torch"
