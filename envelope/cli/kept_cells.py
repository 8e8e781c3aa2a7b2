"""Cells that a gate need not run again, and whom it believes about them."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from envelope.attestation import Verified
from envelope.cli.files import MAX_MEASUREMENTS_BYTES, Folder, folder_beside, read_bytes
from envelope.digest import bytes_sha256
from envelope.errors import DigestMismatch
from envelope.records import Cell, Measurements
from envelope.strict import load_json, parse_record
from envelope.times import parse_time
from perturbations.cells.runner import CellStore, Finished


class SignedCells:
    """Cells of measurements that a trusted key signed."""

    def __init__(self, measurements: Measurements) -> None:
        self._cells: dict[str, Cell] = {cell.id: cell for cell in measurements.cells}
        self._started_at = parse_time(measurements.timing.measured_at, "measured_at")

    def load(self, cell_id: str) -> Finished | None:
        """A finished cell; what it cost is not known any more."""
        cell = self._cells.get(cell_id)
        if cell is None or cell.status != "done":
            return None
        return Finished(cell, 0.0, self._started_at)


class KeptCells(CellStore):
    """Writes into one folder; reads what is believed besides as well."""

    def __init__(self, folder: Path, believed: "Sequence[CellStore | SignedCells]") -> None:
        super().__init__(folder)
        self._believed = believed

    def load(self, cell_id: str) -> Finished | None:
        found = super().load(cell_id)
        for store in self._believed:
            found = found or store.load(cell_id)
        return found


@contextlib.contextmanager
def kept_cells(
    folder: Path, models: Sequence[Path], signed: Measurements | None, *, fresh: bool
) -> Iterator[CellStore]:
    """Where a gate keeps its cells, and what it reads.

    Args:
        folder: of its own cells.
        models: checkpoints beside which `envelope measure` may have left cells; whoever can write
            there is believed.
        signed: of the base, which take the place of those beside the models.
        fresh: believe nobody: start without a cell, and keep none.
    """
    if fresh:
        with tempfile.TemporaryDirectory(prefix="envelope-gate-") as empty:
            yield CellStore(Path(empty))
    elif signed is not None:
        yield KeptCells(folder, [SignedCells(signed)])
    else:
        yield KeptCells(folder, [CellStore(Folder(folder_beside(one)).cells) for one in models])


def signed_measurements(attestation: Path, verified: Verified) -> Measurements | None:
    """The measurements beside an attestation, as they were signed; None where there are none.

    Raises:
        DigestMismatch: they are not those that were signed.
        BadFile: they cannot be read.
    """
    path = Folder(attestation.parent).measurements
    if not path.exists():
        return None
    data = read_bytes(path, next_step="check the path")
    subject = verified.subject(sha256=bytes_sha256(data))
    if subject is None or subject.name != path.name:
        raise DigestMismatch(
            f"{path} is not what {verified.name} is about",
            next_step="restore it as it was signed, or move it away: the base is then measured "
            "again",
        )
    content = load_json(data, str(path), max_bytes=MAX_MEASUREMENTS_BYTES)
    return parse_record(Measurements, content, str(path))
