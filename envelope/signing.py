"""Keys, and DSSE signatures made and checked with them.

DSSE signs the bytes of the body together with their declared type, so nothing needs a canonical
form before it can be verified (https://github.com/secure-systems-lab/dsse, protocol 1.0). Keys are
ECDSA P-256 with SHA-256, signed deterministically (RFC 6979), or Ed25519.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from envelope.errors import AttestationMalformed, BadKey, KeyNotTrusted, SignatureInvalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

Algorithm = Literal["p256", "ed25519"]
MAX_SIGNATURES = 16


@dataclass(frozen=True)
class PublicKey:
    """A key that can check signatures. Two are equal if they are the same key."""

    key_id: str
    """SHA-256 of the DER public key: `openssl pkey -pubin -outform DER | openssl dgst -sha256`."""
    algorithm: Algorithm
    pem: bytes = field(repr=False, compare=False)
    _key: Any = field(repr=False, compare=False)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made `signature` over exactly `message`."""
        from cryptography.exceptions import InvalidSignature

        try:
            if self.algorithm == "p256":
                self._key.verify(signature, message, _ecdsa())
            else:
                self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class PrivateKey:
    """A key that can sign."""

    public: PublicKey
    _key: Any = field(repr=False, compare=False)

    def sign(self, message: bytes) -> bytes:
        """Sign: DER for P-256, 64 raw bytes for Ed25519."""
        if self.public.algorithm == "p256":
            signature: bytes = self._key.sign(message, _ecdsa(deterministic=True))
        else:
            signature = self._key.sign(message)
        return signature

    def pem(self, passphrase: bytes | None = None) -> bytes:
        """PKCS#8 in PEM. With a passphrase, derived by few rounds: see `envelope.keyfiles`."""
        from cryptography.hazmat.primitives import serialization as s

        protection: s.KeySerializationEncryption = s.NoEncryption()
        if passphrase is not None:
            protection = s.BestAvailableEncryption(passphrase)
        pem: bytes = self._key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, protection)
        return pem


@dataclass(frozen=True)
class Signature:
    """One signature and the hint at who made it; the hint is never trusted."""

    key_id: str
    value: bytes


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes DSSE signs, its pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def verify(
    payload_type: str,
    payload: bytes,
    signatures: Sequence[Signature],
    trusted: Sequence[PublicKey],
    *,
    threshold: int = 1,
    name: str = "it",
) -> tuple[PublicKey, ...]:
    """Check signatures against the keys that are trusted, and nothing else.

    Returns:
        The distinct trusted keys that signed, in the order of `trusted`.

    Raises:
        AttestationMalformed: no signature, or more than 16.
        SignatureInvalid: a signature names a trusted key and does not fit.
        KeyNotTrusted: fewer than `threshold` distinct trusted keys signed.
    """
    if threshold < 1:
        raise ValueError(f"threshold must be at least 1, got {threshold}")
    if not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise AttestationMalformed(
            f"{name} has {len(signatures)} signatures; 1 to {MAX_SIGNATURES} are accepted",
            next_step="ask for the attestation as its signer wrote it",
        )
    message = pae(payload_type, payload)
    signed_by = {
        key
        for key in trusted
        if any(key.verifies(signature.value, message) for signature in signatures)
    }
    if len(signed_by) >= threshold:
        return tuple(dict.fromkeys(key for key in trusted if key in signed_by))
    named = {signature.key_id for signature in signatures}
    for key in trusted:
        if key.key_id in named and key not in signed_by:
            raise SignatureInvalid(
                f"{name}: the signature in the name of trusted key {key.key_id[:12]} does not fit: "
                "the content was changed after signing, or someone else signed it",
                next_step="get the attestation again from its signer; do not use this one",
            )
    raise KeyNotTrusted(
        f"{name} is signed by {len(signed_by)} of the keys you trust "
        f"({', '.join(key.key_id[:12] for key in trusted) or 'none'}), {threshold} must; "
        f"it names {', '.join(ascii(hint[:12]) for hint in sorted(named))}",
        next_step="if you know whose key that is, trust it: `envelope trust add NAME.pub`",
    )


def decode_base64(text: str) -> bytes:
    """Decode base64 in the standard or the URL alphabet, padded or not, and in nothing else.

    Raises:
        ValueError: other characters, both alphabets at once, wrong padding.
    """
    digits = text.rstrip("=")
    padding = -len(digits) % 4
    is_mixed = any(one in digits for one in "+/") and any(one in digits for one in "-_")
    if is_mixed or "=" in digits or len(text) - len(digits) not in (0, padding):
        raise ValueError("not base64")
    try:
        return base64.b64decode(
            digits.replace("-", "+").replace("_", "/") + "=" * padding, validate=True
        )
    except ValueError as error:
        raise ValueError(f"not base64: {error}") from None


def generate_key(algorithm: Algorithm = "p256") -> PrivateKey:
    """Make a new key from the operating system's randomness."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if algorithm == "p256":
        return _private(ec.generate_private_key(ec.SECP256R1()), "the new key")
    return _private(ed25519.Ed25519PrivateKey.generate(), "the new key")


def load_private_key(pem: bytes, name: str, passphrase: bytes | None = None) -> PrivateKey:
    """Read a private key in PEM, as written by `envelope keygen` or openssl.

    Raises:
        BadKey: not such a key, another kind of key, or a passphrase that is missing or wrong.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, passphrase)
    except TypeError:
        problem = "needs a passphrase" if passphrase is None else "has no passphrase, one was given"
        raise BadKey(
            f"{name} {problem}",
            next_step="name the variable that holds the passphrase: `--passphrase-env VARIABLE`"
            if passphrase is None
            else "leave `--passphrase-env` out",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadKey(
            f"{name} is not a private key in PEM, or its passphrase is another",
            next_step="check the path and the passphrase; `envelope keygen NAME` makes a key",
        ) from None
    return _private(key, name)


def load_public_key(pem: bytes, name: str) -> PublicKey:
    """Read a public key in PEM (SubjectPublicKeyInfo), and nothing but that.

    Raises:
        BadKey: not such a key, another kind of key, or a private key by mistake.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY" in pem:
        raise BadKey(
            f"{name} holds a private key where a public key belongs",
            next_step="give the .pub file, and keep the private key to yourself",
        )
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise BadKey(
            f"{name} is not a public key in PEM",
            next_step="give the .pub file that `envelope keygen` or `openssl pkey -pubout` wrote",
        ) from None
    return _public(key, name)


def _private(key: Any, name: str) -> PrivateKey:
    return PrivateKey(_public(key.public_key(), name), key)


def _public(key: Any, name: str) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    algorithm: Algorithm
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1":
        algorithm = "p256"
    elif isinstance(key, ed25519.Ed25519PublicKey):
        algorithm = "ed25519"
    else:
        raise BadKey(
            f"{name} is a key of another kind; ECDSA P-256 and Ed25519 are accepted",
            next_step="make one with `envelope keygen NAME`",
        )
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(hashlib.sha256(der).hexdigest(), algorithm, pem, key)


def _ecdsa(*, deterministic: bool = False) -> "ECDSA":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        return ec.ECDSA(SHA256(), deterministic_signing=deterministic)
    except UnsupportedAlgorithm:  # an OpenSSL before 3.2: signatures then differ, and are as good
        return ec.ECDSA(SHA256())
