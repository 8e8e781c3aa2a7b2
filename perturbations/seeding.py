"""Seeds and digests: both are sha256 of what they depend on, written out."""

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray


def derive_seed(*parts: int | str) -> int:
    """A seed in [0, 2**63) that depends on all parts, on their order and on nothing else."""
    return int.from_bytes(hashlib.sha256(_canonical(list(parts))).digest()[:8]) >> 1


def digest_json(value: Any) -> str:
    """sha256 of plain data, keys sorted; refuses NaN."""
    return hashlib.sha256(_canonical(value)).hexdigest()


def digest_arrays(**arrays: NDArray[Any]) -> str:
    """sha256 of named arrays: name, shape, type and bytes of each."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        total.update(_canonical([name, list(array.shape), array.dtype.str]))
        total.update(array.tobytes())
    return total.hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()
