"""The signed file: a Sigstore bundle v0.3, around a DSSE envelope, around an in-toto Statement v1.

Only the predicate, the innermost layer, is ours. Reading goes strictly from the outside in: the
signature is checked over the payload's bytes before anything parses them, and only those bytes are
parsed. docs/decisions/0002-attestation-bytes.md says why a file of ours is accepted in one
spelling only.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from envelope.digest import TENSOR_DIGEST
from envelope.errors import AlreadySigned, AttestationMalformed, DigestMismatch
from envelope.signing import MAX_SIGNATURES, PrivateKey, PublicKey, Signature, pae, verify
from envelope.strict import canonical, parse_record
from envelope.wrapping import (
    PAYLOAD_TYPE,
    Wrapping,
    list_in,
    load,
    read_wrapping,
    refuse,
    text_in,
    write_bare,
    write_bundle,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    M = TypeVar("M", bound=BaseModel)

PREDICATE_TYPE = "https://world-model-envelope.invalid/attestation/validity-envelope/v0.1"
"""Names what the predicate is and its major version. `.invalid` belongs to nobody (RFC 2606)."""
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"

MAX_SUBJECTS = 1024
_DIGEST_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128, TENSOR_DIGEST: 64}


@dataclass(frozen=True)
class Subject:
    """Something a statement is about, by digest: `{"sha256": ...}` or `{TENSOR_DIGEST: ...}`."""

    name: str
    digest: dict[str, str]


@dataclass(frozen=True)
class Verified:
    """What an attestation says, after its signature was checked."""

    statement: dict[str, Any]
    subjects: tuple[Subject, ...]
    keys: tuple[PublicKey, ...]
    """The distinct trusted keys that signed it."""
    payload: bytes = field(repr=False)
    name: str
    """What the file is called in messages."""

    @property
    def key(self) -> PublicKey:
        """The first trusted key that signed."""
        return self.keys[0]

    @property
    def predicate(self) -> dict[str, Any]:
        """The innermost layer, as plain data."""
        predicate: dict[str, Any] = self.statement["predicate"]
        return predicate

    @cached_property
    def envelope_id(self) -> str:
        """Identity of the record, which no change of wrapping or signature moves."""
        return envelope_id(self.predicate)

    @cached_property
    def payload_sha256(self) -> str:
        """SHA-256 of the signed bytes."""
        return hashlib.sha256(self.payload).hexdigest()

    def record(self, model: "type[M]") -> "M":
        """The predicate as a record.

        Raises:
            AttestationMalformed: it does not fit, such as a restriction this version cannot read.
        """
        return parse_record(
            model,
            self.predicate,
            self.name,
            error=AttestationMalformed,
            next_step="use the version of envelope that wrote it, or ask for a new attestation",
        )

    def subject(
        self, *, sha256: str | None = None, tensor_digest: str | None = None
    ) -> Subject | None:
        """The subject with that file digest or, failing that, with that tensor digest."""
        for kind, value in (("sha256", sha256), (TENSOR_DIGEST, tensor_digest)):
            for subject in self.subjects:
                if value is not None and subject.digest.get(kind) == value:
                    return subject
        return None

    def require_subject(
        self, file: str, *, sha256: str, tensor_digest: str | None = None
    ) -> Subject:
        """The subject that `file` is.

        Raises:
            DigestMismatch: it is none of them; the message holds both digests.
        """
        found = self.subject(sha256=sha256, tensor_digest=tensor_digest)
        if found is not None:
            return found
        known = [
            f"{subject.name} {subject.digest['sha256'][:12]}"
            for subject in self.subjects
            if "sha256" in subject.digest
        ]
        raise DigestMismatch(
            f"{file} is not what {self.name} is about: its sha256 is {sha256[:12]}, the "
            f"attestation says {', '.join(known) or 'no sha256'}",
            next_step="restore the file as it was signed; for a checkpoint, check the path or run "
            "`envelope measure` on it; `envelope report` makes the page again",
        )


def envelope_id(predicate: dict[str, Any]) -> str:
    """SHA-256 of the RFC 8785 form of a record, in hexadecimal."""
    return hashlib.sha256(canonical(predicate)).hexdigest()


def make(
    predicate: dict[str, Any],
    subjects: Sequence[Subject],
    key: PrivateKey,
    *,
    predicate_type: str = PREDICATE_TYPE,
) -> bytes:
    """Sign a record about its subjects. Equal input gives equal bytes.

    Args:
        predicate: the record as JSON data.
        subjects: what it is about; names must differ.
        key: who says so.
        predicate_type: what the predicate is.

    Raises:
        ValueError: subjects or data that `open_verified` would refuse.
    """
    names = {subject.name for subject in subjects}
    if len(names) != len(subjects):
        raise ValueError(f"subjects must have names that differ, got {sorted(names)}")
    payload = canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": one.name, "digest": one.digest} for one in subjects],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )
    try:
        _read_statement(payload, predicate_type, "the new attestation")
    except AttestationMalformed as error:
        raise ValueError(error.problem) from None
    signature = Signature(key.public.key_id, key.sign(pae(PAYLOAD_TYPE, payload)))
    return write_bundle(payload, signature)


def countersign(data: bytes, key: PrivateKey, trusted: Sequence[PublicKey], name: str) -> bytes:
    """Add a signature over the same bytes, so that a threshold above one can be met.

    A bundle holds exactly one signature, so the result is a bare DSSE envelope.

    Args:
        data: an attestation that at least one of `trusted` signed.
        key: who signs as well.
        trusted: keys the new signer trusts; nobody signs what was not verified.
        name: what to call the file in messages.

    Raises:
        NotTrusted: the attestation is not verified by `trusted`, or has no room for more.
        AlreadySigned: by this very key.
    """
    wrapping = read_wrapping(data, name)
    payload, signatures, _ = wrapping
    message = pae(PAYLOAD_TYPE, payload)
    verify(PAYLOAD_TYPE, payload, signatures, trusted, name=name)
    if any(key.public.verifies(one.value, message) for one in signatures):
        raise AlreadySigned(
            f"{name} is signed by key {key.public.key_id[:12]} already, and a second signature of "
            "the same key counts for nothing",
            next_step="sign with the key of another person",
        )
    if len(signatures) >= MAX_SIGNATURES:
        refuse(name, f"it has {len(signatures)} signatures, and no more are accepted")
    added = Signature(key.public.key_id, key.sign(message))
    return write_bare(payload, [*signatures, added])


def open_verified(
    data: bytes,
    trusted: Sequence[PublicKey],
    *,
    predicate_type: str = PREDICATE_TYPE,
    threshold: int = 1,
    name: str = "attestation.json",
) -> Verified:
    """Verify an attestation, then read it.

    Args:
        data: the file, a bundle or a bare DSSE envelope.
        trusted: the only keys that count; nothing in the file adds to them.
        predicate_type: the exact type expected.
        threshold: how many distinct trusted keys must have signed.
        name: what to call the file in messages.

    Raises:
        NotTrusted: one of its kinds, whatever is wrong with the file.
    """
    wrapping = read_wrapping(data, name)
    payload, signatures, _ = wrapping
    keys = verify(PAYLOAD_TYPE, payload, signatures, trusted, threshold=threshold, name=name)
    statement, subjects = _read_statement(payload, predicate_type, name)
    _refuse_respelling(data, wrapping, statement, keys[0], name)
    return Verified(statement, subjects, keys, payload, name)


# --- reading ----------------------------------------------------------------------------------


def _read_statement(
    payload: bytes, predicate_type: str, name: str
) -> tuple[dict[str, Any], tuple[Subject, ...]]:
    statement = load(payload, f"payload of {name}")
    for member, expected in (("_type", STATEMENT_TYPE), ("predicateType", predicate_type)):
        found = text_in(statement, member, name)
        if found != expected:
            refuse(name, f"its {member} is {ascii(found)[:100]}, expected {expected}")
    if not isinstance(statement.get("predicate"), dict):
        refuse(name, "its predicate is not an object")
    subjects = list_in(statement, "subject", name)
    if not 1 <= len(subjects) <= MAX_SUBJECTS:
        refuse(name, f"it has {len(subjects)} subjects; 1 to {MAX_SUBJECTS} are accepted")
    return statement, tuple(_read_subject(subject, name) for subject in subjects)


def _read_subject(subject: Any, name: str) -> Subject:
    title = text_in(subject, "name", name)
    digest = subject.get("digest")
    if not title or not title.isprintable() or not isinstance(digest, dict):
        refuse(name, "a subject has no printable name or no digest")
    known = {kind: value for kind, value in digest.items() if kind in _DIGEST_DIGITS}
    if not known:
        accepted = ", ".join(_DIGEST_DIGITS)
        refuse(name, f"subject {title} has no digest of a kind that is accepted ({accepted})")
    for kind, value in known.items():
        right = isinstance(value, str) and len(value) == _DIGEST_DIGITS[kind]
        if not right or not set(value) <= set("0123456789abcdef"):
            refuse(name, f"the {kind} of subject {title} is not {_DIGEST_DIGITS[kind]} hex digits")
    return Subject(title, known)


def _refuse_respelling(
    data: bytes, wrapping: Wrapping, statement: dict[str, Any], key: PublicKey, name: str
) -> None:
    """Refuse a bundle of ours that is not spelt as we spell it, though its signature holds.

    Whether it is ours is judged by the signed bytes, which nobody else can change: we sign the
    canonical form, and other tools do not.
    """
    if not wrapping.is_bundle:
        return
    ours = write_bundle(wrapping.payload, Signature(key.key_id, wrapping.signatures[0].value))
    if data != ours and wrapping.payload == canonical(statement):
        refuse(name, "its bytes were changed outside the signed part")
