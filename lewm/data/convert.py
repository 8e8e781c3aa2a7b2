"""A data set written again in another format, one episode at a time."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lewm.data.hdf5_filters import Compression
from lewm.data.windows import Source
from lewm.errors import LewmError


class Writer(Protocol):
    """What writes episodes: `EpisodeWriter` or `LanceWriter`."""

    def append_columns(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Write one episode."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def open_writer(
    path: Path, *, provenance: Mapping[str, Any], compression: Compression = "gzip"
) -> Writer:
    """A writer of the format that the suffix names: `.h5`, `.hdf5` or `.lance`.

    Raises:
        LewmError: another suffix, or the path cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        from lewm.data.episode_file import EpisodeWriter

        return EpisodeWriter(path, provenance=provenance or None, compression=compression)
    if suffix == ".lance":
        from lewm.data.sources import lance_is_missing

        try:
            from lewm.data.lance_writer import LanceWriter
        except ModuleNotFoundError as error:
            raise lance_is_missing(path, error) from error
        return LanceWriter(path, provenance=provenance)
    raise LewmError(
        f"{path} ends in {suffix or 'nothing'}, a data set in .h5, .hdf5 or .lance",
        next_step="choose one of these suffixes",
    )


def convert(
    source: Source,
    path: Path,
    *,
    compression: Compression = "gzip",
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write a source as another data set, with all its columns, in the memory of one episode.

    Lance loses: frames become JPEG and numbers float32. From and to HDF5 nothing is lost.

    Args:
        source: what to read.
        path: what to make; the suffix says which format.
        compression: of HDF5, see `EpisodeWriter`.
        progress: told how many more episodes were written.

    Raises:
        LewmError: the source is damaged, or the path cannot be written.
    """
    with open_writer(path, provenance=source.provenance, compression=compression) as writer:
        for episode in range(len(source.lengths)):
            times = np.arange(source.lengths[episode] + 1)
            writer.append_columns(
                {name: source.read_column(name, episode, times) for name in source.columns}
            )
            progress(1)
