import pytest
import torch
from torch.nn import functional as F

from lewm.planning.linears import (
    Bfloat16Linear,
    PackedLinear,
    TorchLinear,
    faster_library,
    packing_works,
)

needs_packing = pytest.mark.skipif(not packing_works(), reason="this torch has no packed linear")


def shapes():
    generator = torch.Generator().manual_seed(0)
    for rows, width_in, width_out in ((1, 16, 48), (7, 10, 64), (33, 192, 40)):
        yield (
            torch.randn(rows, width_in, generator=generator),
            torch.randn(width_out, width_in, generator=generator),
            torch.randn(width_out, generator=generator),
        )


@needs_packing
@pytest.mark.parametrize("activation", ["none", "gelu", "swish"])
def test_a_packed_linear_gives_the_numbers_of_torch(activation):
    for x, weight, bias in shapes():
        expected = TorchLinear(weight, bias, activation)(x)
        found = PackedLinear(weight, bias, activation, typical_rows=64)(x)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_activations_are_those_of_torch():
    for x, weight, bias in shapes():
        y = F.linear(x, weight, bias)
        assert torch.equal(TorchLinear(weight, bias, "none")(x), y)
        assert torch.equal(TorchLinear(weight, bias, "gelu")(x), F.gelu(y))
        assert torch.equal(TorchLinear(weight, bias, "swish")(x), F.silu(y))


@needs_packing
def test_bfloat16_keeps_about_three_digits():
    for x, weight, bias in shapes():
        y = TorchLinear(weight, bias, "none")(x)
        error = (
            Bfloat16Linear(weight, bias, "none", PackedLinear)(x) - y
        ).abs().max() / y.abs().max()
        assert 1e-6 < error < 2e-2


@needs_packing
def test_a_packed_copy_does_not_follow_its_weight():
    x, weight, _ = next(shapes())
    packed = PackedLinear(weight, None, "none")
    before = packed(x)
    weight.zero_()
    assert torch.equal(packed(x), before)


def test_without_the_private_operations_torch_is_chosen(monkeypatch):
    monkeypatch.setattr("lewm.planning.linears.packing_works", lambda: False)
    assert faster_library(192, 1024) == "torch"


@needs_packing
@pytest.mark.parametrize(("gain", "library"), [(1.1, "torch"), (1.5, "onednn")])
def test_the_library_has_to_be_clearly_faster(monkeypatch, tmp_path, gain, library):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("lewm.planning.kernel_memory._answers", {})
    monkeypatch.setattr("lewm.planning.linears.speedup", lambda *_: gain)
    assert faster_library(16, 16) == library
