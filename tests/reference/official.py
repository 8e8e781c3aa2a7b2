"""The reference LeWM with random weights: what it writes, what it computes, what it loads.

    python -m tests.reference.official make ROOT     writes ROOT/<size>/official and reference.npz
    python -m tests.reference.official load ROOT     loads ROOT/<size>/export, prints deviations

Nothing of ours takes part: models are built from config.json with the classes of the reference
package, the encoder as its `vit_hf` helper builds it.
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import tests.reference.torchvision_schemas  # noqa: F401

# isort: split
import numpy as np
import torch
from stable_worldmodel.wm.lewm import LeWM
from stable_worldmodel.wm.lewm.module import MLP, Embedder, Predictor
from transformers import ViTConfig, ViTModel

NUM_CASES, NUM_SAMPLES, HORIZON = 2, 4, 5
MODULE = "stable_worldmodel.wm.lewm.module"
BATCH_NORM = {"_target_": "torch.nn.BatchNorm1d", "_partial_": True}


def vit_hf(*, size: str, pretrained: bool, use_mask_token: bool, **given: Any) -> ViTModel:
    assert size == "tiny"
    assert not pretrained
    shape = {"hidden_size": 192, "num_hidden_layers": 12, "num_attention_heads": 3}
    config = ViTConfig(**{**shape, "intermediate_size": 768, **given})
    model = ViTModel(config, add_pooling_layer=False, use_mask_token=use_mask_token)
    model.config.interpolate_pos_encoding = True
    return model


CLASSES = {
    "stable_worldmodel.wm.lewm.LeWM": LeWM,
    "stable_pretraining.backbone.utils.vit_hf": vit_hf,
    f"{MODULE}.Predictor": Predictor,
    f"{MODULE}.Embedder": Embedder,
    f"{MODULE}.MLP": MLP,
    "torch.nn.BatchNorm1d": torch.nn.BatchNorm1d,
}


def build(node: Any) -> Any:
    """What Hydra would instantiate."""
    if not isinstance(node, dict):
        return node
    fields = {name: build(value) for name, value in node.items() if not name.startswith("_")}
    made = CLASSES[node["_target_"]]
    return partial(made, **fields) if node.get("_partial_") else made(**fields)


def config(
    *, width: int, latent: int, action_input: int, encoder: dict[str, int], **predictor: int
) -> dict[str, Any]:
    hidden = predictor.pop("projector")
    return {
        "_target_": "stable_worldmodel.wm.lewm.LeWM",
        "encoder": {
            "_target_": "stable_pretraining.backbone.utils.vit_hf",
            "size": "tiny",
            "pretrained": False,
            "use_mask_token": False,
            **encoder,
        },
        "predictor": {
            "_target_": f"{MODULE}.Predictor",
            "num_frames": 3,
            "input_dim": latent,
            "hidden_dim": latent,
            "output_dim": latent,
            "dropout": 0.1,
            "emb_dropout": 0.0,
            **predictor,
        },
        "action_encoder": {
            "_target_": f"{MODULE}.Embedder",
            "input_dim": action_input,
            "emb_dim": latent,
        },
        **{
            part: {
                "_target_": f"{MODULE}.MLP",
                "input_dim": width_in,
                "output_dim": latent,
                "hidden_dim": hidden,
                "norm_fn": BATCH_NORM,
            }
            for part, width_in in (("projector", width), ("pred_proj", latent))
        },
    }


CONFIGS = {
    "paper": config(
        width=192,
        latent=192,
        action_input=10,
        encoder={"patch_size": 14, "image_size": 224},
        depth=6,
        heads=16,
        mlp_dim=2048,
        dim_head=64,
        projector=2048,
    ),
    "small": config(
        width=48,
        latent=32,
        action_input=25,
        encoder={
            "patch_size": 14,
            "image_size": 28,
            "hidden_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 80,
        },
        depth=2,
        heads=3,
        mlp_dim=40,
        dim_head=8,
        projector=64,
    ),
}


def randomize(model: LeWM, seed: int) -> None:
    """No tensor at its initial value: AdaLN wide awake, running statistics of some data."""
    generator = torch.Generator().manual_seed(seed)
    state = model.state_dict()
    for name, tensor in state.items():
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("num_batches_tracked"):
            tensor.fill_(1234)
        elif name.endswith("running_var"):
            tensor.copy_(1 + 0.5 * noise.abs())
        elif tensor.ndim == 1:
            tensor.copy_(0.1 * noise + float(name.endswith(".weight")))
        elif name.endswith(("cls_token", "position_embeddings", "pos_embedding")):
            tensor.copy_(0.5 * noise)
        else:
            tensor.copy_(noise / tensor[0].numel() ** 0.5)
    model.load_state_dict(state)


def inputs(node: dict[str, Any], seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    size, width = node["encoder"]["image_size"], node["action_encoder"]["input_dim"]

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return {
        "pixels": normal(NUM_CASES, 3, 3, size, size),
        "goal": normal(NUM_CASES, 1, 3, size, size),
        "blocks": normal(NUM_CASES, 3, width),
        "candidates": normal(NUM_CASES, NUM_SAMPLES, 2 + HORIZON, width),
    }


@torch.no_grad()
def outputs(model: LeWM, given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    model.eval()
    seen = model.encode({"pixels": given["pixels"], "action": given["blocks"]})
    found = {"z": seen["emb"], "z_hat": model.predict(seen["emb"], seen["act_emb"])}
    for history in (1, 3):
        costs = [_cost(model, given, case, history) for case in range(NUM_CASES)]
        found[f"cost_{history}"] = torch.cat(costs)
    return found


def _cost(model: LeWM, given: dict[str, torch.Tensor], case: int, history: int) -> torch.Tensor:
    """One case at a time, as its solver does: with several, 0.1.1 mixes up cases and samples."""
    frames, goal = given["pixels"][case, 3 - history :], given["goal"][case]
    info = {
        "pixels": frames.expand(1, NUM_SAMPLES, *frames.shape),
        "goal": goal.expand(1, NUM_SAMPLES, *goal.shape),
        "action": torch.zeros(1, NUM_SAMPLES, history, given["blocks"].shape[-1]),
    }
    cost: torch.Tensor = model.get_cost(
        info, given["candidates"][case : case + 1, :, 3 - history :]
    )
    return cost


def make(root: Path) -> None:
    for size, node in CONFIGS.items():
        folder = root / size / "official"
        folder.mkdir(parents=True)
        model = build(node)
        randomize(model, seed=0)
        (folder / "config.json").write_text(json.dumps(node, indent=2))
        torch.save(model.state_dict(), folder / "weights.pt")
        given = inputs(node, seed=1)
        arrays = {**given, **outputs(model, given)}
        np.savez(root / size / "reference.npz", **{k: v.numpy() for k, v in arrays.items()})


def load(root: Path) -> None:
    for size in CONFIGS:
        folder = root / size / "export"
        model = build(json.loads((folder / "config.json").read_text()))
        state = torch.load(folder / "weights.pt", weights_only=True)
        model.load_state_dict(state, strict=True)
        original = torch.load(root / size / "official" / "weights.pt", weights_only=True)
        assert state.keys() == original.keys()
        assert all(torch.equal(state[name], original[name]) for name in state)
        with np.load(root / size / "reference.npz") as stored:
            arrays = {name: torch.from_numpy(stored[name]) for name in stored}
        worst = max(
            float((value - arrays[name]).abs().max())
            for name, value in outputs(model, arrays).items()
        )
        print(size, len(state), worst)


if __name__ == "__main__":
    {"make": make, "load": load}[sys.argv[1]](Path(sys.argv[2]))
