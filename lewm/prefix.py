"""Fast-LeWM: from one latent to the latents after 1, 2, ... H action blocks, each in one jump.

Shapes in this module:
    B  batch            T  action blocks          H  `config.prefix_horizon`
    D  latent width     K  env steps per block    A  action width
    W  token width      I  inner width of a pointwise block

Source: Fast-LeWM, arXiv:2606.26217, restated from its text; no code was read. What it leaves open
is as in LeWM: pre-norm layers, GELU in the transformer, the prediction projector, and in each
pointwise block the value and output maps that LeWM's attention comes to when a token is alone.
Tensor names are our own: `encoder.*` and `projector.*` as in LeWM, then `prefix_encoder.*`,
`predictor.*` and `pred_proj.*`.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from lewm.config import ModelConfig
from lewm.layers import CausalAttention, FeedForward, Projector
from lewm.model import LatentModel

_LONGEST_WAVE = 10_000.0


class FastLeWM(LatentModel):
    """LeWM's eye, an encoder of action prefixes, and a predictor that jumps by any of them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.prefix_encoder = PrefixEncoder(config)
        self.predictor = PrefixPredictor(config)
        self.pred_proj = Projector(
            config.predictor_width, config.projector_width, config.latent_width
        )

    def predict(self, z: Tensor, blocks: Tensor) -> Tensor:
        """Predict the latent one model step after each given latent, each on its own.

        Args:
            z: latents, (B, T, D), any T.
            blocks: normalized actions taken from each latent, (B, T, K, A).

        Returns:
            z_hat, (B, T, D), where z_hat[:, t] predicts z[:, t + 1].
        """
        ahead = self._jump(z.flatten(end_dim=1), blocks.flatten(end_dim=1)[:, None])
        return ahead.reshape(z.shape)

    def predict_window(self, z: Tensor, blocks: Tensor) -> Tensor:
        """What training compares with z[:, 1:]: every prefix, jumped from the first latent.

        Their mean squared error is the dense-prefix loss.

        Args:
            z: latents of a window, (B, T, D), T = `config.window_frames`.
            blocks: normalized actions between them, (B, T - 1, K, A).

        Returns:
            z_hat, (B, T - 1, D).
        """
        return self._jump(z[:, 0], blocks)

    def rollout(self, z: Tensor, blocks: Tensor) -> Tensor:
        """Imagine a future: jumps of up to H blocks, each anchored where the last one ended.

        Args:
            z: latent of a real frame, (B, D) or (B, 1, D).
            blocks: normalized actions to imagine, (B, T, K, A).

        Returns:
            z_hat, (B, T, D), where z_hat[:, t] is the latent after blocks[:, t].
        """
        anchor = _anchor(z)
        imagined = []
        for part in torch.split(blocks, self.config.prefix_horizon, dim=1):
            imagined.append(self._jump(anchor, part))
            anchor = imagined[-1][:, -1]
        return torch.cat(imagined, dim=1)

    def terminal(self, z: Tensor, blocks: Tensor) -> Tensor:
        """The latent after the last block, (B, D), for the arguments of `rollout`.

        One predictor call per H blocks: of each jump only the longest prefix is computed.
        """
        anchor = _anchor(z)
        for part in torch.split(blocks, self.config.prefix_horizon, dim=1):
            anchor = self._jump(anchor, part, last_only=True)[:, 0]
        return anchor

    def self_consistency(self, z: Tensor, blocks: Tensor) -> Tensor:
        """How far each jump ends from the same blocks in two jumps; 5 blocks split into 2 and 3.

        A label-free sign that the imagination cannot be trusted along these actions. The paper adds
        it to the planning cost with weight 1.

        Args:
            z: latent of a real frame, (B, D) or (B, 1, D).
            blocks: normalized actions to imagine, (B, T, K, A).

        Returns:
            Squared distances summed over the latent and over the jumps, (B,). A jump of one block
            cannot be split and adds nothing.
        """
        anchor = _anchor(z)
        disagreement = anchor.new_zeros(len(anchor))
        for part in torch.split(blocks, self.config.prefix_horizon, dim=1):
            direct = self._jump(anchor, part, last_only=True)[:, 0]
            if part.shape[1] > 1:
                half = part.shape[1] // 2
                middle = self._jump(anchor, part[:, :half], last_only=True)[:, 0]
                composed = self._jump(middle, part[:, half:], last_only=True)[:, 0]
                disagreement = disagreement + (direct - composed).square().sum(dim=-1)
            anchor = direct
        return disagreement

    def _jump(self, anchor: Tensor, blocks: Tensor, *, last_only: bool = False) -> Tensor:
        """(B, D) and (B, T, K, A), T at most H, to (B, T, D); to (B, 1, D) if last_only."""
        prefixes = self.prefix_encoder(anchor, blocks.flatten(start_dim=2), last_only=last_only)
        z_hat: Tensor = self.pred_proj(self.predictor(anchor, prefixes))
        return z_hat


class PrefixEncoder(nn.Module):
    """One token per prefix of the action blocks, seen from the anchor latent."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.predictor_width
        self.horizon = config.prefix_horizon
        self.block_embed = nn.Sequential(
            nn.Linear(config.block_size * config.action_width, config.action_bottleneck),
            _silu_mlp(config.action_bottleneck, width, width, width, width),
        )
        self.state_embed = _silu_mlp(config.latent_width, config.prefix_mlp_width, width)
        self.layers = nn.ModuleList([PrefixLayer(config) for _ in range(config.prefix_depth)])
        self.norm = nn.LayerNorm(width)

    def forward(self, anchor: Tensor, blocks: Tensor, *, last_only: bool) -> Tensor:
        """Anchors (B, D) and blocks (B, T, K*A) to tokens (B, T, W); (B, 1, W) if last_only.

        Raises:
            ValueError: no block, or more than the horizon.
        """
        num_blocks = blocks.shape[1]
        if not 1 <= num_blocks <= self.horizon:
            raise ValueError(f"a prefix has 1 to {self.horizon} blocks, got {num_blocks}")
        x = torch.cat([self.state_embed(anchor)[:, None], self.block_embed(blocks)], dim=1)
        x = x + _sinusoids(x)
        final = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            x = layer(x, last_only=last_only and index == final)
        tokens: Tensor = self.norm(x if last_only else x[:, 1:])
        return tokens


class PrefixLayer(nn.Module):
    """Pre-norm causal attention over the blocks, and MLP."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.predictor_width
        self.attn = CausalAttention(
            width, config.prefix_heads, config.prefix_head_width, config.dropout
        )
        self.mlp = FeedForward(width, config.prefix_mlp_width, config.dropout)

    def forward(self, x: Tensor, *, last_only: bool) -> Tensor:
        """(B, 1 + T, W) to the same, or to (B, 1, W) when only the last token is wanted."""
        seen = x[:, -1:] if last_only else x
        x = seen + self.attn(x, last_only=last_only)
        out: Tensor = x + self.mlp(x)
        return out


class PrefixPredictor(nn.Module):
    """The anchor, moved by each prefix on its own: no prefix sees another."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.predictor_width
        self.input_proj: nn.Module = (
            nn.Identity()
            if config.latent_width == width
            else nn.Linear(config.latent_width, width, bias=False)
        )
        self.fusion = _silu_mlp(3 * width, config.prefix_mlp_width, width)
        _zero(self.fusion[-1])
        self.layers = nn.ModuleList([PointwiseBlock(config) for _ in range(config.predictor_depth)])
        self.norm = nn.LayerNorm(width)

    def forward(self, anchor: Tensor, prefixes: Tensor) -> Tensor:
        """Anchors (B, D) and prefix tokens (B, T, W) to tokens (B, T, W)."""
        x = self.input_proj(anchor)[:, None].expand_as(prefixes)
        x = x + self.fusion(torch.cat([x, prefixes, x * prefixes], dim=-1))
        for layer in self.layers:
            x = layer(x, prefixes)
        out: Tensor = self.norm(x)
        return out


class PointwiseBlock(nn.Module):
    """AdaLN-zero block of a token that is alone; an untrained block is the identity."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.predictor_width
        inner = config.predictor_heads * config.predictor_head_width
        self.value = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, inner, bias=False),
            nn.Linear(inner, width),
            nn.Dropout(config.dropout),
        )
        self.mlp = FeedForward(width, config.predictor_mlp_width, config.dropout)
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        _zero(self.adaLN_modulation[-1])

    def forward(self, x: Tensor, prefixes: Tensor) -> Tensor:
        """(B, T, W), modulated by (B, T, W), to (B, T, W)."""
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = self.adaLN_modulation(prefixes).chunk(
            6, dim=-1
        )
        x = x + gate * self.value(self.norm1(x) * (1 + scale) + shift)
        out: Tensor = x + gate_mlp * self.mlp(self.norm2(x) * (1 + scale_mlp) + shift_mlp)
        return out


def _anchor(z: Tensor) -> Tensor:
    """The one real latent a prefix predictor looks at: (B, D) or (B, 1, D) to (B, D)."""
    if z.ndim == 3 and z.shape[1] != 1:
        raise ValueError(f"a prefix predictor looks at one real latent, got {z.shape[1]}")
    return z if z.ndim == 2 else z[:, 0]


def _silu_mlp(*widths: int) -> nn.Sequential:
    """Linear layers between `widths`, SiLU between the layers."""
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [nn.Linear(width_in, width_out), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def _zero(module: nn.Module) -> None:
    for parameter in module.parameters():
        nn.init.zeros_(parameter)


def _sinusoids(x: Tensor) -> Tensor:
    """Fixed positions for tokens (B, N, W), (N, W): sines, then cosines, of falling frequency."""
    num_tokens, width = x.shape[-2:]
    num_waves = (width + 1) // 2
    rate = _LONGEST_WAVE ** (-torch.arange(num_waves, dtype=torch.float64) / num_waves)
    angle = torch.arange(num_tokens, dtype=torch.float64)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)[:, :width].to(x)
