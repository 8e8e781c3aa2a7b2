"""What a model, a training run and a planner are made of: plain, frozen data.

Presets are functions. `paper()` is the model of arXiv:2603.19312 as its released weights have it.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from lewm.errors import LewmError

Stem = Literal["patch", "coord"]


class _Config:
    """Read and write as plain JSON data; unknown or missing fields are refused."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild from `to_json()`.

        Raises:
            LewmError: a field is unknown or missing, or its value makes no sense.
        """
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        if set(data) != known:
            raise LewmError(
                f"{cls.__name__} has the fields {sorted(known)}, the data have {sorted(data)}",
                next_step="write the checkpoint again with this version of lewm",
            )
        try:
            return cls(**data)
        except (TypeError, ValueError) as error:
            raise LewmError(
                f"{cls.__name__} does not accept these values: {error}",
                next_step="check where the file comes from; lewm did not write it",
            ) from error


@dataclass(frozen=True)
class ModelConfig(_Config):
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
    """Latents the predictor may look at."""

    def __post_init__(self) -> None:
        counts = {f.name: getattr(self, f.name) for f in fields(self) if f.type in (int, "int")}
        for name, value in counts.items():
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65536:
                raise ValueError(f"{name} must be an int from 1 to 65536, got {value!r}")
        if self.image_size % self.patch_size:
            raise ValueError(f"patch {self.patch_size} does not divide image {self.image_size}")
        if self.encoder_width % self.encoder_heads:
            raise ValueError(f"{self.encoder_heads} heads do not divide {self.encoder_width}")
        if self.stem not in ("patch", "coord"):
            raise ValueError(f"stem must be patch or coord, got {self.stem!r}")
        if self.stem == "coord" and self.patch_size % 4:
            raise ValueError(f"a coord stem needs a patch divisible by 4, got {self.patch_size}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")

    @property
    def num_patches(self) -> int:
        return (self.image_size // self.patch_size) ** 2


@dataclass(frozen=True)
class TrainConfig(_Config):
    """One training run."""

    seed: int
    batch_size: int
    num_updates: int
    """Updates that are run."""
    schedule_updates: int
    """Updates the cosine is built for; the field builds it for ten times what it runs."""
    warmup_updates: int
    learning_rate: float
    weight_decay: float
    clip_norm: float
    sigreg_weight: float
    num_projections: int
    calibration_batches: int
    """Batches that re-estimate the BatchNorm statistics after the last update."""
    log_every_updates: int
    final_sigreg_weight: float | None = None
    """SIGReg's weight after a linear change over `sigreg_anneal_updates`; None keeps it constant,
    as the field does."""
    sigreg_anneal_updates: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2, got {self.batch_size}")
        if not self.warmup_updates <= self.num_updates <= self.schedule_updates:
            raise ValueError(
                "warmup_updates <= num_updates <= schedule_updates is required, got "
                f"{self.warmup_updates}, {self.num_updates}, {self.schedule_updates}"
            )


@dataclass(frozen=True)
class PlanConfig(_Config):
    """A planner's settings: the planner scope of an audit."""

    algorithm: Literal["cem"] = "cem"
    num_samples: int = 300
    iterations: int = 10
    elites: int = 30
    horizon: int = 5
    """Model steps."""
    block_size: int = 5
    """Env steps per model step."""
    execute_blocks: int = 5
    """Blocks that are executed before the next plan."""
    history: int = 1
    """Real frames the plan starts from."""
    initial_std: float = 1.0
    """Spread of the first candidates, in z-scored actions."""
    cost: Literal["terminal_latent_sse/1"] = "terminal_latent_sse/1"

    def __post_init__(self) -> None:
        if not 2 <= self.elites <= self.num_samples:
            raise ValueError(
                f"2 <= elites <= num_samples is required, got {self.elites}, {self.num_samples}"
            )
        if not 1 <= self.execute_blocks <= self.horizon:
            raise ValueError(
                "1 <= execute_blocks <= horizon is required, got "
                f"{self.execute_blocks}, {self.horizon}"
            )
        if self.history != 1:
            raise ValueError(f"plans start from one real frame, got history {self.history}")
        if self.algorithm != "cem" or self.cost != "terminal_latent_sse/1":
            raise ValueError(f"unknown planner {self.algorithm!r} or cost {self.cost!r}")


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


def paper_planner() -> PlanConfig:
    """CEM as the paper plans PushT."""
    return PlanConfig(num_samples=300, iterations=30, elites=30)


def small_planner() -> PlanConfig:
    """The cheapest CEM that keeps the success of larger ones in the two-room world."""
    return PlanConfig(num_samples=64, iterations=5, elites=8)
