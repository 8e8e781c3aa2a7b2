"""A world model of stable-worldmodel as one of ours, by its tensors.

Its module is read, never called: sizes come from its attributes and tensors, weights by their
released names (facts/lewm.md 1.7). The package itself is not imported.
"""

from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from lewm.adapter import AuditableModel
from lewm.build import WorldModelModule, build
from lewm.checkpoints.official import canonical
from lewm.config import ModelConfig
from lewm.errors import LewmError
from lewm.model import LeWM
from lewm.prefix import FastLeWM


def module_of(given: Any, *, block_size: int) -> WorldModelModule:
    """The module to plan with.

    Args:
        given: a model of ours, `LeWM` of stable-worldmodel, or (its main branch) the
            `ShootingCostEvaluator` around one with the objective `GoalMSE`.
        block_size: env steps per action block, which the reference's module does not say.

    Returns:
        A model of ours with a copy of the weights: planning freezes it, and training of the one
        given goes on unharmed and unseen.

    Raises:
        LewmError: another kind of model or objective.
    """
    if isinstance(given, AuditableModel):
        return deepcopy(given.module)
    if isinstance(given, LeWM | FastLeWM):
        return deepcopy(given)
    if hasattr(given, "objective") and hasattr(given, "model"):
        _require_goal_mse(given.objective)
        given = given.model
    if not isinstance(given, nn.Module):
        raise LewmError(
            f"{type(given).__name__} is no model that this solver knows",
            next_step="give a model of lewm, or the LeWM of stable-worldmodel",
        )
    tensors = canonical(given.state_dict(), type(given).__name__).tensors
    _require_published_encoder(given)
    try:
        model = build(_config(given, tensors, block_size))
        model.load_state_dict(tensors, strict=True)
    except (AttributeError, IndexError, KeyError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LewmError(
            f"{type(given).__name__} is not built as the published LeWM is: {reason}",
            next_step="plan it with the solvers of stable-worldmodel",
        ) from None
    return model.to(next(given.parameters()).device)


def _require_goal_mse(objective: Any) -> None:
    """Refuse an objective that is not the terminal cost, sum of squares."""
    is_known = (
        type(objective).__name__ == "GoalMSE"
        and getattr(objective, "reduction", None) == "sum"
        and getattr(objective, "pred_key", None) == "predicted_emb"
        and getattr(objective, "goal_key", None) == "goal_emb"
    )
    if not is_known:
        raise LewmError(
            f"the objective {objective} is not GoalMSE with reduction 'sum', which this solver "
            "minimises",
            next_step="give that objective, or name another cost of lewm.planning.costs with "
            "`plan_cost`",
        )


def _require_published_encoder(given: Any) -> None:
    """Refuse an encoder that computes otherwise with the same tensors.

    A configuration that does not say has what transformers has by default, which is what the
    released weights were trained with.
    """
    config = getattr(getattr(given, "encoder", None), "config", None)
    for name, published in (("hidden_act", "gelu"), ("layer_norm_eps", 1e-12)):
        found = getattr(config, name, published)
        if found != published:
            raise LewmError(
                f"the encoder of {type(given).__name__} has {name} {found}, the published LeWM "
                f"{published}",
                next_step="plan it with the solvers of stable-worldmodel",
            )


def _config(given: Any, tensors: dict[str, Tensor], block_size: int) -> ModelConfig:
    """Sizes from the attributes that decide them, else from the shapes of tensors."""
    eye, predictor = given.encoder.config, given.predictor
    attention = predictor.transformer.layers[0].attn
    embedder = tensors["action_encoder.patch_embed.weight"]  # (bottleneck, K * A, 1)
    return ModelConfig(
        image_size=int(eye.image_size),
        patch_size=int(eye.patch_size),
        stem="patch",
        encoder_width=int(eye.hidden_size),
        encoder_depth=int(eye.num_hidden_layers),
        encoder_heads=int(eye.num_attention_heads),
        encoder_mlp_width=int(eye.intermediate_size),
        latent_width=len(tensors["projector.net.3.weight"]),
        projector_width=len(tensors["projector.net.0.weight"]),
        predictor_width=len(tensors["action_encoder.embed.2.weight"]),
        predictor_depth=len(predictor.transformer.layers),
        predictor_heads=int(attention.heads),
        predictor_head_width=attention.to_qkv.out_features // (3 * int(attention.heads)),
        predictor_mlp_width=len(tensors["predictor.transformer.layers.0.mlp.net.1.weight"]),
        dropout=0.0,
        action_width=embedder.shape[1] // block_size,
        action_bottleneck=len(embedder),
        block_size=block_size,
        history=int(predictor.num_frames),
    )
