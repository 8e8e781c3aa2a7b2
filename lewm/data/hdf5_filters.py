"""The filters that pack HDF5 columns: which we write, and which a reader may lack. Needs h5py."""

import contextlib
from pathlib import Path
from typing import Any, Literal

import h5py

from lewm.errors import LewmError

Compression = Literal["gzip", "lzf", "blosc", "zstd", "none"]

_BLOSC, _ZSTD = 32001, 32015
_NAMES = {_BLOSC: "blosc", _ZSTD: "zstd", 32004: "lz4", 32008: "bitshuffle", 32026: "blosc2"}


def load_plugins() -> None:
    """Make the filters of hdf5plugin known to HDF5, where it is installed."""
    with contextlib.suppress(ModuleNotFoundError):
        import hdf5plugin  # noqa: F401


def create_options(compression: Compression) -> dict[str, Any]:
    """Keywords of `create_dataset` for this compression.

    Raises:
        LewmError: it needs a filter that is not there.
    """
    if compression == "none":
        return {}
    if compression == "lzf":
        return {"compression": "lzf"}
    if compression == "gzip":
        return {"compression": "gzip", "compression_opts": 1}
    load_plugins()
    code = {"blosc": _BLOSC, "zstd": _ZSTD}[compression]
    if not h5py.h5z.filter_avail(code):
        raise LewmError(
            f"the HDF5 filter {compression} is not installed",
            next_step="pip install hdf5plugin, or choose gzip or lzf",
        )
    # Blosc: 4 reserved numbers, then level 5, byte shuffle, LZ4. Zstandard: level 3.
    options = (0, 0, 0, 0, 5, 1, 1) if compression == "blosc" else (3,)
    return {"compression": code, "compression_opts": options}


def require_filters(column: h5py.Dataset, path: Path) -> None:
    """Refuse a column that is packed with a filter that is not here.

    Raises:
        LewmError: naming the filter.
    """
    for code, name in filters_of(column):
        if not h5py.h5z.filter_avail(code):
            known = _NAMES.get(code, name or "unnamed")
            raise LewmError(
                f"{column.name.lstrip('/')} of {path} is packed with the HDF5 filter {code} "
                f"({known}), which is not installed",
                next_step="pip install hdf5plugin, which holds the common ones",
            )


def filters_of(column: h5py.Dataset) -> list[tuple[int, str]]:
    """Number and name of each filter of a column, in the order in which they pack."""
    properties = column.id.get_create_plist()
    found = [properties.get_filter(i) for i in range(properties.get_nfilters())]
    return [(int(entry[0]), entry[3].decode(errors="replace")) for entry in found]
