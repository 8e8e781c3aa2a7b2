"""An attestation of ours: made, opened, and refused as soon as one byte of it differs."""

import base64
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from envelope.attestation import (
    PREDICATE_TYPE,
    Subject,
    countersign,
    envelope_id,
    make,
    open_verified,
)
from envelope.errors import AttestationMalformed, DigestMismatch, KeyNotTrusted, NotTrusted
from envelope.strict import canonical
from tests.envelope.signers import (
    AUDITOR,
    EDWARDS,
    PREDICATE,
    SECOND,
    STRANGER,
    SUBJECTS,
    bundle,
    dsse,
    statement,
)

GOOD = make(PREDICATE, SUBJECTS, AUDITOR)
TRUSTED = [AUDITOR.public]


@pytest.mark.parametrize("key", [AUDITOR, EDWARDS], ids=["p256", "ed25519"])
def test_what_was_signed_is_what_is_read(key):
    verified = open_verified(make(PREDICATE, SUBJECTS, key), [STRANGER.public, key.public])

    assert verified.predicate == PREDICATE
    assert verified.subjects == SUBJECTS
    assert verified.key == key.public
    assert verified.statement["predicateType"] == PREDICATE_TYPE


def test_equal_input_gives_equal_bytes_whatever_the_order_of_keys():
    assert make(dict(reversed(PREDICATE.items())), SUBJECTS, AUDITOR) == GOOD


def test_the_file_is_a_sigstore_bundle_whose_hint_and_key_id_are_the_hash_of_the_der_key():
    file = json.loads(GOOD)
    der = base64.b64decode(b"".join(AUDITOR.public.pem.splitlines()[1:-1]))

    assert file["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert file["verificationMaterial"] == {"publicKey": {"hint": hashlib.sha256(der).hexdigest()}}
    assert file["dsseEnvelope"]["payloadType"] == "application/vnd.in-toto+json"
    assert [one["keyid"] for one in file["dsseEnvelope"]["signatures"]] == [
        hashlib.sha256(der).hexdigest()
    ]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(place=st.integers(0, len(GOOD) - 1), value=st.integers(0, 255))
def test_any_byte_changed_is_refused(place, value):
    changed = bytearray(GOOD)
    changed[place] = value if value != GOOD[place] else value ^ 1

    with pytest.raises(NotTrusted) as refusal:
        open_verified(bytes(changed), TRUSTED)

    assert refusal.value.exit_status == 3


@settings(deadline=None, derandomize=True)
@given(place=st.integers(0, len(GOOD)), data=st.sampled_from([b" ", b"\n", b"=", b"0", b"A"]))
def test_any_byte_inserted_or_removed_is_refused(place, data):
    for changed in (GOOD[:place] + data + GOOD[place:], GOOD[:place] + GOOD[place + 1 :]):
        if changed != GOOD:
            with pytest.raises(NotTrusted):
                open_verified(changed, TRUSTED)


def respelt(**changes):
    """The same signed bytes, wrapped otherwise."""
    file = json.loads(GOOD)
    file["dsseEnvelope"]["signatures"][0].update(changes.pop("signature", {}))
    return canonical({**file, **changes}) + b"\n"


URL_ALPHABET = json.loads(GOOD)["dsseEnvelope"]["signatures"][0]["sig"].translate(
    str.maketrans("+/", "-_")
)


@pytest.mark.parametrize(
    "changed",
    [
        GOOD.rstrip(b"\n"),
        GOOD + b"\n",
        json.dumps(json.loads(GOOD), indent=1).encode(),
        respelt(note="unsigned"),
        respelt(verificationMaterial={"publicKey": {"hint": "0" * 64}}),
        respelt(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.3"),
        respelt(signature={"keyid": ""}),
        respelt(signature={"cert": "x"}),
        respelt(signature={"sig": URL_ALPHABET.rstrip("=")}),
    ],
    ids=[
        "line break gone",
        "line break added",
        "indented",
        "member added",
        "hint changed",
        "media type of another spelling",
        "key id emptied",
        "certificate added",
        "other base64 alphabet",
    ],
)
def test_another_spelling_of_the_same_signed_bytes_is_refused(changed):
    with pytest.raises(AttestationMalformed, match="changed outside the signed part"):
        open_verified(changed, TRUSTED)


def test_a_bundle_made_by_another_tool_is_accepted_in_the_spelling_of_that_tool():
    theirs = bundle(dsse(statement(), AUDITOR))

    assert json.dumps(statement()).encode() != canonical(statement())
    for file in (theirs, theirs + b" ", json.dumps(json.loads(theirs), indent=2).encode()):
        assert open_verified(file, TRUSTED).predicate == PREDICATE


def test_a_bare_dsse_envelope_is_accepted():
    file = json.dumps(dsse(statement(), AUDITOR)).encode()

    assert open_verified(file, TRUSTED).predicate == PREDICATE


def test_the_identity_of_a_record_is_that_of_its_canonical_form():
    verified = open_verified(GOOD, TRUSTED)

    assert verified.envelope_id == hashlib.sha256(canonical(PREDICATE)).hexdigest()
    assert verified.envelope_id == envelope_id(dict(reversed(PREDICATE.items())))
    assert verified.payload_sha256 == hashlib.sha256(verified.payload).hexdigest()


def test_a_second_signature_meets_a_threshold_of_two():
    both = countersign(GOOD, SECOND, TRUSTED, "a.json")
    keys = [AUDITOR.public, SECOND.public]

    assert open_verified(both, keys, threshold=2).keys == tuple(keys)
    assert open_verified(both, [SECOND.public]).predicate == PREDICATE
    with pytest.raises(KeyNotTrusted):
        open_verified(GOOD, keys, threshold=2)
    with pytest.raises(KeyNotTrusted):
        countersign(GOOD, SECOND, [STRANGER.public], "a.json")


def test_a_file_is_found_by_its_digest_or_by_its_tensors():
    verified = open_verified(GOOD, TRUSTED)

    assert verified.subject(sha256="33" * 32) == SUBJECTS[2]
    assert verified.require_subject("x.pt", sha256="11" * 32) == SUBJECTS[0]
    assert verified.require_subject("x", sha256="0" * 64, tensor_digest="22" * 32) == SUBJECTS[1]
    assert verified.subject() is None


def test_a_tensor_digest_is_never_taken_for_a_file_digest_nor_the_reverse():
    verified = open_verified(GOOD, TRUSTED)

    assert verified.subject(sha256="22" * 32) is None
    assert verified.subject(tensor_digest="11" * 32) is None


def test_another_file_is_refused_with_both_digests():
    with pytest.raises(DigestMismatch) as refusal:
        open_verified(GOOD, TRUSTED, name="a.json").require_subject("new.pt", sha256="44" * 32)

    assert refusal.value.problem == (
        "new.pt is not what a.json is about: its sha256 is 444444444444, the attestation says "
        "ckpt.pt 111111111111, report.html 333333333333"
    )
    assert refusal.value.exit_status == 3


class Scope(BaseModel):
    model_config = ConfigDict(extra="forbid")
    horizon: int


class Predicate(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: str
    measured_at: str
    scope: Scope
    drift: float


def test_the_predicate_is_read_as_a_record():
    assert open_verified(GOOD, TRUSTED).record(Predicate).scope.horizon == 5


@pytest.mark.parametrize(
    ("predicate", "problem"),
    [
        ({**PREDICATE, "scope": {"horizon": 5, "frozen_encoder": True}}, "scope.frozen_encoder"),
        ({key: PREDICATE[key] for key in PREDICATE if key != "version"}, "version: this field"),
    ],
    ids=["restriction this version cannot read", "no version"],
)
def test_a_signed_record_that_does_not_fit_is_not_trusted(predicate, problem):
    verified = open_verified(make(predicate, SUBJECTS, AUDITOR), TRUSTED)

    with pytest.raises(AttestationMalformed, match=problem):
        verified.record(Predicate)


@pytest.mark.parametrize(
    ("predicate", "subjects", "problem"),
    [
        ({"a": float("nan")}, SUBJECTS, None),
        ({"a": 2**53}, SUBJECTS, None),
        ({"w": 1, "W": 2}, SUBJECTS, "differ only in case"),
        (PREDICATE, (), "0 subjects"),
        (PREDICATE, SUBJECTS * 2, "must have names that differ"),
        (PREDICATE, (Subject("a", {"md5": "0" * 32}),), "no digest of a kind that is accepted"),
        (PREDICATE, (Subject("a", {"sha256": "AB" * 32}),), "is not 64 hex digits"),
        (PREDICATE, (Subject("a\x1b[2J", {"sha256": "00" * 32}),), "no printable name"),
    ],
)
def test_what_could_not_be_opened_is_never_signed(predicate, subjects, problem):
    with pytest.raises(ValueError, match=problem):
        make(predicate, subjects, AUDITOR)
