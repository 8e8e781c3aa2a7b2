"""What a training run is made of."""

from dataclasses import dataclass

from lewm.plain import PlainConfig


@dataclass(frozen=True)
class TrainConfig(PlainConfig):
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
