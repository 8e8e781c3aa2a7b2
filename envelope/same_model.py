"""Is the checkpoint at hand the one that was measured?"""

from collections.abc import Mapping
from dataclasses import dataclass

from envelope.errors import DigestMismatch
from envelope.records import ModelState


@dataclass(frozen=True)
class ModelIdentity:
    """What the checkpoint at hand is, by digest."""

    name: str
    """What to call it in messages."""
    files: Mapping[str, str]
    """SHA-256 of each file, by relative name."""
    tensor_digest: str | None = None
    """None where reading it would take torch."""
    config_digest: str | None = None
    path: str | None = None
    """Where it lies from here, for a command to copy; its name where that is enough."""


def require_same_model(state: ModelState, model: ModelIdentity) -> str:
    """How the model at hand was recognised: by its files or by its tensors.

    All recorded files must be there, under whatever name: one matching file beside changed weights
    proves nothing. Equal tensors under another configuration are another model.

    Raises:
        DigestMismatch: it is neither.
    """
    recorded = {file.sha256 for file in state.files}
    if recorded and recorded <= set(model.files.values()):
        return "files"
    same_config = model.config_digest in (None, state.config_digest)
    if model.tensor_digest == state.tensor_digest and same_config:
        return "tensors"
    at_hand = ", ".join(f"{name} {sha[:12]}" for name, sha in sorted(model.files.items()))
    measured = ", ".join(f"{file.path} {file.sha256[:12]}" for file in state.files)
    if model.tensor_digest is None and model.files:
        next_step = (
            "compare the tensors with `envelope verify ATTESTATION --load "
            f"{model.path or model.name}`, or run `envelope measure` on this checkpoint"
        )
    else:
        next_step = f"check the path, or run `envelope measure` on {model.name}"
    raise DigestMismatch(
        f"{model.name} is not the checkpoint in the record: its sha256 is {at_hand or 'unknown'}, "
        f"the record says {measured or 'none'}",
        next_step=next_step,
    )
