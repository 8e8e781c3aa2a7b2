"""securesystemslib, which shares no code with us, agrees: in both directions, good and tampered."""

import base64
import copy
import json

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from envelope.attestation import make, open_verified
from envelope.errors import SignatureInvalid
from envelope.wrapping import PAYLOAD_TYPE
from tests.envelope.signers import AUDITOR, EDWARDS, PREDICATE, SUBJECTS, statement

KEYS = pytest.mark.parametrize("key", [AUDITOR, EDWARDS], ids=["p256", "ed25519"])


def their_key(key) -> SSlibKey:
    return SSlibKey.from_crypto(load_pem_public_key(key.public.pem), keyid=key.public.key_id)


def edited(envelope: dict) -> dict:
    """The same envelope with one number of the payload changed."""
    payload = base64.b64decode(envelope["payload"])
    assert b"0.25" in payload
    changed = base64.b64encode(payload.replace(b"0.25", b"0.05")).decode()
    return {**copy.deepcopy(envelope), "payload": changed}


@KEYS
def test_they_verify_what_we_signed_and_refuse_it_edited(key):
    ours = json.loads(make(PREDICATE, SUBJECTS, key))["dsseEnvelope"]

    good = Envelope.from_dict(copy.deepcopy(ours))
    assert list(good.verify([their_key(key)], 1)) == [key.public.key_id]
    assert json.loads(good.payload)["predicate"] == PREDICATE
    with pytest.raises(VerificationError):
        Envelope.from_dict(edited(ours)).verify([their_key(key)], 1)


@KEYS
def test_we_verify_what_they_signed_and_refuse_it_edited(key):
    signer = CryptoSigner(load_pem_private_key(key.pem(), None), their_key(key))
    theirs = Envelope(json.dumps(statement()).encode(), PAYLOAD_TYPE, {})
    theirs.sign(signer)
    file = theirs.to_dict()

    assert open_verified(json.dumps(file).encode(), [key.public]).predicate == PREDICATE
    with pytest.raises(SignatureInvalid):
        open_verified(json.dumps(edited(file)).encode(), [key.public])
