"""Keys sign and check DSSE; a hint at the signer is only ever a hint."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from envelope.errors import (
    AttestationMalformed,
    BadKey,
    KeyNotTrusted,
    NotTrusted,
    SignatureInvalid,
)
from envelope.signing import (
    Signature,
    decode_base64,
    generate_key,
    load_private_key,
    load_public_key,
    pae,
    verify,
)
from tests.envelope.signers import AUDITOR, EDWARDS, SECOND, STRANGER

TYPE = "text/plain"
BODY = b"hello world"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def signed(*keys, body=BODY, payload_type=TYPE):
    return [Signature(key.public.key_id, key.sign(pae(payload_type, body))) for key in keys]


def test_the_signed_bytes_are_those_of_the_dsse_specification():
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "


@pytest.mark.parametrize("key", [AUDITOR, EDWARDS], ids=["p256", "ed25519"])
def test_a_true_signature_is_accepted_and_signing_again_gives_the_same_bytes(key):
    assert verify(TYPE, BODY, signed(key), [key.public]) == (key.public,)
    assert signed(key) == signed(key)


@pytest.mark.parametrize("key", [AUDITOR, EDWARDS], ids=["p256", "ed25519"])
@pytest.mark.parametrize(("payload_type", "body"), [("text/html", BODY), (TYPE, b"hello world!")])
def test_another_type_or_body_under_the_same_signature_is_refused(key, payload_type, body):
    with pytest.raises(SignatureInvalid, match="was changed after signing"):
        verify(payload_type, body, signed(key), [key.public])


def test_a_stranger_is_refused_even_with_the_key_id_of_a_trusted_key():
    spoofed = [Signature(AUDITOR.public.key_id, signed(STRANGER)[0].value)]

    with pytest.raises(KeyNotTrusted):
        verify(TYPE, BODY, signed(STRANGER), [AUDITOR.public])
    with pytest.raises(SignatureInvalid):
        verify(TYPE, BODY, spoofed, [AUDITOR.public])


@pytest.mark.parametrize("hint", ["", "anything", STRANGER.public.key_id])
def test_a_missing_or_wrong_hint_does_not_matter(hint):
    hinted = [Signature(hint, signed(AUDITOR)[0].value)]

    assert verify(TYPE, BODY, hinted, [SECOND.public, AUDITOR.public]) == (AUDITOR.public,)


def test_a_threshold_counts_distinct_keys():
    twice = signed(AUDITOR) * 2
    mirrored = [*signed(AUDITOR), Signature("", mirror(signed(AUDITOR)[0].value))]
    keys = [AUDITOR.public, SECOND.public]

    for signatures in (twice, mirrored):
        with pytest.raises(KeyNotTrusted, match=r"signed by 1 of the keys you trust .* 2 must"):
            verify(TYPE, BODY, signatures, keys, threshold=2)
        with pytest.raises(KeyNotTrusted):
            verify(TYPE, BODY, signatures, [AUDITOR.public, AUDITOR.public], threshold=2)
    assert verify(TYPE, BODY, signed(SECOND, AUDITOR), keys, threshold=2) == tuple(keys)


def test_one_to_sixteen_signatures_are_accepted():
    for count in (0, 17):
        with pytest.raises(AttestationMalformed, match=f"{count} signatures"):
            verify(TYPE, BODY, signed(AUDITOR) * count, [AUDITOR.public])
    assert verify(TYPE, BODY, signed(*[STRANGER] * 15, AUDITOR), [AUDITOR.public])


def test_with_no_trusted_key_nothing_is_accepted_and_no_threshold_is_zero():
    with pytest.raises(KeyNotTrusted, match=r"keys you trust \(none\)"):
        verify(TYPE, BODY, signed(AUDITOR), [])
    with pytest.raises(ValueError, match="threshold"):
        verify(TYPE, BODY, signed(STRANGER), [AUDITOR.public], threshold=0)


def mirror(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, P256_ORDER - s)


@pytest.mark.parametrize("key", [AUDITOR, EDWARDS], ids=["p256", "ed25519"])
@settings(deadline=None, derandomize=True)
@given(place=st.integers(0, 63), bit=st.integers(0, 7))
def test_any_bit_of_a_signature_flipped_is_refused(key, place, bit):
    value = bytearray(signed(key)[0].value)
    value[place % len(value)] ^= 1 << bit

    with pytest.raises(NotTrusted):
        verify(TYPE, BODY, [Signature("", bytes(value))], [key.public])


@pytest.mark.parametrize("value", [b"", b"\0", bytes(64), bytes(72)])
@pytest.mark.parametrize("key", [AUDITOR, EDWARDS], ids=["p256", "ed25519"])
def test_what_is_no_signature_at_all_is_refused(key, value):
    with pytest.raises(KeyNotTrusted):
        verify(TYPE, BODY, [Signature("", value)], [key.public])


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=40))
def test_both_base64_alphabets_are_read_padded_or_not(data):
    for text in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        assert decode_base64(text) == data
        assert decode_base64(text.rstrip("=")) == data


@pytest.mark.parametrize("text", ["a-b/", "ab c", "abc\n", "a", "ab=", "=", "abcd=", "é", "a===="])
def test_anything_else_is_not_base64(text):
    with pytest.raises(ValueError, match="not base64"):
        decode_base64(text)


@pytest.mark.parametrize("algorithm", ["p256", "ed25519"])
def test_a_key_survives_its_file_form(algorithm):
    key = generate_key(algorithm)

    assert load_private_key(key.pem(), "a.key") == key
    assert load_private_key(key.pem(b"secret"), "a.key", b"secret") == key
    assert load_public_key(key.public.pem, "a.pub") == key.public
    assert "_key" not in repr(key)


def test_two_new_keys_differ():
    assert generate_key().public != generate_key().public


@pytest.mark.parametrize(
    ("pem", "passphrase", "problem"),
    [
        (b"", None, "is not a private key in PEM"),
        (AUDITOR.public.pem, None, "is not a private key in PEM"),
        (AUDITOR.pem(b"secret"), None, "needs a passphrase"),
        (AUDITOR.pem(b"secret"), b"wrong", "its passphrase is another"),
        (AUDITOR.pem(), b"secret", "has no passphrase, one was given"),
    ],
)
def test_a_private_key_that_cannot_be_opened_says_why(pem, passphrase, problem):
    with pytest.raises(BadKey, match=problem):
        load_private_key(pem, "a.key", passphrase)


def test_a_public_key_of_another_kind_is_refused():
    others = [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 1024)]
    for other in others:
        pem = other.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        with pytest.raises(BadKey, match="ECDSA P-256 and Ed25519 are accepted"):
            load_public_key(pem, "a.pub")


def test_a_private_key_in_place_of_a_public_one_is_refused_without_being_shown():
    with pytest.raises(BadKey, match="holds a private key where a public key belongs") as refusal:
        load_public_key(AUDITOR.pem(), "a.pub")

    assert AUDITOR.pem().decode().splitlines()[1] not in str(refusal.value)
