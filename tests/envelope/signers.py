"""Fixed keys, and attestations built by hand, so that a test can make any wrong one it needs."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from envelope.attestation import PREDICATE_TYPE, STATEMENT_TYPE, Subject
from envelope.signing import PrivateKey, load_private_key, pae
from envelope.wrapping import BUNDLE_TYPE, PAYLOAD_TYPE


def fixed_key(number: int, algorithm: str = "p256") -> PrivateKey:
    """The same key for the same number, in every run."""
    key: Any = ec.derive_private_key(number, ec.SECP256R1())
    if algorithm == "ed25519":
        key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([number] * 32))
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return load_private_key(pem, "fixed")


AUDITOR = fixed_key(1)
SECOND = fixed_key(2)
STRANGER = fixed_key(3)
EDWARDS = fixed_key(4, "ed25519")

WEIGHTS = b"weights"
SUBJECTS = (
    Subject("ckpt.pt", {"sha256": "11" * 32}),
    Subject("ckpt#tensors", {"envelopeTensorDigestV1": "22" * 32}),
    Subject("report.html", {"sha256": "33" * 32}),
)
PREDICATE: dict[str, Any] = {
    "version": "0.1",
    "measured_at": "2026-11-21T00:00:00Z",
    "scope": {"horizon": 5},
    "drift": 0.25,
}


def statement(**changes: Any) -> dict[str, Any]:
    """A good statement, with members replaced, or left out where None is given."""
    good = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": one.name, "digest": one.digest} for one in SUBJECTS],
        "predicateType": PREDICATE_TYPE,
        "predicate": PREDICATE,
    }
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


def dsse(
    payload: bytes | dict[str, Any], *keys: PrivateKey, payload_type: str = PAYLOAD_TYPE
) -> dict[str, Any]:
    """A DSSE envelope over any payload, good or not, with a true signature by each key."""
    if isinstance(payload, dict):
        payload = json.dumps(payload).encode()
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [
            {
                "keyid": key.public.key_id,
                "sig": base64.b64encode(key.sign(pae(payload_type, payload))).decode(),
            }
            for key in keys
        ],
    }


def bundle(envelope: dict[str, Any], **changes: Any) -> bytes:
    """A bundle around a DSSE envelope, in a foreign spelling."""
    return json.dumps(
        {
            "mediaType": BUNDLE_TYPE,
            "verificationMaterial": {"publicKey": {"hint": "any"}, "tlogEntries": []},
            "dsseEnvelope": envelope,
            **changes,
        }
    ).encode()
