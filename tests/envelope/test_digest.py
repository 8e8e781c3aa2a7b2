"""A file digest says which file, a tensor digest which numbers."""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from envelope.digest import (
    bytes_sha256,
    file_sha256,
    safetensors_entries,
    state_digest,
    tensor_entry,
)
from envelope.errors import BadFile, EnvelopeError

BAD = Path(__file__).parents[1] / "bad" / "safetensors"
REFUSED = {
    "too_short": "4 bytes are too few",
    "header_length_huge": "a header of 9223372036854775808 bytes; at most",
    "header_past_end": "a header of 4000 bytes in a file of",
    "header_not_json": "header of ckpt:1:1: not JSON",
    "header_is_list": "header of ckpt:1:1: holds a list",
    "duplicate_tensor": "key 'a' appears twice",
    "overlap": "tensor 'b' at bytes 4 to 12 overlaps",
    "same_bytes_twice": "tensor 'b' at bytes 0 to 8 overlaps",
    "gap": "tensor 'b' at bytes 8 to 12 leaves a gap",
    "gap_at_start": "tensor 'a' at bytes 4 to 8 leaves a gap",
    "past_end": "tensor 'a' ends at byte 8 of only 4",
    "trailing_bytes": "5 bytes after the last tensor",
    "offsets_reversed": "tensor 'a' is not described by",
    "offset_negative": "tensor 'a' is not described by",
    "offset_is_truth_value": "tensor 'a' is not described by",
    "offset_is_fraction": "tensor 'a' is not described by",
    "shape_does_not_fit": "tensor 'a' has 8 bytes; F32 [3] needs 12",
    "shape_negative": "tensor 'a' is not described by",
    "dtype_unknown": "tensor 'a' has dtype F4, which has no digest",
    "member_unknown": "tensor 'a' is not described by",
    "member_missing": "tensor 'a' is not described by",
    "escape_sequence_in_name": r"tensor 'a\x1b[31m' ends at byte 8",
}


def some_tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "encoder.w": rng.normal(size=(3, 4)).astype(np.float32),
        "encoder.B": np.zeros(2, np.float16),
        "encoder.b": np.arange(2, dtype=np.int64),
        "predictor.scale": np.array(0.5),
        "predictor.empty": np.zeros((0, 7), np.uint8),
    }


CODES = {"float32": "F32", "float16": "F16", "int64": "I64", "float64": "F64", "uint8": "U8"}


def entries_of(tensors):
    return [
        tensor_entry(name, CODES[str(a.dtype)], a.shape, a.tobytes()) for name, a in tensors.items()
    ]


def test_the_digest_of_the_published_example_never_changes():
    weight = tensor_entry("w", "F32", (2,), struct.pack("<2f", 1.0, -0.0))
    flag = tensor_entry("a.flag", "BOOL", (), b"\x01")
    listing = (
        b'[{"dtype":"BOOL","name":"a.flag","sha256":"%s","shape":[]},'
        b'{"dtype":"F32","name":"w","sha256":"%s","shape":[2]}]'
        % (
            hashlib.sha256(b"\x01").hexdigest().encode(),
            hashlib.sha256(bytes.fromhex("0000803f00000080")).hexdigest().encode(),
        )
    )

    assert state_digest([weight, flag]) == hashlib.sha256(listing).hexdigest()
    assert (
        state_digest([weight, flag])
        == "51d7390ed16bc77676acdaf4e0ff0e780675658f97998ec6aaec68c7ea4eff02"
    )


def test_a_file_and_the_tensors_in_it_have_the_same_tensor_digest():
    tensors = some_tensors()

    from_file = safetensors_entries(save(tensors), "ckpt")

    assert sorted(from_file, key=lambda e: e.name) == sorted(
        entries_of(tensors), key=lambda e: e.name
    )
    assert state_digest(from_file) == state_digest(entries_of(tensors))


def test_key_order_and_metadata_change_the_file_but_not_the_tensor_digest():
    tensors = some_tensors()
    again = dict(reversed(tensors.items()))
    one, other = save(tensors), save(again, metadata={"format": "pt"})

    assert bytes_sha256(one) != bytes_sha256(other)
    assert state_digest(safetensors_entries(one, "a")) == state_digest(
        safetensors_entries(other, "b")
    )


@pytest.mark.parametrize(
    "change",
    [
        {"name": "v"},
        {"dtype_code": "I32"},
        {"shape": (1, 2)},
        {"buffer": struct.pack("<2f", 1.0, 0.0)},
    ],
)
def test_name_dtype_shape_and_the_sign_of_zero_are_bound(change):
    plain = {
        "name": "w",
        "dtype_code": "F32",
        "shape": (2,),
        "buffer": struct.pack("<2f", 1.0, -0.0),
    }

    assert state_digest([tensor_entry(**plain)]) != state_digest([tensor_entry(**plain | change)])


def test_a_group_digest_moves_only_with_its_group():
    before = some_tensors()
    after = {**before, "predictor.scale": np.array(0.25)}

    assert state_digest(entries_of(before), "encoder.") == state_digest(
        entries_of(after), "encoder."
    )
    assert state_digest(entries_of(before), "predictor.") != state_digest(
        entries_of(after), "predictor."
    )


def test_nothing_has_no_digest_and_no_tensor_counts_twice():
    entry = tensor_entry("w", "U8", (1,), b"\0")

    with pytest.raises(ValueError, match="no tensor to digest"):
        state_digest([])
    with pytest.raises(ValueError, match=r"no tensor to digest begins with 'encoder\."):
        state_digest([entry], "encoder.")
    with pytest.raises(ValueError, match="tensor 'w' is listed twice"):
        state_digest([entry, entry])


@pytest.mark.parametrize(
    ("dtype", "shape", "problem"),
    [
        ("F32", (1,), "has 8 bytes"),
        ("F4", (16,), "has dtype F4"),
        ("F32", (-1, -2), "negative size"),
    ],
)
def test_a_tensor_that_does_not_fit_its_description_is_refused(dtype, shape, problem):
    with pytest.raises(ValueError, match=problem):
        tensor_entry("w", dtype, shape, bytes(8))


def test_a_buffer_of_any_item_size_is_hashed_by_its_bytes():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)

    assert tensor_entry("w", "F32", (2, 3), array.data) == tensor_entry(
        "w", "F32", (2, 3), array.tobytes()
    )


def test_every_bad_file_has_an_expectation():
    assert {path.stem for path in BAD.iterdir()} == set(REFUSED)


@pytest.mark.parametrize("defect", REFUSED)
def test_a_bad_safetensors_file_is_refused(defect):
    data = (BAD / f"{defect}.safetensors").read_bytes()

    with pytest.raises(BadFile) as refusal:
        safetensors_entries(data, "ckpt")

    assert REFUSED[defect] in refusal.value.problem


@settings(max_examples=60, deadline=None, derandomize=True)
@given(place=st.integers(0, 10**6), value=st.integers(0, 255))
def test_a_changed_byte_is_refused_or_moves_the_digest_unless_it_is_only_spacing(place, value):
    data = bytearray(save({"w": np.arange(3, dtype=np.float32)}))
    expected = state_digest(safetensors_entries(bytes(data), "a"))
    original = bytes(data)
    data[place % len(data)] = value
    try:
        found = state_digest(safetensors_entries(bytes(data), "b"))
    except EnvelopeError:
        return
    if found == expected:
        length = struct.unpack("<Q", data[:8])[0]
        assert json.loads(data[8 : 8 + length]) == json.loads(original[8 : 8 + length])
        assert data[8 + length :] == original[8 + length :]


def test_a_file_digest_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "ckpt.pt"
    path.write_bytes(b"weights" * 100_000)

    assert file_sha256(path) == hashlib.sha256(b"weights" * 100_000).hexdigest()
    with pytest.raises(BadFile, match="cannot read"):
        file_sha256(tmp_path / "absent.pt")
