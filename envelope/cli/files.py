"""The five files of a measured model: where they are, how they are written and read."""

import os
from pathlib import Path
from typing import NamedTuple, TypeVar

from envelope.errors import BadFile
from envelope.records import Envelope, Measurements, Record
from envelope.strict import MAX_JSON_BYTES, indented, load_json, parse_record

R = TypeVar("R", bound=Record)
MAX_MEASUREMENTS_BYTES = 2**28


class Folder(NamedTuple):
    """`<stem>.envelope/` beside a model: what `measure` leaves, by name."""

    path: Path

    @property
    def measurements(self) -> Path:
        return self.path / "measurements.json"

    @property
    def envelope(self) -> Path:
        return self.path / "envelope.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def attestation(self) -> Path:
        return self.path / "attestation.json"

    @property
    def deploy(self) -> Path:
        return self.path / "deploy.yaml"

    @property
    def cells(self) -> Path:
        """Finished cells, so that a run that was killed goes on where it stopped."""
        return self.path / ".cells"

    def read_measurements(self) -> Measurements:
        return read_record(self.measurements, Measurements, max_bytes=MAX_MEASUREMENTS_BYTES)

    def read_envelope(self) -> Envelope:
        return read_record(self.envelope, Envelope)


class GateFolder(NamedTuple):
    """`<stem>.gate/` beside a candidate: what `gate` leaves, by name."""

    path: Path

    @property
    def gate(self) -> Path:
        return self.path / "gate.json"

    @property
    def attestation(self) -> Path:
        return self.path / "attestation.json"

    @property
    def cells(self) -> Path:
        """Finished cells of both models, as in a `Folder`."""
        return self.path / ".cells"


def folder_beside(model: Path) -> Path:
    """Where the five files of a model go unless told: beside it, never into a model folder."""
    from envelope.model_files import model_folder

    folder = model_folder(model.absolute())
    if folder is not None:
        return folder.with_name(f"{folder.name}.envelope")
    return model.parent / f"{model.stem}.envelope"


def read_bytes(path: Path, *, next_step: str) -> bytes:
    """The whole file.

    Raises:
        BadFile: it is not there or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}", next_step=next_step) from None


def read_record(path: Path, model: type[R], *, max_bytes: int = MAX_JSON_BYTES) -> R:
    """A record from a JSON file, by the strict loader.

    Raises:
        BadFile: it is missing, malformed, or not such a record.
    """
    data = read_bytes(path, next_step="run `envelope measure` first, or check the path")
    return parse_record(model, load_json(data, str(path), max_bytes=max_bytes), str(path))


def write_record(path: Path, record: Record) -> None:
    """One record as JSON with sorted keys, whole or not at all."""
    write_whole(path, file_bytes(record))


def file_bytes(record: Record) -> bytes:
    """What the file of a record holds."""
    return indented(record.model_dump(mode="json"))


def as_stored(record: R, data: bytes | None = None) -> R:
    """The record as a reader of its file has it: equal, with the keys of every mapping sorted.

    Args:
        record: any record.
        data: what its file holds, where that is known already.
    """
    return type(record).model_validate_json(file_bytes(record) if data is None else data)


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file in one step, so that a killed command leaves the old one or the new one.

    Raises:
        BadFile: the folder cannot be written.
    """
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise BadFile(
            f"{path} cannot be written: {error.strerror}",
            next_step="choose another folder with --out",
        ) from None
