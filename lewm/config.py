"""What a model is made of. Presets are functions; `paper()` is the model of arXiv:2603.19312 as its
released weights have it.
"""

from dataclasses import dataclass, fields, replace
from typing import ClassVar, Literal

from lewm.plain import PlainConfig

Stem = Literal["patch", "coord"]
PredictorKind = Literal["autoregressive", "prefix", "tokens"]
_MOST = 65_536
_MOST_NUMBERS = 2**20
"""Of a latent: many tokens of many numbers each."""


@dataclass(frozen=True)
class ModelConfig(PlainConfig):
    """The shape of a world model. Widths are channel counts, sizes are pixels."""

    image_size: int
    patch_size: int
    stem: Stem
    """`patch`: one convolution per patch, as the paper. `coord`: pixels and their coordinates
    through one stride-4 convolution, averaged over each patch."""
    encoder_width: int
    encoder_depth: int
    encoder_heads: int
    encoder_mlp_width: int
    latent_width: int
    projector_width: int
    """Hidden width of both BatchNorm projectors."""
    predictor_width: int
    """Also the width of the action embedding. When it differs from `latent_width`, a linear layer
    without bias takes latents in."""
    predictor_depth: int
    predictor_heads: int
    predictor_head_width: int
    predictor_mlp_width: int
    dropout: float
    """Of the predictor, while training."""
    action_width: int
    action_bottleneck: int
    block_size: int
    """Env steps per action block, and between two frames of a window."""
    history: int
    """Latents the predictor may look at; a prefix predictor looks at one."""
    predictor: PredictorKind = "autoregressive"
    """`autoregressive`: one block ahead (lewm/model.py). `prefix`: every number of blocks up to
    `prefix_horizon` ahead, directly (lewm/prefix.py). `tokens`: one block ahead, every patch of the
    frame a token (lewm/tokens.py); the latent holds all of them, each
    `latent_width / num_patches` numbers wide, and the embedded action takes up the rest of
    `predictor_width`."""
    prefix_horizon: int = 5
    """Model steps a prefix predictor jumps at most."""
    prefix_depth: int = 3
    """Layers of the transformer over action blocks."""
    prefix_heads: int = 6
    prefix_head_width: int = 32
    prefix_mlp_width: int = 768
    """Hidden width in that transformer, of its state token and of the fusion."""

    added: ClassVar[tuple[str, ...]] = (
        "predictor",
        "prefix_horizon",
        "prefix_depth",
        "prefix_heads",
        "prefix_head_width",
        "prefix_mlp_width",
    )

    def __post_init__(self) -> None:
        counts = {f.name: getattr(self, f.name) for f in fields(self) if f.type in (int, "int")}
        for name, value in counts.items():
            most = _MOST_NUMBERS if name == "latent_width" else _MOST
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise ValueError(f"{name} must be an int from 1 to {most}, got {value!r}")
        if self.image_size % self.patch_size:
            raise ValueError(f"patch {self.patch_size} does not divide image {self.image_size}")
        if self.encoder_width % self.encoder_heads:
            raise ValueError(f"{self.encoder_heads} heads do not divide {self.encoder_width}")
        if self.stem not in ("patch", "coord"):
            raise ValueError(f"stem must be patch or coord, got {self.stem!r}")
        if self.stem == "coord" and self.patch_size % 4:
            raise ValueError(f"a coord stem needs a patch divisible by 4, got {self.patch_size}")
        if self.predictor not in ("autoregressive", "prefix", "tokens"):
            raise ValueError(
                f"predictor must be autoregressive, prefix or tokens, got {self.predictor!r}"
            )
        if self.predictor == "prefix" and self.history != 1:
            raise ValueError(f"a prefix predictor looks at one latent, got history {self.history}")
        if self.predictor == "tokens":
            token_width, rest = divmod(self.latent_width, self.num_patches)
            if rest or token_width >= self.predictor_width:
                raise ValueError(
                    f"a latent of {self.latent_width} numbers is not {self.num_patches} tokens of "
                    f"fewer than {self.predictor_width} numbers each"
                )
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")

    @property
    def num_patches(self) -> int:
        return (self.image_size // self.patch_size) ** 2

    @property
    def tokens_per_frame(self) -> int:
        """Tokens that the predictor carries for one frame."""
        return self.num_patches if self.predictor == "tokens" else 1

    @property
    def window_frames(self) -> int:
        """Frames of one training window."""
        return 1 + (self.prefix_horizon if self.predictor == "prefix" else self.history)


def paper(*, action_width: int = 2) -> ModelConfig:
    """ViT-Tiny/14 at 224 px, 18,034,478 parameters for two-dimensional actions."""
    return ModelConfig(
        image_size=224,
        patch_size=14,
        stem="patch",
        encoder_width=192,
        encoder_depth=12,
        encoder_heads=3,
        encoder_mlp_width=768,
        latent_width=192,
        projector_width=2048,
        predictor_width=192,
        predictor_depth=6,
        predictor_heads=16,
        predictor_head_width=64,
        predictor_mlp_width=2048,
        dropout=0.1,
        action_width=action_width,
        action_bottleneck=10,
        block_size=5,
        history=3,
    )


def small(*, action_width: int = 2, image_size: int = 64) -> ModelConfig:
    """A model that one processor core trains in minutes, for worlds of about two dimensions.

    Its latent is hardly wider than such a world: a wide one is folded by SIGReg until latent
    distance says little about the way to a goal (docs/lab-notes.md).
    """
    return ModelConfig(
        image_size=image_size,
        patch_size=image_size // 2,
        stem="coord",
        encoder_width=32,
        encoder_depth=2,
        encoder_heads=4,
        encoder_mlp_width=128,
        latent_width=3,
        projector_width=256,
        predictor_width=64,
        predictor_depth=2,
        predictor_heads=4,
        predictor_head_width=16,
        predictor_mlp_width=256,
        dropout=0.0,
        action_width=action_width,
        action_bottleneck=10,
        block_size=5,
        history=3,
    )


def tiny(*, action_width: int = 2, image_size: int = 16) -> ModelConfig:
    """A model for tests: every part is there, nothing is large."""
    return ModelConfig(
        image_size=image_size,
        patch_size=8,
        stem="patch",
        encoder_width=16,
        encoder_depth=1,
        encoder_heads=2,
        encoder_mlp_width=32,
        latent_width=4,
        projector_width=16,
        predictor_width=16,
        predictor_depth=2,
        predictor_heads=2,
        predictor_head_width=8,
        predictor_mlp_width=32,
        dropout=0.1,
        action_width=action_width,
        action_bottleneck=10,
        block_size=5,
        history=3,
    )


def fast_paper(*, action_width: int = 2) -> ModelConfig:
    """Fast-LeWM at the sizes of arXiv:2606.26217: 17,856,160 parameters, published as 17.9M."""
    return replace(
        paper(action_width=action_width), predictor="prefix", action_bottleneck=32, history=1
    )


def fast_small(*, action_width: int = 2, image_size: int = 64) -> ModelConfig:
    """`small()` with a prefix predictor: the same eye, tokens as wide, layers as deep."""
    return replace(
        small(action_width=action_width, image_size=image_size),
        predictor="prefix",
        action_bottleneck=32,
        history=1,
        prefix_depth=2,
        prefix_heads=4,
        prefix_head_width=16,
        prefix_mlp_width=256,
    )


def fast_tiny(*, action_width: int = 2, image_size: int = 16) -> ModelConfig:
    """`tiny()` with a prefix predictor."""
    return replace(
        tiny(action_width=action_width, image_size=image_size),
        predictor="prefix",
        history=1,
        prefix_depth=2,
        prefix_heads=2,
        prefix_head_width=8,
        prefix_mlp_width=32,
    )
