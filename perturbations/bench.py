"""The bench: a setting, and what the suites see of it, each made once.

Shapes in this module:
    E  episodes     B  model steps     D  latent width     P  numbers in a thumbnail
    K  env steps per block             A  action width
"""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perturbations.driving.driven import drive
from perturbations.episodes import Episodes
from perturbations.monitors.ensemble import Ensemble
from perturbations.monitors.fitting import NUM_REDRAWS, drawn
from perturbations.monitors.kinds import Monitor, monitors_of
from perturbations.setting import Setting

if TYPE_CHECKING:
    from torch import Tensor

    from perturbations.latents import Eye
    from perturbations.probes import HalfProbes


class Bench(Setting):
    """A setting with the lawful episodes, the monitors and their scores, each made when asked."""

    @cached_property
    def lawful_calibration(self) -> Episodes:
        """Calibration episodes as the planner drives them, or as they were recorded."""
        if self.recorded is not None:
            return self.calibration
        return drive(self, self.calibration, "calibration")

    @cached_property
    def lawful_scoring(self) -> Episodes:
        """Scoring episodes as the planner drives them, or as they were recorded."""
        if self.recorded is not None:
            return self.scoring
        return drive(self, self.scoring, "scoring")

    @cached_property
    def eye(self) -> "Eye":
        """The model's encoder, thumbnails beside latents."""
        from perturbations.latents import Eye

        return Eye(self.model)

    @cached_property
    def ensembles(self) -> list[Ensemble]:
        """The ensemble behind the disagreement monitor; for closed loops, other draws of it too."""
        return drawn(self, 1 if self.recorded is not None else 1 + NUM_REDRAWS)

    @cached_property
    def monitors(self) -> list[Monitor]:
        """The monitors that this model can have, fitted, and the floor."""
        return monitors_of(self, self.ensembles[0])

    @property
    def scoring_latents(self) -> "Tensor":
        """Latents of the scoring episodes as the clean world shows them, (E, B+1, D)."""
        return self.eye.split(self.scoring_seen).z

    @cached_property
    def scoring_seen(self) -> "Tensor":
        """The same with thumbnails, (E, B+1, D+P)."""
        from perturbations import latents

        return latents.encode(
            self.eye,
            latents.clean(self.world),
            self.lawful_scoring.block_states(self.block_size),
            self.episode_seeds(len(self.scoring)),
        )

    @cached_property
    def scoring_rollouts(self) -> "list[Tensor]":
        """What is imagined from each frame of the scoring episodes on, (E, B-b, D) from frame b."""
        from perturbations import latents

        blocks = self.lawful_scoring.blocks(self.block_size)
        return [
            latents.rollout(self.model, self.scoring_latents[:, begin], blocks[:, begin:])
            for begin in range(self.model_steps_per_episode)
        ]

    @cached_property
    def drawn_latents(self) -> NDArray[np.float64]:
        """Latents of the drawn states, (N, D), as they are kept: more digits make longer files."""
        from perturbations import latents

        z = latents.encode_finite(self.model, self.world.render(self.drawn_states))
        return np.array([[float(f"{value:.5g}") for value in row] for row in z.double().tolist()])

    @cached_property
    def probes(self) -> "HalfProbes":
        """What reads the true state out of a latent, fitted on these."""
        from perturbations.probes import HalfProbes

        return HalfProbes.fitted(self.drawn_latents, self.true_states(self.drawn_states))

    @cached_property
    def scoring_scores(self) -> dict[str, NDArray[np.float64]]:
        """Scores (E, B) of every monitor on the scoring episodes in the clean world."""
        return self.scores(self.scoring_seen, self.lawful_scoring.blocks(self.block_size))

    def scores(self, seen: "Tensor", blocks: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Scores (E, B) of every monitor and of the floor.

        Args:
            seen: what the eye made of the frames, (E, B+1, D+P).
            blocks: actions as executed, (E, B, K, A).
        """
        parts = self.eye.split(seen)
        return {monitor.name: monitor.scores(parts, blocks) for monitor in self.monitors}
