"""The parts of the model, named as the released checkpoints name them.

Shapes in this module:
    B  batch            T  model steps           N  tokens of one frame
    W  token width      C  conditioning (the embedded action block), one per token

Source: the official LeWM code and weights (arXiv:2603.19312), restated; attribute names follow the
released state dicts so that importing them is a plain load.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lewm.batchnorm import BatchNorm
from lewm.config import ModelConfig

Modulation = tuple[Tensor, ...]
"""shift, scale and gate of the attention, then of the MLP; each (B, T, W)."""


class Projector(nn.Module):
    """MLP with one BatchNorm, which lets SIGReg reshape what a LayerNorm would pin."""

    def __init__(self, width_in: int, hidden: int, width_out: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(width_in, hidden),
            BatchNorm(hidden),
            nn.GELU(),
            nn.Linear(hidden, width_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(..., W_in) to (..., W_out); while training, statistics mix all leading axes."""
        flat: Tensor = self.net(x.flatten(end_dim=-2))
        return flat.reshape(*x.shape[:-1], flat.shape[-1])


class ActionEncoder(nn.Module):
    """Embeds each action block on its own: a kernel-1 convolution, then an MLP."""

    def __init__(self, width_in: int, bottleneck: int, width_out: int) -> None:
        super().__init__()
        self.patch_embed = nn.Conv1d(width_in, bottleneck, kernel_size=1)
        self.embed = nn.Sequential(
            nn.Linear(bottleneck, 4 * width_out), nn.SiLU(), nn.Linear(4 * width_out, width_out)
        )

    def forward(self, blocks: Tensor) -> Tensor:
        """(B, T, K*A) normalized to (B, T, C)."""
        smooth = F.linear(blocks, self.patch_embed.weight[..., 0], self.patch_embed.bias)
        embedded: Tensor = self.embed(smooth)
        return embedded


class CausalAttention(nn.Module):
    """Self-attention over the window, each token looking back only."""

    def __init__(self, width: int, heads: int, head_width: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        inner = heads * head_width
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, width), nn.Dropout(dropout))

    def forward(self, x: Tensor, *, last_only: bool) -> Tensor:
        """(B, T, W) to (B, T, W), or to (B, 1, W) when only the last token is wanted."""
        x = self.norm(x)
        if last_only:
            inner = self.to_qkv.out_features // 3
            weight = self.to_qkv.weight
            q = F.linear(x[:, -1:], weight[:inner])
            k, v = F.linear(x, weight[inner:]).chunk(2, dim=-1)
        else:
            q, k, v = self.to_qkv(x).chunk(3, dim=-1)
        q, k, v = (
            part.reshape(*part.shape[:2], self.heads, -1).transpose(1, 2) for part in (q, k, v)
        )
        mixed = F.scaled_dot_product_attention(
            q, k, v, dropout_p=self.dropout if self.training else 0.0, is_causal=not last_only
        )
        out: Tensor = self.to_out(mixed.transpose(1, 2).flatten(start_dim=2))
        return out


class FeedForward(nn.Module):
    """LayerNorm and MLP, with dropout."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


class ConditionalBlock(nn.Module):
    """AdaLN-zero block: the action modulates every token; an untrained block is the identity.

    The modulated signal is normalized again inside attention and MLP. The released weights were
    trained so, hence it stays.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.predictor_width
        self.attn = CausalAttention(
            width, config.predictor_heads, config.predictor_head_width, config.dropout
        )
        self.mlp = FeedForward(width, config.predictor_mlp_width, config.dropout)
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        last = nn.Linear(width, 6 * width)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), last)

    def modulation(self, condition: Tensor) -> Modulation:
        """Six vectors per token from its embedded action block (B, T, C)."""
        six: Tensor = self.adaLN_modulation(condition)
        return six.chunk(6, dim=-1)

    def forward(self, x: Tensor, modulation: Modulation, *, last_only: bool = False) -> Tensor:
        """(B, T, W) to (B, T, W), or to (B, 1, W) when only the last token is wanted."""
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = modulation
        seen = self.norm1(x) * (1 + scale) + shift
        if last_only:
            x, gate = x[:, -1:], gate[:, -1:]
            shift_mlp, scale_mlp, gate_mlp = (
                part[:, -1:] for part in (shift_mlp, scale_mlp, gate_mlp)
            )
        x = x + gate * self.attn(seen, last_only=last_only)
        out: Tensor = x + gate_mlp * self.mlp(self.norm2(x) * (1 + scale_mlp) + shift_mlp)
        return out


class ConditionalTransformer(nn.Module):
    """The stack of conditional blocks and the final norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [ConditionalBlock(config) for _ in range(config.predictor_depth)]
        )
        self.norm = nn.LayerNorm(config.predictor_width)


class Predictor(nn.Module):
    """Causal transformer over (latent, action block) tokens: token k predicts latent k + 1."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.predictor_width
        self.history = config.history
        self.pos_embedding = nn.Parameter(standard_normal(1, config.history, width))
        self.input_proj: nn.Module = (
            nn.Identity()
            if config.latent_width == width
            else nn.Linear(config.latent_width, width, bias=False)
        )
        self.transformer = ConditionalTransformer(config)

    def modulations(self, condition: Tensor) -> list[Modulation]:
        """What every layer makes of the embedded action blocks (B, T, C)."""
        return [layer.modulation(condition) for layer in self.transformer.layers]  # type: ignore[operator]

    def forward(self, z: Tensor, modulations: list[Modulation], *, last_only: bool) -> Tensor:
        """Tokens (B, T, W) for latents z (B, T, D), T at most `history`; (B, 1, W) if last_only."""
        num_tokens = z.shape[1]
        if num_tokens > self.history:
            raise ValueError(f"the predictor sees {self.history} latents, got {num_tokens}")
        x: Tensor = self.input_proj(z) + self.pos_embedding[:, :num_tokens]
        final = len(self.transformer.layers) - 1
        for index, layer in enumerate(self.transformer.layers):
            x = layer(x, modulations[index], last_only=last_only and index == final)
        out: Tensor = self.transformer.norm(x)
        return out


def standard_normal(*shape: int) -> Tensor:
    """What `torch.randn` draws; no more than the shape on the meta device.

    Drawing there loads torch's compiler, which takes longer than loading a small model.
    """
    empty = torch.empty(*shape)
    return empty if empty.is_meta else empty.normal_()
