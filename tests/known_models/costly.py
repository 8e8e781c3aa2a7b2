"""Models of the dot world that plan alike and do not cost alike.

Shapes in this module:
    P  tokens per frame
"""

import torch

from tests.known_models.models import ColourBlind


class OneToken(ColourBlind):
    """A frame is one token, through attention and a product that change nothing."""

    tokens_per_frame = 1

    def encode(self, frames):
        return self._through(super().encode(frames).repeat(1, self.tokens_per_frame))

    @property
    def latent_width(self):
        return 2 * self.tokens_per_frame

    def _next(self, z, block):
        return self._through(super()._next(z[:, :2], block).repeat(1, self.tokens_per_frame))

    def _through(self, z):
        """Latents of tokens that are all alike, as they were: 8 P * P + 8 P operations each."""
        tokens = z.unflatten(-1, (self.tokens_per_frame, 2))
        alike = torch.nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
        return (alike @ torch.eye(2).to(alike)).flatten(start_dim=1)


class TokenHog(OneToken):
    """Says the same 49 times: plans as well, for a thousand times the operations."""

    tokens_per_frame = 49
