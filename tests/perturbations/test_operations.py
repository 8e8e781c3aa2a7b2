"""Operations counted, against what a person derives on paper."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from perturbations.suites.operations import count


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_a_product_of_matrices_takes_two_operations_per_multiplication():
    assert count(lambda: drawn(3, 4) @ drawn(4, 5)).operations == 2 * 3 * 4 * 5
    assert count(lambda: drawn(7, 3, 4) @ drawn(7, 4, 5)).operations == 7 * 2 * 3 * 4 * 5
    assert count(lambda: drawn(3, 4) @ drawn(4)).operations == 2 * 3 * 4
    assert count(lambda: drawn(4) @ drawn(4)).operations == 2 * 4
    assert count(lambda: torch.einsum("ij,kj->ik", drawn(3, 4), drawn(5, 4))).operations == 120


def test_a_linear_layer_is_its_product_with_or_without_a_bias():
    for bias in (True, False):
        layer = nn.Linear(4, 5, bias=bias)
        assert count(lambda layer=layer: layer(drawn(2, 3, 4))).operations == 2 * (2 * 3) * 4 * 5
        assert count(lambda layer=layer: layer(drawn(4))).operations == 2 * 4 * 5


def test_a_convolution_is_a_product_at_every_place_of_its_output():
    layer = nn.Conv2d(3, 8, kernel_size=4, stride=4)

    places = (16 // 4) ** 2
    assert count(lambda: layer(drawn(2, 3, 16, 16))).operations == 2 * 2 * places * 8 * 3 * 4 * 4


MASK = torch.ones(6, 10, dtype=torch.bool)


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize(
    ("keys", "options"),
    [
        (10, {}),
        (6, {"is_causal": True}),
        (10, {"attn_mask": MASK}),
        (10, {"attn_mask": torch.zeros(6, 10)}),
    ],
    ids=["all", "causal", "marked", "added"],
)
def test_attention_on_a_processor_is_two_products_per_head(keys, options, grad):
    query = drawn(2, 4, 6, 8).requires_grad_(grad)
    key, value = drawn(2, 4, keys, 8), drawn(2, 4, keys, 8)

    found = count(lambda: F.scaled_dot_product_attention(query, key, value, **options))

    scores = weighted = 2 * (2 * 4) * 6 * keys * 8
    assert found.operations == scores + weighted
    assert found.not_counted == ()


def test_attention_without_numbers_counts_the_same():
    on_cpu, on_meta = (
        count(lambda where=where: F.scaled_dot_product_attention(*parts(where))).operations
        for where in ("cpu", "meta")
    )
    assert on_cpu == on_meta == 2 * (2 * 2 * 4 * 6 * 6 * 8)


def parts(device):
    return (drawn(2, 4, 6, 8).to(device) for _ in range(3))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_a_layer_of_attention_and_mlp_is_the_sum_of_its_products(mode):
    width, inner, tokens, hidden = 8, 6, 5, 16
    to_q, to_k, to_v = (nn.Linear(width, inner) for _ in range(3))
    out, up, down = nn.Linear(inner, width), nn.Linear(width, hidden), nn.Linear(hidden, width)

    def layer():
        with mode():
            x = drawn(1, 1, tokens, width)
            x = x + out(F.scaled_dot_product_attention(to_q(x), to_k(x), to_v(x)))
            return x + down(F.gelu(up(F.layer_norm(x, (width,)))))

    projections = 3 * 2 * tokens * width * inner
    attention = 2 * (2 * tokens * tokens * inner)
    mixed = 2 * tokens * inner * width
    mlp = 2 * (2 * tokens * width * hidden)
    assert count(layer).operations == projections + attention + mixed + mlp


def test_a_kernel_that_cannot_be_looked_into_is_named():
    attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    x = drawn(1, 3, 8)

    with torch.inference_mode():
        found = count(lambda: attention(x, x, x, need_weights=False))

    assert found.not_counted == ("aten::_native_multi_head_attention",)


def test_sums_and_activations_are_not_counted():
    assert count(lambda: F.gelu(drawn(3, 4) + 1).softmax(dim=-1)).operations == 0
