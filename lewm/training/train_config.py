"""What a training run is made of."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from lewm.plain import PlainConfig

Regularizer = Literal["sigreg", "vicreg", "pldm", "spectral", "none"]
Precision = Literal["float32", "bf16"]


@dataclass(frozen=True)
class TrainConfig(PlainConfig):
    """One training run."""

    added: ClassVar[tuple[str, ...]] = (
        "regularizer",
        "variance_weight",
        "covariance_weight",
        "similarity_weight",
        "temporal_variance_weight",
        "spectral_weight",
        "precision",
    )

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
    regularizer: Regularizer = "sigreg"
    """`vicreg`: variance and covariance; `pldm`: these and the two terms over time; `none` shows
    what a regularizer is for."""
    variance_weight: float = 18.0
    """This one and the next three are PLDM's as LeWM's authors tuned them."""
    covariance_weight: float = 12.0
    similarity_weight: float = 0.2
    temporal_variance_weight: float = 0.7
    spectral_weight: float = 0.1
    precision: Precision = "float32"
    """`bf16` multiplies in bfloat16; weights, BatchNorm, losses and updates stay float32."""

    def __post_init__(self) -> None:
        for name, known in (("regularizer", Regularizer), ("precision", Precision)):
            if getattr(self, name) not in get_args(known):
                raise ValueError(
                    f"{name} must be one of {', '.join(get_args(known))}, "
                    f"got {getattr(self, name)!r}"
                )
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2, got {self.batch_size}")
        if not self.warmup_updates <= self.num_updates <= self.schedule_updates:
            raise ValueError(
                "warmup_updates <= num_updates <= schedule_updates is required, got "
                f"{self.warmup_updates}, {self.num_updates}, {self.schedule_updates}"
            )
