"""Which numbers were measured."""

from envelope.records.base import Record, Scalar, Sha256


class FileDigest(Record):
    """One file of the checkpoint, by its bytes."""

    path: str
    """Relative name; never an absolute path."""
    size_bytes: int
    sha256: Sha256


class ModelState(Record):
    """Which numbers were measured: bounds fine-tuning degradation."""

    files: list[FileDigest]
    tensor_digest: Sha256
    """Digest over all parameters and buffers; survives a change of container."""
    groups: dict[str, Sha256]
    """The same over one part, such as `encoder` and `predictor`."""
    config_digest: Sha256
    adapter: str
    num_parameters: int
    tuning: list[str]
    """Tuning steps after training, oldest first; empty for a model as trained."""
    training: dict[str, Scalar]
    """Headline of the training record: data digest, updates, seed."""
