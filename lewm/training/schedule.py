"""What changes from update to update by a rule: the learning rate and SIGReg's weight."""

import math

from lewm.training.train_config import TrainConfig


def learning_rate(update: int, config: TrainConfig) -> float:
    """Linear from 0 over the warm-up, then a cosine to 0 at `schedule_updates`."""
    if update < config.warmup_updates:
        return config.learning_rate * update / config.warmup_updates
    left = config.schedule_updates - config.warmup_updates
    done = (update - config.warmup_updates) / max(left, 1)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))


def sigreg_weight(update: int, config: TrainConfig) -> float:
    """Constant, or linear to the final weight over `sigreg_anneal_updates` and constant after."""
    first, final = config.sigreg_weight, config.final_sigreg_weight
    if final is None:
        return first
    left = max(0.0, 1.0 - update / max(config.sigreg_anneal_updates, 1))
    return final + left * (first - final)
