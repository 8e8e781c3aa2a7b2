"""Which model is this? Its files, its tensors, its configuration, by digest."""

import hashlib
from typing import Any

import torch

from envelope.cli.basis import digest_of_model
from envelope.digest import state_digest, tensor_entry
from envelope.errors import EnvelopeError
from envelope.records import FileDigest, ModelState
from envelope.strict import canonical

_DTYPE_CODES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_GROUPS = (
    "encoder.",
    "projector.",
    "action_encoder.",
    "prefix_encoder.",
    "predictor.",
    "pred_proj.",
)


def identify(model: Any, *, adapter: str = "lewm") -> ModelState:
    """The model state of a loaded checkpoint.

    The tensor digest covers all parameters and buffers of the live model.

    Args:
        model: as loaded; has `files` (name, size and digest of each that was read, the weights
            first), `tensors()`, `digest_config()`, `training`, `tuning`.
        adapter: by which name it was loaded.

    Raises:
        EnvelopeError: a tensor has a layout or a number type that cannot be digested; or a file is
            called what would pass for lines of a log, and could be no subject of an attestation.
    """
    for file in model.files:
        if not file.name.isprintable():
            raise EnvelopeError(
                f"a file of the model is called {file.name!a}, which cannot be printed",
                next_step="rename it",
            )
    tensors: dict[str, torch.Tensor] = model.tensors()
    entries = [
        tensor_entry(name, _code(name, tensor), tuple(tensor.shape), _bytes(tensor))
        for name, tensor in tensors.items()
    ]
    present = [prefix for prefix in _GROUPS if any(name.startswith(prefix) for name in tensors)]
    training = model.training
    return ModelState(
        files=[
            FileDigest(path=file.name, size_bytes=file.size_bytes, sha256=file.sha256)
            for file in model.files
        ],
        tensor_digest=state_digest(entries),
        groups={prefix.rstrip("."): state_digest(entries, prefix) for prefix in present},
        config_digest=hashlib.sha256(canonical(model.digest_config())).hexdigest(),
        adapter=adapter,
        num_parameters=model.num_parameters,
        tuning=[str(step.get("name", "unnamed")) for step in model.tuning],
        training={
            key: training[key]
            for key in sorted(training)
            if isinstance(training[key], str | int | float | bool)
        },
    )


def model_digest(state: ModelState, model: Any) -> str:
    """What cells rest on that a model alone decides: tensors, configuration, adapter.

    Also how it computes on this machine, which moves the last digits and so, now and then, a plan.
    """
    return digest_of_model(state, kernel_path(model))


def kernel_path(model: Any) -> str:
    """How a model computes on this machine."""
    return str(getattr(model, "kernel_path", "plain"))


def _code(name: str, tensor: torch.Tensor) -> str:
    if tensor.layout is not torch.strided or tensor.is_meta or tensor.dtype not in _DTYPE_CODES:
        raise EnvelopeError(
            f"tensor {name} is {tensor.layout} {tensor.dtype}, which has no digest",
            next_step="save the model with plain dense tensors",
        )
    return _DTYPE_CODES[tensor.dtype]


def _bytes(tensor: torch.Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy().data)
