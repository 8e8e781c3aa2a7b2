"""The predictor of LeWM, laid out for imagining many futures of one moment without gradients.

Shapes in this module:
    S  candidates        W  token width        I  attention width        D  latent width
    R  rows: the tokens of a window one after another, each with its S candidates

Same numbers as `lewm.layers.Predictor` to rounding, from less arithmetic (docs/fast-planner.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lewm.layers import ConditionalBlock, Projector
from lewm.model import LeWM
from lewm.planning.linears import Linear, MakeLinear
from lewm.planning.rowwise import Rowwise


@dataclass(frozen=True)
class Seen:
    """What later tokens of a window need from earlier ones, in one layer.

    Softmax does not change when one number is taken from all scores of a query: keys are held as
    differences from the key of token 0, whose own score is then 0.
    """

    first: Tensor
    """Token 0 as it enters the projections, (S, W), or (1, W) where candidates share it."""
    keys: tuple[Tensor, ...]
    """Of tokens 1, 2, ..., less the key of token 0; (S, I) or (1, I) each."""
    values: tuple[Tensor, ...]
    """Of tokens 0, 1, 2, ...; (S, I) or (1, I) each."""


Window = list[Seen]
"""One per layer."""


class PackedBlock:
    """One `ConditionalBlock`; the norms' weights are folded into the products after them.

    Token 0 attends to itself alone, so its value and output projections are one matrix. It needs
    no query, and its key only enters through differences.
    """

    def __init__(self, block: ConditionalBlock, make_linear: MakeLinear) -> None:
        attention = block.attn
        weight, bias = _after_norm(attention.norm, attention.to_qkv)
        (query, key, value), (query_bias, _, value_bias) = weight.chunk(3), bias.chunk(3)
        self.inner_width = query.shape[0]
        scale = (self.inner_width // attention.heads) ** -0.5
        query, query_bias = scale * query, scale * query_bias
        out, out_bias = _weights(attention.to_out[0])
        self.key = make_linear(key, None, "none")
        self.value = make_linear(value, value_bias, "none")
        self.query = make_linear(query, query_bias, "none")
        self.query_value = make_linear(
            torch.cat([query, value]), torch.cat([query_bias, value_bias]), "none"
        )
        self.alone = make_linear(
            torch.cat([value, out @ value]),
            torch.cat([value_bias, out @ value_bias + out_bias]),
            "none",
        )
        self.out = make_linear(out, out_bias, "none")
        self.widen = make_linear(*_after_norm(block.mlp.net[0], block.mlp.net[1]), "gelu")
        self.narrow = make_linear(*_weights(block.mlp.net[4]), "none")
        weight, bias = _weights(block.adaLN_modulation[1])
        bias.reshape(6, -1)[[1, 4]] += 1  # both scales become 1 + scale
        self.modulate = make_linear(weight, bias, "none")


class PackedPredictor:
    """Action encoder, predictor and prediction projector of one frozen model."""

    def __init__(self, model: LeWM, make_linear: MakeLinear, rowwise: Rowwise) -> None:
        predictor, encoder = model.predictor, model.action_encoder
        self.history = predictor.history
        self._rowwise = rowwise
        self._positions = predictor.pos_embedding[0].detach().clone()  # (history, W)
        self._blocks = [
            PackedBlock(block, make_linear)  # type: ignore[arg-type]
            for block in predictor.transformer.layers
        ]
        smooth, smooth_bias = _weights(encoder.patch_embed)
        weight, bias = _weights(encoder.embed[0])
        first = make_linear(weight @ smooth[..., 0], bias + weight @ smooth_bias, "swish")
        second = make_linear(*_weights(encoder.embed[2]), "swish")
        self._embed = (first, second)
        self._project = _projector(predictor.transformer.norm, model.pred_proj, make_linear)
        self._take_in: Linear | None = None
        if not isinstance(predictor.input_proj, nn.Identity):
            self._take_in = make_linear(_weights(predictor.input_proj)[0], None, "none")

    def modulations(self, blocks: Tensor, earlier: list[Tensor] | None = None) -> list[Tensor]:
        """Of each layer, six vectors (R, 6 W) from action blocks (R, K * A), 1 added to scales.

        `earlier` is what a call with as many rows gave. It is emptied layer by layer, so that the
        allocator hands out the same memory again instead of returning it to the system.
        """
        embedded = self._embed[1](self._embed[0](blocks))
        found = []
        for block in self._blocks:
            found.append(block.modulate(embedded))
            if earlier:
                earlier.pop(0)
        return found

    def take_in(self, z: Tensor) -> Tensor:
        """Latents (S, D) as tokens (S, W), without position."""
        return z if self._take_in is None else self._take_in(z)

    def see(self, tokens: Sequence[Tensor], modulations: Sequence[Tensor]) -> Window:
        """The first tokens of a window, for those that follow; arguments as `predict`."""
        return self._run(tokens, modulations, None, keep=True, predict=False)[1]

    def predict(
        self,
        tokens: Sequence[Tensor],
        modulations: Sequence[Tensor],
        seen: Window | None,
        *,
        keep: bool,
    ) -> tuple[Tensor, Window]:
        """Run new tokens through a window and predict what follows the last one.

        Args:
            tokens: each (S, W), or (1, W) where candidates share it.
            modulations: of each layer, those of the new tokens, (R, 6 W).
            seen: the tokens before them; None where they are the first.
            keep: whether more tokens of this window will come.

        Returns:
            z_hat (S, D), and the window with the new tokens, empty unless `keep`.
        """
        x, window = self._run(tokens, modulations, seen, keep=keep, predict=True)
        return self._project[1](self._project[0](x)), window

    def _run(
        self,
        tokens: Sequence[Tensor],
        modulations: Sequence[Tensor],
        seen: Window | None,
        *,
        keep: bool,
        predict: bool,
    ) -> tuple[Tensor, Window]:
        """Normalized output of the last token, (S, W), and the window."""
        before = 0 if seen is None else len(seen[0].values)
        positions = self._positions[before : before + len(tokens), None]
        num_rows = modulations[0].shape[0] // len(tokens)
        x = torch.stack([token.expand(num_rows, -1) for token in tokens]).add_(positions)
        x = x.flatten(end_dim=1)  # (R, W)
        branch = gate = None
        window = []
        for index, (block, six) in enumerate(zip(self._blocks, modulations, strict=True)):
            ends = index == len(self._blocks) - 1
            shift, scale, attention_gate, mlp_shift, mlp_scale, mlp_gate = six.chunk(6, dim=-1)
            inside = torch.empty_like(x)
            self._rowwise.add_and_normalize(x, branch, gate, scale, shift, inside)
            num_queries = len(tokens) if not ends else int(predict)
            mixed, known = self._attend(
                block, inside, num_rows, None if seen is None else seen[index], num_queries
            )
            if keep:
                window.append(known)
            if not num_queries:
                break
            last = slice(-num_queries * num_rows, None)
            x, six = x[last], six[last]
            _, _, attention_gate, mlp_shift, mlp_scale, mlp_gate = six.chunk(6, dim=-1)
            inside = torch.empty_like(x)
            self._mix(x, mixed, attention_gate, mlp_scale, mlp_shift, inside)
            branch, gate = block.narrow(block.widen(inside)), mlp_gate
        else:
            inside = torch.empty_like(x)
            self._rowwise.add_and_normalize(x, branch, gate, None, None, inside)
        return inside, window

    def _mix(
        self,
        x: Tensor,
        parts: Sequence[Tensor],
        gate: Tensor,
        scale: Tensor,
        shift: Tensor,
        out: Tensor,
    ) -> None:
        """`add_and_normalize` with a branch that lies in consecutive parts."""
        start = 0
        for part in parts:
            rows = slice(start, start + part.shape[0])
            self._rowwise.add_and_normalize(
                x[rows], part, gate[rows], scale[rows], shift[rows], out[rows]
            )
            start = rows.stop

    def _attend(
        self, block: PackedBlock, inside: Tensor, num_rows: int, seen: Seen | None, num_queries: int
    ) -> tuple[list[Tensor], Seen]:
        """Attention of the last `num_queries` of the new tokens, in parts of consecutive rows."""
        width = block.inner_width
        mixed: list[Tensor] = []
        if seen is None:
            first, inside = inside[:num_rows], inside[num_rows:]
            if num_queries * num_rows > inside.shape[0]:
                both = block.alone(first)
                mixed.append(both[:, width:])
                seen = Seen(first, (), (both[:, :width],))
                num_queries -= 1
            else:
                seen = Seen(first, (), (block.value(first),))
        if not inside.shape[0]:
            return mixed, seen
        change = inside.reshape(-1, num_rows, inside.shape[-1]) - seen.first
        keys = (*seen.keys, *torch.split(block.key(change.flatten(end_dim=1)), num_rows))
        if num_queries * num_rows == inside.shape[0]:
            both = block.query_value(inside)
            queries, new_values = both[:, :width], both[:, width:]
        else:
            queries = block.query(inside[inside.shape[0] - num_queries * num_rows :])
            new_values = block.value(inside)
        values = (*seen.values, *torch.split(new_values, num_rows))
        if num_queries:
            out = torch.empty_like(queries, memory_format=torch.contiguous_format)
            parts = zip(torch.split(queries, num_rows), torch.split(out, num_rows), strict=True)
            for end, (query, part) in enumerate(parts, start=len(values) - num_queries + 1):
                self._rowwise.attend(query, keys[: end - 1], values[:end], part)
            mixed.append(block.out(out))
        return mixed, Seen(seen.first, keys, values)


def _weights(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias in float64, to be folded; zeros for a missing bias."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    double = weight.detach().double()
    if bias is None:
        return double, double.new_zeros(len(double))
    assert isinstance(bias, Tensor)
    return double, bias.detach().double().clone()


def _after_norm(norm: nn.Module, linear: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of a linear layer that does the affine part of the norm before it as well."""
    (gain, offset), (weight, bias) = _weights(norm), _weights(linear)
    return weight * gain, bias + weight @ offset


def _projector(
    norm: nn.Module, projector: Projector, make_linear: MakeLinear
) -> tuple[Linear, Linear]:
    """A projector in evaluation mode: its BatchNorm, and the norm before it, are in the weights."""
    into, batch_norm, _, out = projector.net
    assert isinstance(batch_norm, nn.BatchNorm1d)
    mean, variance = batch_norm.running_mean, batch_norm.running_var
    assert mean is not None
    assert variance is not None
    weight, bias = _after_norm(norm, into)
    gain, offset = _weights(batch_norm)
    gain = gain / (variance.double() + batch_norm.eps).sqrt()
    widen = make_linear(gain[:, None] * weight, gain * (bias - mean.double()) + offset, "gelu")
    return widen, make_linear(*_weights(out), "none")
