"""The layers around a Statement, which are not ours: DSSE envelope and Sigstore bundle v0.3.

Nothing read here is trusted yet. The signature covers payload and payload type, not the wrapping.
"""

import base64
import json
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from envelope.errors import AttestationMalformed, BadFile
from envelope.signing import Signature, decode_base64
from envelope.strict import load_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_ATTESTATION_BYTES = 32 * 2**20

_BUNDLE_TYPES = (BUNDLE_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3")


class Wrapping(NamedTuple):
    """What a file holds before anything in it was verified."""

    payload: bytes
    signatures: list[Signature]
    is_bundle: bool


def read_wrapping(data: bytes, name: str) -> Wrapping:
    """Take a bundle, or a bare DSSE envelope, apart.

    Unknown members, certificates and log entries are passed by: these formats are not ours, and
    nothing of that kind is ever relied on.

    Raises:
        AttestationMalformed: neither of the two, or a payload of another type.
    """
    envelope: Any = load(data, name)
    is_bundle = "mediaType" in envelope or "dsseEnvelope" in envelope
    if is_bundle:
        if envelope.get("mediaType") not in _BUNDLE_TYPES:
            refuse(name, "it is not a Sigstore bundle of version 0.3")
        envelope = envelope.get("dsseEnvelope")
    if text_in(envelope, "payloadType", name) != PAYLOAD_TYPE:
        refuse(name, f"its payloadType is not {PAYLOAD_TYPE}")
    payload = _decoded(envelope, "payload", name)
    signatures = [
        Signature(text_in(signature, "keyid", name, default=""), _decoded(signature, "sig", name))
        for signature in list_in(envelope, "signatures", name)
    ]
    if is_bundle and len(signatures) != 1:
        refuse(name, f"a bundle holds exactly one signature, this one has {len(signatures)}")
    return Wrapping(payload, signatures, is_bundle)


def write_bundle(payload: bytes, signature: Signature) -> bytes:
    """The one spelling of a bundle of ours: RFC 8785 and a line break."""
    bundle = {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": signature.key_id}},
        "dsseEnvelope": _envelope(payload, [signature]),
    }
    return _spelt(bundle)


def write_bare(payload: bytes, signatures: Sequence[Signature]) -> bytes:
    """A bare DSSE envelope, for more than one signature."""
    return _spelt(_envelope(payload, signatures))


def _spelt(wrapping: dict[str, Any]) -> bytes:
    """RFC 8785 and a line break; of ASCII texts alone that is plain JSON with sorted keys."""
    return json.dumps(wrapping, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _envelope(payload: bytes, signatures: Sequence[Signature]) -> dict[str, Any]:
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [
            {"keyid": one.key_id, "sig": base64.b64encode(one.value).decode()} for one in signatures
        ],
    }


def load(data: bytes, name: str) -> dict[str, Any]:
    """Load JSON that claims to be evidence: what is wrong with it is a matter of trust.

    Raises:
        AttestationMalformed: whatever `load_json` refuses.
    """
    try:
        return load_json(data, name, max_bytes=MAX_ATTESTATION_BYTES)
    except BadFile as error:
        raise AttestationMalformed(error.problem, next_step=_NEXT_STEP) from None


def text_in(holder: Any, field: str, name: str, *, default: str | None = None) -> str:
    """The text in a field, or a refusal."""
    value = holder.get(field, default) if isinstance(holder, dict) else None
    if not isinstance(value, str):
        refuse(name, f"a {field} is missing, or is not a text")
    return value


def list_in(holder: Any, field: str, name: str) -> list[Any]:
    """The list in a field, or a refusal."""
    value = holder.get(field) if isinstance(holder, dict) else None
    if not isinstance(value, list):
        refuse(name, f"its list of {field} is missing")
    return value


def _decoded(holder: Any, field: str, name: str) -> bytes:
    try:
        return decode_base64(text_in(holder, field, name))
    except ValueError as error:
        refuse(name, f"a {field} is {error}")


_NEXT_STEP = "get the attestation again from its signer; do not use this one"


def refuse(name: str, problem: str) -> NoReturn:
    """Refuse the attestation called `name`."""
    raise AttestationMalformed(f"{name} is not accepted: {problem}", next_step=_NEXT_STEP)
