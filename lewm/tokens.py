"""Many tokens per frame: every patch of a frame is a token that the predictor carries along.

Shapes in this module:
    B  batch            T  model steps            P  tokens per frame (`config.num_patches`)
    D  latent width, P * w                        w  numbers per token
    K  env steps per action block                 A  action width
    W  width in the predictor, w + that of the embedded action block

Source: DINO-WM, arXiv:2411.04983 (facts/systems.md 5), restated from its text; no code was read. A
frame is its patch tokens, the embedded action block is appended to every one of them, and a
transformer that is causal over frames sees the tokens of the last frames. Ours differs in the eye,
which is LeWM's and trained, where DINO-WM's is a frozen DINOv2; in the projectors, which are
LeWM's; and in that there is no proprioception. What a token costs does not depend on these.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lewm.config import ModelConfig
from lewm.encoder import Encoder
from lewm.layers import ActionEncoder, FeedForward, Projector, standard_normal


class PatchEncoder(Encoder):
    """LeWM's vision transformer, of which every patch token is kept and the class token is not."""

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, size, size) normalized to (B, P, encoder width)."""
        x = self.embeddings(pixels)
        for block in self.encoder["layer"]:  # type: ignore[attr-defined]
            x = block(x)
        patches: Tensor = self.layernorm(x[:, 1:])
        return patches


class TokenWM(nn.Module):
    """A world model whose latent is all patch tokens of a frame, one after the other."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        token_width = config.latent_width // config.num_patches
        self.config = config
        self.encoder = PatchEncoder(config)
        self.projector = Projector(config.encoder_width, config.projector_width, token_width)
        self.action_encoder = ActionEncoder(
            config.block_size * config.action_width,
            config.action_bottleneck,
            config.predictor_width - token_width,
        )
        self.predictor = TokenPredictor(config)
        self.pred_proj = Projector(config.predictor_width, config.projector_width, token_width)

    def encode(self, pixels: Tensor) -> Tensor:
        """Latents of frames (B, T, 3, size, size), ImageNet-normalized: z, (B, T, D)."""
        tokens: Tensor = self.projector(self.encoder(pixels.flatten(end_dim=1)))
        return tokens.reshape(*pixels.shape[:2], -1)

    def predict(self, z: Tensor, blocks: Tensor) -> Tensor:
        """Predict the latent one model step after each given latent, looking back causally.

        Args:
            z: latents, (B, T, D), T at most `config.history`.
            blocks: normalized actions taken from each latent, (B, T, K, A).

        Returns:
            z_hat, (B, T, D), where z_hat[:, t] predicts z[:, t + 1].
        """
        return self._ahead(z, self._embed(blocks), last_only=False)

    def predict_window(self, z: Tensor, blocks: Tensor) -> Tensor:
        """What training compares with z[:, 1:]: predictions of a window from its own latents."""
        return self.predict(z[:, :-1], blocks)

    def rollout(self, z: Tensor, blocks: Tensor) -> Tensor:
        """Imagine a future, each prediction feeding the next.

        Args:
            z: latent of a real frame, (B, D), or of the last H real frames, (B, H, D).
            blocks: normalized actions, (B, H - 1 + T, K, A).

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
        actions = self._embed(blocks)
        for t in range(num_real - 1, blocks.shape[1]):
            window = slice(max(0, t + 1 - history), t + 1)
            ahead = self._ahead(known[:, window], actions[:, window], last_only=True)
            known = torch.cat([known, ahead], dim=1)
        return known[:, num_real:]

    def terminal(self, z: Tensor, blocks: Tensor) -> Tensor:
        """The latent after the last block, (B, D), for the arguments of `rollout`."""
        return self.rollout(z, blocks)[:, -1]

    def _embed(self, blocks: Tensor) -> Tensor:
        embedded: Tensor = self.action_encoder(blocks.flatten(start_dim=2))
        return embedded

    def _ahead(self, z: Tensor, actions: Tensor, *, last_only: bool) -> Tensor:
        num_tokens = self.config.num_patches
        tokens = z.reshape(*z.shape[:2], num_tokens, -1)  # (B, T, P, w)
        beside = actions[:, :, None].expand(-1, -1, num_tokens, -1)
        out = self.pred_proj(
            self.predictor(torch.cat([tokens, beside], dim=-1), last_only=last_only)
        )
        ahead: Tensor = out.flatten(start_dim=2)
        return ahead


class TokenPredictor(nn.Module):
    """Transformer over the tokens of the last frames, causal over frames and not within one."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.predictor_width
        self.history = config.history
        self.pos_embedding = nn.Parameter(
            0.02 * standard_normal(1, config.history, config.num_patches, width)
        )
        self.layers = nn.ModuleList([TokenLayer(config) for _ in range(config.predictor_depth)])
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, *, last_only: bool) -> Tensor:
        """Tokens (B, T, P, W), T at most `history`, to the same; to (B, 1, P, W) if last_only."""
        num_frames, num_tokens = x.shape[1:3]
        if num_frames > self.history:
            raise ValueError(f"the predictor sees {self.history} frames, got {num_frames}")
        x = (x + self.pos_embedding[:, :num_frames]).flatten(start_dim=1, end_dim=2)
        frame = torch.arange(num_frames, device=x.device).repeat_interleave(num_tokens)
        seen = frame[:, None] >= frame  # (T * P, T * P)
        final = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            wanted = num_tokens if last_only and index == final else len(frame)
            x = layer(x, seen[-wanted:])
        out: Tensor = self.norm(x)
        return out.reshape(len(x), -1, num_tokens, out.shape[-1])


class TokenLayer(nn.Module):
    """Pre-norm attention under a mask, and MLP."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.predictor_width
        inner = config.predictor_heads * config.predictor_head_width
        self.heads, self.dropout = config.predictor_heads, config.dropout
        self.norm = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, width), nn.Dropout(config.dropout))
        self.mlp = FeedForward(width, config.predictor_mlp_width, config.dropout)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """The last Q of N tokens (B, N, W), each attending to those marked in `seen` (Q, N)."""
        wanted = len(seen)
        normed = self.norm(x)
        keys, values = self.to_kv(normed).chunk(2, dim=-1)
        q, k, v = (
            part.reshape(*part.shape[:2], self.heads, -1).transpose(1, 2)
            for part in (self.to_q(normed[:, -wanted:]), keys, values)
        )
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=seen, dropout_p=self.dropout if self.training else 0.0
        )
        x = x[:, -wanted:] + self.to_out(mixed.transpose(1, 2).flatten(start_dim=2))
        out: Tensor = x + self.mlp(x)
        return out


def carrying_tokens(config: ModelConfig, tokens_per_frame: int) -> ModelConfig:
    """The configuration of a model that carries so many tokens, all else as in `config`.

    The eye cuts the frame into as many patches; the predictor is as wide and as deep.

    Raises:
        ValueError: no square of patches, or the frame cannot be cut so.
    """
    side = round(tokens_per_frame**0.5)
    if side**2 != tokens_per_frame or config.image_size % side:
        raise ValueError(
            f"a frame of {config.image_size} px cannot be cut into {tokens_per_frame} patches"
        )
    token_width = config.predictor_width - config.action_bottleneck
    return replace(
        config,
        predictor="tokens",
        patch_size=config.image_size // side,
        stem="patch",
        latent_width=token_width * tokens_per_frame,
    )


def dino_wm_sizes(*, action_width: int = 2) -> ModelConfig:
    """The sizes of DINO-WM: 196 tokens of 384 numbers, a predictor of about 20.1 M parameters.

    The eye has the sizes of DINOv2's ViT-S/14. The embedded action is 20 wide, where DINO-WM has 10
    for the action and 10 for proprioception. Weights are random: for timing, not for results.
    """
    return ModelConfig(
        image_size=196,
        patch_size=14,
        stem="patch",
        encoder_width=384,
        encoder_depth=12,
        encoder_heads=6,
        encoder_mlp_width=1536,
        latent_width=196 * 384,
        projector_width=384,
        predictor_width=404,
        predictor_depth=6,
        predictor_heads=16,
        predictor_head_width=64,
        predictor_mlp_width=2048,
        dropout=0.1,
        action_width=action_width,
        action_bottleneck=20,
        block_size=5,
        history=3,
        predictor="tokens",
    )
