"""The eye: a vision transformer whose class token becomes the latent.

Shapes in this module:
    B  batch      N  patches      W  token width

Source: the ViT of Hugging Face transformers as LeWM uses it (pre-norm, exact GELU, no dropout,
LayerNorm eps 1e-12), restated; attribute names are those of its version 4 state dicts, which the
released checkpoints carry.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lewm.config import ModelConfig

_EPS = 1e-12
_COORDINATE_GAIN = 3.0  # as large as the largest normalized pixel


def _named(**modules: nn.Module) -> nn.ModuleDict:
    return nn.ModuleDict(modules)


class EncoderBlock(nn.Module):
    """Pre-norm self-attention and MLP."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, hidden = config.encoder_width, config.encoder_mlp_width
        self.heads = config.encoder_heads
        self.attention = _named(
            attention=_named(
                query=nn.Linear(width, width),
                key=nn.Linear(width, width),
                value=nn.Linear(width, width),
            ),
            output=_named(dense=nn.Linear(width, width)),
        )
        self.intermediate = _named(dense=nn.Linear(width, hidden))
        self.output = _named(dense=nn.Linear(hidden, width))
        self.layernorm_before = nn.LayerNorm(width, eps=_EPS)
        self.layernorm_after = nn.LayerNorm(width, eps=_EPS)

    def forward(self, x: Tensor, *, class_only: bool = False) -> Tensor:
        """(B, 1 + N, W) to the same, or to (B, 1, W) when only the class token is wanted."""
        wanted = 1 if class_only else x.shape[1]
        x = x[:, :wanted] + self._attend(self.layernorm_before(x), wanted)
        hidden = F.gelu(self.intermediate["dense"](self.layernorm_after(x)))
        out: Tensor = x + self.output["dense"](hidden)
        return out

    def _attend(self, x: Tensor, wanted: int) -> Tensor:
        parts = self.attention["attention"]
        q, k, v = (
            parts[name](tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # type: ignore[index]
            for name, tokens in (("query", x[:, :wanted]), ("key", x), ("value", x))
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(start_dim=2)
        out: Tensor = self.attention["output"]["dense"](mixed)  # type: ignore[index]
        return out


class Embeddings(nn.Module):
    """Patches to tokens, a class token in front, learned positions added."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.encoder_width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position_embeddings = nn.Parameter(torch.zeros(1, 1 + config.num_patches, width))
        self.patch_embeddings = _named(projection=_stem(config))

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, size, size) normalized to (B, 1 + N, W)."""
        patches = self.patch_embeddings["projection"](pixels).flatten(start_dim=2).transpose(1, 2)
        cls = self.cls_token.expand(len(pixels), -1, -1)
        return torch.cat([cls, patches], dim=1) + self.position_embeddings


class Encoder(nn.Module):
    """Pixels to the class token after the final LayerNorm.

    In the last block the other tokens give keys and values only.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        blocks = [EncoderBlock(config) for _ in range(config.encoder_depth)]
        self.encoder = _named(layer=nn.ModuleList(blocks))
        self.layernorm = nn.LayerNorm(config.encoder_width, eps=_EPS)
        self.apply(_initialize)
        for parameter in (self.embeddings.cls_token, self.embeddings.position_embeddings):
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, size, size) normalized to (B, W)."""
        x = self.embeddings(pixels)
        final = len(self.encoder["layer"]) - 1  # type: ignore[arg-type]
        for index, block in enumerate(self.encoder["layer"]):  # type: ignore[arg-type,var-annotated]
            x = block(x, class_only=index == final)
        cls: Tensor = self.layernorm(x[:, 0])
        return cls


class CoordinateStem(nn.Module):
    """Tokens that know where they look: coordinates join the pixels before anything is mixed.

    One stride-4 convolution sees pixels and coordinates together; its rectified outputs are
    averaged over each patch. An untrained encoder is then a smooth function of where things are.
    With a plain patch convolution it is nearly blind to position, and SIGReg spreads whatever else
    there is: a folded map, which a narrow latent never unfolds (docs/lab-notes.md).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.mix = nn.Conv2d(5, config.encoder_width, kernel_size=4, stride=4)
        self.pool = nn.AvgPool2d(config.patch_size // 4)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, size, size) to (B, W, size / patch, size / patch)."""
        line = torch.linspace(-_COORDINATE_GAIN, _COORDINATE_GAIN, pixels.shape[-1]).to(pixels)
        grid = torch.stack(torch.meshgrid(line, line, indexing="ij"))  # (2, size, size)
        placed = torch.cat([pixels, grid.expand(len(pixels), -1, -1, -1)], dim=1)
        pooled: Tensor = self.pool(F.gelu(self.mix(placed)))
        return pooled


def _stem(config: ModelConfig) -> nn.Module:
    """What turns pixels into tokens (see `ModelConfig.stem`)."""
    if config.stem == "coord":
        return CoordinateStem(config)
    patch = config.patch_size
    single = nn.Conv2d(3, config.encoder_width, kernel_size=patch, stride=patch)
    nn.init.trunc_normal_(single.weight, std=0.02)
    nn.init.zeros_(single.bias)  # type: ignore[arg-type]
    return single


def _initialize(module: nn.Module) -> None:
    """Truncated normal of std 0.02 and zero bias, as the ViT of the field."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
