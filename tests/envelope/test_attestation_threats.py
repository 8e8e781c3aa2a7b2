"""Attacks on the attestation, rows T1 to T15 and T35 of facts/governance.md 7.

Every attack stands beside the good input it is made from, which must be accepted.
"""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from envelope.attestation import PREDICATE_TYPE, make, open_verified
from envelope.digest import bytes_sha256
from envelope.errors import AttestationMalformed, DigestMismatch, KeyNotTrusted, NotTrusted
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

TRUSTED = [AUDITOR.public, EDWARDS.public]
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def bare(envelope) -> bytes:
    return json.dumps(envelope).encode()


def refused(data: bytes, **options) -> NotTrusted:
    with pytest.raises(NotTrusted) as refusal:
        open_verified(data, TRUSTED, **options)
    assert refusal.value.exit_status == 3
    return refusal.value


@pytest.fixture(params=[bundle, bare], ids=["bundle", "bare"])
def wrap(request):
    """Both wrappings, after showing that a good statement in each is accepted."""
    assert open_verified(request.param(dsse(statement(), AUDITOR)), TRUSTED)
    return request.param


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"0.25", b"0.05"),
        (b'"horizon": 5', b'"horizon": 9'),
        (b"2026-11-21", b"2036-11-21"),
        (b"1111", b"4444"),
        (b"ckpt.pt", b"best.pt"),
        (b"drift", b"trust"),
        (b"{", b"{ "),
    ],
)
def test_t1_an_edited_payload_is_refused(wrap, old, new):
    good = dsse(statement(), AUDITOR)
    payload = base64.b64decode(good["payload"])
    assert old in payload

    edited = {**good, "payload": base64.b64encode(payload.replace(old, new, 1)).decode()}

    assert refused(wrap(edited)).reason == "signature_invalid"


def test_t2_a_changed_payload_type_is_refused_even_when_signed(wrap):
    good = dsse(statement(), AUDITOR)

    refused(wrap({**good, "payloadType": "application/json"}))
    refused(wrap(dsse(statement(), AUDITOR, payload_type="application/json")))


def test_t3_t4_other_weights_are_refused():
    weights = bytes(100)
    subjects = [{"name": "a.pt", "digest": {"sha256": bytes_sha256(weights)}}]
    verified = open_verified(bare(dsse(statement(subject=subjects), AUDITOR)), TRUSTED)

    assert verified.require_subject("a.pt", sha256=bytes_sha256(weights)).name == "a.pt"
    with pytest.raises(DigestMismatch):
        verified.require_subject("a.pt", sha256=bytes_sha256(weights[:-1] + b"\1"))


def test_t5_a_key_that_travels_with_the_file_is_not_used():
    envelope = dsse(statement(), STRANGER)
    envelope["signatures"][0]["keyid"] = AUDITOR.public.key_id
    raw = base64.b64encode(STRANGER.public.pem).decode()

    for material in (
        {"publicKey": {"hint": AUDITOR.public.key_id, "rawBytes": raw}},
        {"certificate": {"rawBytes": raw}},
        {"x509CertificateChain": {"certificates": [{"rawBytes": raw}]}},
    ):
        refused(bundle(envelope, verificationMaterial=material))


def test_t7_one_key_does_not_meet_a_threshold_of_two():
    assert open_verified(bare(dsse(statement(), AUDITOR, EDWARDS)), TRUSTED, threshold=2)
    refused(bare(dsse(statement(), AUDITOR, AUDITOR)), threshold=2)
    refused(bare(dsse(statement(), AUDITOR, STRANGER)), threshold=2)


def test_t8_no_signature_and_too_many_are_refused(wrap):
    refused(wrap(dsse(statement())))
    refused(wrap(dsse(statement(), *[AUDITOR] * 17)))
    assert open_verified(bare(dsse(statement(), *[SECOND] * 15, AUDITOR)), TRUSTED)


def test_t8_a_bundle_holds_one_signature():
    refused(bundle(dsse(statement(), AUDITOR, EDWARDS)))


@pytest.mark.parametrize(
    "other",
    [
        "https://in-toto.io/attestation/svr/v0.2",
        "https://in-toto.io/attestation/test-result/v0.1",
        PREDICATE_TYPE.upper(),
        PREDICATE_TYPE + "/",
        PREDICATE_TYPE.replace("v0.1", "v0.0"),
        "",
    ],
)
def test_t9_another_predicate_type_is_refused(wrap, other):
    refusal = refused(wrap(dsse(statement(predicateType=other), AUDITOR)))

    assert "its predicateType is" in refusal.problem


def test_t9_a_type_is_accepted_only_where_it_is_asked_for():
    other = "https://in-toto.io/attestation/svr/v0.2"
    data = make(PREDICATE, SUBJECTS, AUDITOR, predicate_type=other)

    assert open_verified(data, TRUSTED, predicate_type=other)
    refused(data)


def test_t10_an_older_statement_or_one_without_its_version_is_refused(wrap):
    refused(wrap(dsse(statement(_type="https://in-toto.io/Statement/v0.1"), AUDITOR)))
    refused(wrap(dsse(statement(_type=""), AUDITOR)))
    for member in ("_type", "predicateType", "predicate", "subject"):
        payload = statement()
        del payload[member]
        refused(wrap(dsse(payload, AUDITOR)))


def test_t10_another_bundle_version_is_refused():
    for media_type in (None, "application/vnd.dev.sigstore.bundle.v0.4+json", "", 3):
        refused(bundle(dsse(statement(), AUDITOR), mediaType=media_type))


@pytest.mark.parametrize(
    "digest",
    [
        {},
        {"md5": "0" * 32},
        {"sha1": "0" * 40},
        {"SHA256": "0" * 64},
        {"sha256": ""},
        {"sha256": "0" * 63},
        {"sha256": "0" * 64 + "\n"},
        {"sha256": "AB" * 32},
        {"sha256": None},
        {"sha256": ["0" * 64]},
        {"envelopeTensorDigestV2": "0" * 64},
        None,
        "0" * 64,
    ],
)
def test_t11_a_weak_or_malformed_digest_is_refused(wrap, digest):
    strong = {"name": "b", "digest": {"sha256": "0" * 64, "md5": "0" * 32}}
    weak = {"name": "a", "digest": digest}

    assert open_verified(wrap(dsse(statement(subject=[strong]), AUDITOR)), TRUSTED)
    refused(wrap(dsse(statement(subject=[strong, weak]), AUDITOR)))


@pytest.mark.parametrize(
    "subjects",
    [[], [{"digest": {"sha256": "0" * 64}}], ["a"], {}, [None]],
    ids=["none", "no name", "a text", "no list", "null"],
)
def test_t11_a_statement_about_nothing_is_refused(wrap, subjects):
    refused(wrap(dsse({**statement(), "subject": subjects}, AUDITOR)))


def test_t11_too_many_subjects_are_refused():
    subjects = [{"name": str(n), "digest": {"sha256": f"{n:064x}"}} for n in range(1025)]

    assert open_verified(bare(dsse(statement(subject=subjects[:-1]), AUDITOR)), TRUSTED)
    refused(bare(dsse(statement(subject=subjects), AUDITOR)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"drift": 0.25', b'"drift": 0.25, "drift": 9'),
        (b'"subject":', b'"Subject": [], "subject":'),
        (b'"drift": 0.25', b'"drift": NaN'),
        (b'"drift": 0.25', b'"drift": -Infinity'),
        (b'"drift": 0.25', b'"drift": 1e999'),
        (b'"drift": 0.25', b'"drift": 9007199254740993'),
        (b'"drift": 0.25', b'"drift": ' + b"[" * 100 + b"]" * 100),
        (b'"drift": 0.25', b'"drift": "\xff"'),
        (b'"drift": 0.25', b'"drift": "\\udead"'),
    ],
    ids=[
        "T13 duplicate key",
        "T13 case variant",
        "T14 NaN",
        "T14 infinity",
        "T14 overflow",
        "inexact integer",
        "deep nesting",
        "not UTF-8",
        "lone surrogate",
    ],
)
def test_t13_t14_a_payload_with_two_readings_is_refused_though_it_is_signed(wrap, old, new):
    payload = json.dumps(statement()).encode()
    assert old in payload

    assert refused(wrap(dsse(payload.replace(old, new), AUDITOR))).reason == "attestation_malformed"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"payload":', b'"payload": "", "payload":'),
        (b'"payload":', b'"Payload": "", "payload":'),
        (b'"signatures":', b'"SIGNATURES": [], "signatures":'),
    ],
)
def test_t13_a_wrapping_with_two_readings_is_refused(wrap, old, new):
    good = wrap(dsse(statement(), AUDITOR))
    assert old in good

    refused(good.replace(old, new))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\x00" * 100,
        b"PK\x03\x04",
        b'{"dsseEnvelope": null}',
        b'{"payload": 1, "payloadType": "application/vnd.in-toto+json", "signatures": []}',
        b'{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": [1]}',
        b'{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": {}}',
        b'{"payload": "*", "payloadType": "application/vnd.in-toto+json", "signatures": []}',
    ],
)
def test_what_is_no_attestation_at_all_is_refused_as_one(data):
    assert refused(data, name="a.json").reason == "attestation_malformed"


def test_nothing_of_the_payload_is_parsed_before_the_signature_holds(monkeypatch):
    import envelope.attestation as attestation

    monkeypatch.setattr(attestation, "load", lambda *_: pytest.fail("parsed unverified bytes"))

    with pytest.raises(KeyNotTrusted):
        open_verified(bundle(dsse(statement(), STRANGER)), TRUSTED)


def test_a_file_above_the_cap_is_refused():
    with pytest.raises(AttestationMalformed, match="at most"):
        open_verified(b" " * (32 * 2**20 + 1), TRUSTED)


def test_t35_a_mirrored_signature_does_not_make_another_record():
    good = make(PREDICATE, SUBJECTS, AUDITOR)
    file = json.loads(good)
    signature = file["dsseEnvelope"]["signatures"][0]
    r, s = decode_dss_signature(base64.b64decode(signature["sig"]))
    mirrored = base64.b64encode(encode_dss_signature(r, P256_ORDER - s)).decode()
    other = good.replace(signature["sig"].encode(), mirrored.encode())

    one, two = open_verified(good, TRUSTED), open_verified(other, TRUSTED)

    assert good != other
    assert (one.envelope_id, one.payload_sha256) == (two.envelope_id, two.payload_sha256)
