"""Signs of collapse, told once when they come and once when they go.

Shapes in this module:
    B  batch      T  frames of a window      D  latent width
"""

from collections.abc import Sequence

from torch import Tensor, nn

_COLLAPSED_SIGREG = 0.4020476  # per window of the batch


def collapse_alarms(z: Tensor, statistic: float) -> tuple[str, ...]:
    """Signs that latents z (B, T, D) stopped telling frames apart, by lewm-rs's thresholds.

    Args:
        statistic: SIGReg of `z`.
    """
    flat = z.flatten(end_dim=1)
    unit = nn.functional.normalize(flat, dim=-1)
    num = len(flat)
    cosine = ((unit.sum(dim=0).square().sum() - num) / (num * (num - 1))).item()
    alarms = []
    if flat.var(dim=0).min().item() < 0.05:
        alarms.append("a latent dimension has variance below 0.05")
    if flat.mean(dim=0).abs().max().item() > 5:
        alarms.append("a latent dimension has a mean beyond 5")
    if cosine > 0.85:
        alarms.append("latents point the same way")
    if statistic > 0.9 * _COLLAPSED_SIGREG * len(z):
        alarms.append("SIGReg is at its collapse value")
    return tuple(alarms)


class AlarmWatch:
    """Turns the alarms of each logged update into what is worth saying."""

    def __init__(self) -> None:
        self._on: tuple[str, ...] = ()
        self._counts: dict[str, int] = {}
        self._logged = 0

    def changes(self, update: int, alarms: Sequence[str]) -> list[str]:
        """Lines for the alarms that started or stopped at this logged update."""
        self._logged += 1
        for alarm in alarms:
            self._counts[alarm] = self._counts.get(alarm, 0) + 1
        started = [alarm for alarm in alarms if alarm not in self._on]
        stopped = [alarm for alarm in self._on if alarm not in alarms]
        self._on = tuple(alarms)
        return [
            *(f"ALARM from update {update}: {alarm}" for alarm in started),
            *(f"alarm over at update {update}: {alarm}" for alarm in stopped),
        ]

    def summary(self) -> list[str]:
        """One line for each alarm that was ever on."""
        return [
            f"alarm: {alarm}, in {count} of {self._logged} logged updates"
            + (", also in the last" if alarm in self._on else ", no longer")
            for alarm, count in self._counts.items()
        ]
