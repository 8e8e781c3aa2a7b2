"""The `config.json` of the official ecosystem, read as data and never instantiated.

Its `_target_` fields are import paths, which the reference package calls. Here they are compared
with a list; every field has the values that the model of this package can have, and anything else
is refused by name. Source of names and defaults: stable-worldmodel 0.1.1 (`wm/lewm`) and the
`vit_hf` helper of stable-pretraining. Needs no torch.
"""

import json
from typing import Any

from lewm.checkpoints.config_nodes import (
    MISSING,
    Fields,
    Nodes,
    a_node,
    only,
    optional,
    share,
    whole,
)
from lewm.checkpoints.strict_json import load_object
from lewm.config import ModelConfig
from lewm.errors import LewmError

VIT_SIZES = {
    "tiny": (192, 12, 3),
    "small": (384, 12, 6),
    "base": (768, 12, 12),
    "large": (1024, 24, 16),
    "huge": (1280, 32, 16),
}
"""Width, depth and heads by the name that `vit_hf` knows; its MLP is four times as wide."""

TARGETS = {
    "": ("stable_worldmodel.wm.lewm.LeWM", "stable_worldmodel.wm.lewm.lewm.LeWM", "jepa.JEPA"),
    "encoder": ("stable_pretraining.backbone.utils.vit_hf",),
    "predictor": ("stable_worldmodel.wm.lewm.module.Predictor", "module.ARPredictor"),
    "action_encoder": ("stable_worldmodel.wm.lewm.module.Embedder", "module.Embedder"),
    "projector": ("stable_worldmodel.wm.lewm.module.MLP", "module.MLP"),
    "pred_proj": ("stable_worldmodel.wm.lewm.module.MLP", "module.MLP"),
    "norm_fn": ("torch.nn.BatchNorm1d", "torch.nn.modules.batchnorm.BatchNorm1d"),
    "act_fn": ("torch.nn.GELU", "torch.nn.modules.activation.GELU"),
}
"""What each node may name, the present spelling first, then older ones."""

_MAX_BYTES = 2**20
_NEXT_STEP = "take the config.json of a LeWM; other models need an adapter of their own"

_WIDTH, _DEPTH, _IMAGE = whole(16384), whole(256), whole(4096)
_HIDDEN = whole(65536)
_ENCODER: Fields = {
    "size": (only(*VIT_SIZES), "tiny"),
    "patch_size": (_IMAGE, 16),
    "image_size": (_IMAGE, 224),
    "pretrained": (only(False), False),
    "use_mask_token": (only(False), True),
    "hidden_size": (_WIDTH, None),
    "num_hidden_layers": (_DEPTH, None),
    "num_attention_heads": (_DEPTH, None),
    "intermediate_size": (_HIDDEN, None),
    "num_channels": (only(3), 3),
    "qkv_bias": (only(True), True),
    "hidden_act": (only("gelu"), "gelu"),
    "layer_norm_eps": (only(1e-12), 1e-12),
    "hidden_dropout_prob": (only(0.0, 0), 0.0),
    "attention_probs_dropout_prob": (only(0.0, 0), 0.0),
}
_PREDICTOR: Fields = {
    "num_frames": (whole(4096), MISSING),
    "input_dim": (_WIDTH, MISSING),
    "hidden_dim": (_WIDTH, MISSING),
    "output_dim": (optional(_WIDTH), None),
    "depth": (_DEPTH, MISSING),
    "heads": (_DEPTH, MISSING),
    "mlp_dim": (_HIDDEN, MISSING),
    "dim_head": (_WIDTH, 64),
    "dropout": (share, 0.0),
    "emb_dropout": (only(0.0, 0), 0.0),
}
_ACTIONS: Fields = {
    "input_dim": (_WIDTH, 10),
    "smoothed_dim": (_WIDTH, 10),
    "emb_dim": (_WIDTH, 10),
    "mlp_scale": (only(4), 4),
}
_PROJECTOR: Fields = {
    "input_dim": (_WIDTH, MISSING),
    "hidden_dim": (_HIDDEN, MISSING),
    "output_dim": (optional(_WIDTH), None),
    "norm_fn": (a_node, MISSING),
    "act_fn": (a_node, None),
}
_NORM: Fields = {
    "eps": (only(1e-5), 1e-5),
    "momentum": (only(0.1), 0.1),
    "affine": (only(True), True),
    "track_running_stats": (only(True), True),
}
_ACT: Fields = {"approximate": (only("none"), "none")}
_PARTS: Fields = dict.fromkeys(
    ("encoder", "predictor", "action_encoder", "projector", "pred_proj"), (a_node, MISSING)
)


def parse_config(data: bytes, name: str, *, block_size: int) -> ModelConfig:
    """The architecture that a `config.json` describes.

    Args:
        data: the file.
        name: what to call it in messages.
        block_size: env steps per action block, which the file does not say; divides the width of
            the action encoder's input.

    Raises:
        LewmError: it names anything foreign, lacks something, or describes a model that this
            package does not have.
    """
    tree = load_object(data, name, max_bytes=_MAX_BYTES)
    nodes = Nodes(name, next_step=_NEXT_STEP)
    nodes.require_targets(tree, {target for targets in TARGETS.values() for target in targets})
    parts = nodes.read(tree, "", TARGETS[""], _PARTS)
    encoder, predictor, actions = (
        nodes.read(parts[part], part, TARGETS[part], fields)
        for part, fields in (
            ("encoder", _ENCODER),
            ("predictor", _PREDICTOR),
            ("action_encoder", _ACTIONS),
        )
    )
    projector, pred_proj = (_read_projector(nodes, parts, n) for n in ("projector", "pred_proj"))
    width, depth, heads = VIT_SIZES[encoder["size"]]
    width = encoder["hidden_size"] or width
    latent = predictor["input_dim"]
    for what, found, wanted in (
        ("predictor.hidden_dim", predictor["hidden_dim"], latent),
        ("predictor.output_dim", predictor["output_dim"] or latent, latent),
        ("action_encoder.emb_dim", actions["emb_dim"], latent),
        ("projector.input_dim", projector["input_dim"], width),
        ("projector.output_dim", projector["output_dim"], latent),
        ("pred_proj.input_dim", pred_proj["input_dim"], latent),
        ("pred_proj.output_dim", pred_proj["output_dim"], latent),
        ("pred_proj.hidden_dim", pred_proj["hidden_dim"], projector["hidden_dim"]),
    ):
        if found != wanted:
            raise nodes.refusal(what, found, f"{wanted}, as the parts it is joined to")
    if actions["input_dim"] % block_size:
        raise nodes.refusal(
            "action_encoder.input_dim",
            actions["input_dim"],
            f"a multiple of the block of {block_size} env steps",
        )
    if predictor["heads"] == 1 and predictor["dim_head"] == latent:
        raise nodes.refusal("predictor.heads", 1, f"several, or a dim_head other than {latent}")
    try:
        return ModelConfig(
            image_size=encoder["image_size"],
            patch_size=encoder["patch_size"],
            stem="patch",
            encoder_width=width,
            encoder_depth=encoder["num_hidden_layers"] or depth,
            encoder_heads=encoder["num_attention_heads"] or heads,
            # `vit_hf` fixes the MLP by the size's own width, before other widths are applied
            encoder_mlp_width=encoder["intermediate_size"] or 4 * VIT_SIZES[encoder["size"]][0],
            latent_width=latent,
            projector_width=projector["hidden_dim"],
            predictor_width=latent,
            predictor_depth=predictor["depth"],
            predictor_heads=predictor["heads"],
            predictor_head_width=predictor["dim_head"],
            predictor_mlp_width=predictor["mlp_dim"],
            dropout=float(predictor["dropout"]),
            action_width=actions["input_dim"] // block_size,
            action_bottleneck=actions["smoothed_dim"],
            block_size=block_size,
            history=predictor["num_frames"],
        )
    except ValueError as error:
        raise LewmError(f"{name} describes no model: {error}", next_step=_NEXT_STEP) from None


def _read_projector(nodes: Nodes, parts: dict[str, Any], part: str) -> dict[str, Any]:
    found = nodes.read(parts[part], part, TARGETS[part], _PROJECTOR)
    for name, fields in (("norm_fn", _NORM), ("act_fn", _ACT)):
        if found[name] is not None:
            nodes.read(found[name], f"{part}.{name}", TARGETS[name], fields, partial=True)
    return {**found, "output_dim": found["output_dim"] or found["input_dim"]}


def format_config(config: ModelConfig) -> bytes:
    """The `config.json` of a model; for the sizes of the paper, byte for byte the released one.

    Raises:
        LewmError: the reference classes cannot be that model.
    """
    for field, found, wanted in (
        ("predictor", config.predictor, "autoregressive"),
        ("stem", config.stem, "patch"),
        ("predictor_width", config.predictor_width, config.latent_width),
    ):
        if found != wanted:
            raise LewmError(
                f"the official layout has no model with {field} {found}, only {wanted}",
                next_step="save it as .pt or .safetensors; the reference package cannot load it",
            )
    if config.predictor_heads == 1 and config.predictor_head_width == config.predictor_width:
        raise LewmError(
            "the official attention has no output layer with one head as wide as the model",
            next_step="save it as .pt or .safetensors; the reference package cannot load it",
        )
    latent = config.latent_width
    tree = {
        "_target_": TARGETS[""][0],
        "encoder": {
            "_target_": TARGETS["encoder"][0],
            **_encoder_size(config),
            "patch_size": config.patch_size,
            "image_size": config.image_size,
            "pretrained": False,
            "use_mask_token": False,
            **_encoder_overrides(config),
        },
        "predictor": {
            "_target_": TARGETS["predictor"][0],
            "num_frames": config.history,
            "input_dim": latent,
            "hidden_dim": latent,
            "output_dim": latent,
            "depth": config.predictor_depth,
            "heads": config.predictor_heads,
            "mlp_dim": config.predictor_mlp_width,
            "dim_head": config.predictor_head_width,
            "dropout": config.dropout,
            "emb_dropout": 0.0,
        },
        "action_encoder": _action_encoder(config),
        "projector": _projector(config.encoder_width, config),
        "pred_proj": _projector(latent, config),
    }
    return (json.dumps(tree, indent=4) + "\n").encode()


def _encoder_size(config: ModelConfig) -> dict[str, str]:
    shape = (config.encoder_width, config.encoder_depth, config.encoder_heads)
    named = [name for name, size in VIT_SIZES.items() if size == shape]
    return {"size": named[0] if named else "tiny"}


def _encoder_overrides(config: ModelConfig) -> dict[str, int]:
    size = VIT_SIZES[_encoder_size(config)["size"]]
    values = {
        "hidden_size": (config.encoder_width, size[0]),
        "num_hidden_layers": (config.encoder_depth, size[1]),
        "num_attention_heads": (config.encoder_heads, size[2]),
        "intermediate_size": (config.encoder_mlp_width, 4 * size[0]),
    }
    return {name: value for name, (value, usual) in values.items() if value != usual}


def _action_encoder(config: ModelConfig) -> dict[str, Any]:
    node: dict[str, Any] = {
        "_target_": TARGETS["action_encoder"][0],
        "input_dim": config.block_size * config.action_width,
        "emb_dim": config.latent_width,
    }
    if config.action_bottleneck != 10:
        node["smoothed_dim"] = config.action_bottleneck
    return node


def _projector(width_in: int, config: ModelConfig) -> dict[str, Any]:
    return {
        "_target_": TARGETS["projector"][0],
        "input_dim": width_in,
        "output_dim": config.latent_width,
        "hidden_dim": config.projector_width,
        "norm_fn": {"_target_": TARGETS["norm_fn"][0], "_partial_": True},
    }
