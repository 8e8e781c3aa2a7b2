"""LeWM: encode frames, predict the next latent, imagine futures.

Shapes in this module:
    B  batch            T  model steps (one model step = one action block)
    D  latent width     K  env steps per action block     A  action width

Source: LeWorldModel, arXiv:2603.19312. `paper()` has its 18,034,478 parameters and, given the same
tensors, the official forward pass (tests/lewm/test_fixture.py).
"""

import torch
from torch import Tensor, nn

from lewm.config import ModelConfig
from lewm.encoder import Encoder
from lewm.layers import ActionEncoder, Predictor, Projector


class LatentModel(nn.Module):
    """The eye that every world model here has: encoder and projector."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.projector = Projector(
            config.encoder_width, config.projector_width, config.latent_width
        )

    def encode(self, pixels: Tensor) -> Tensor:
        """Latents of frames.

        Args:
            pixels: ImageNet-normalized frames, (B, T, 3, size, size).

        Returns:
            z, (B, T, D).
        """
        cls: Tensor = self.encoder(pixels.flatten(end_dim=1))
        z: Tensor = self.projector(cls.reshape(*pixels.shape[:2], -1))
        return z


class LeWM(LatentModel):
    """Encoder, projector, action encoder, predictor and prediction projector.

    `state_dict()` has the names of the released checkpoints (facts: 303 entries for `paper()`).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.action_encoder = ActionEncoder(
            config.block_size * config.action_width,
            config.action_bottleneck,
            config.predictor_width,
        )
        self.predictor = Predictor(config)
        self.pred_proj = Projector(
            config.predictor_width, config.projector_width, config.latent_width
        )

    def predict(self, z: Tensor, blocks: Tensor) -> Tensor:
        """Predict the latent one model step after each given latent, looking back causally.

        Args:
            z: latents, (B, T, D), T at most `config.history`.
            blocks: normalized actions taken from each latent, (B, T, K, A).

        Returns:
            z_hat, (B, T, D), where z_hat[:, t] predicts z[:, t + 1].
        """
        modulations = self.predictor.modulations(self._embed(blocks))
        z_hat: Tensor = self.pred_proj(self.predictor(z, modulations, last_only=False))
        return z_hat

    def predict_window(self, z: Tensor, blocks: Tensor) -> Tensor:
        """What training compares with z[:, 1:]: predictions of a window from its own latents.

        Args:
            z: latents of a window, (B, T, D), T = `config.window_frames`.
            blocks: normalized actions between them, (B, T - 1, K, A).

        Returns:
            z_hat, (B, T - 1, D).
        """
        return self.predict(z[:, :-1], blocks)

    def rollout(self, z: Tensor, blocks: Tensor) -> Tensor:
        """Imagine a future, each prediction feeding the next.

        The window holds the last `history` latents; its positions restart at 0. Each action block
        is embedded once, and only the newest token of the last layer is computed.

        Args:
            z: latent of a real frame, (B, D), or of the last H real frames, one model step apart,
                (B, H, D), H at most `config.history`.
            blocks: normalized actions, (B, H - 1 + T, K, A): the H - 1 that were executed between
                the real frames, then those to imagine.

        Returns:
            z_hat, (B, T, D), where z_hat[:, t] is the latent after the t-th imagined block.
        """
        known = z[:, None] if z.ndim == 2 else z
        num_real, history = known.shape[1], self.config.history
        if not 1 <= num_real <= min(history, blocks.shape[1] + 1):
            raise ValueError(
                f"{num_real} real latents do not go with a history of {history} and "
                f"{blocks.shape[1]} blocks"
            )
        modulations = self.predictor.modulations(self._embed(blocks))
        for t in range(num_real - 1, blocks.shape[1]):
            first = max(0, t + 1 - history)
            window = [tuple(part[:, first : t + 1] for part in layer) for layer in modulations]
            token = self.predictor(known[:, first:], window, last_only=True)
            known = torch.cat([known, self.pred_proj(token)], dim=1)
        return known[:, num_real:]

    def terminal(self, z: Tensor, blocks: Tensor) -> Tensor:
        """The latent after the last block, (B, D), for the arguments of `rollout`."""
        return self.rollout(z, blocks)[:, -1]

    def _embed(self, blocks: Tensor) -> Tensor:
        embedded: Tensor = self.action_encoder(blocks.flatten(start_dim=2))
        return embedded
