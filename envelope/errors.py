"""What can go wrong that its reader can put right. One exit status and one reason code each."""

from typing import ClassVar


class EnvelopeError(Exception):
    """A problem its reader can fix: what is wrong, then what to do next.

    `exit_status` is what a command ends with; `reason` is the stable code that programs read.
    Status 2 means that nothing was evaluated, 3 that the evidence is not trusted; neither is a
    finding about the model.
    """

    exit_status: ClassVar[int] = 2
    reason: ClassVar[str] = "could_not_evaluate"

    def __init__(self, problem: str, *, next_step: str) -> None:
        super().__init__(f"{problem}\n  Next: {next_step}")
        self.problem = problem
        self.next_step = next_step


class BadFile(EnvelopeError):
    """A file that is missing, unreadable, malformed, or does not fit its record."""

    reason = "bad_file"


class BadKey(EnvelopeError):
    """A key file that is no key of the accepted kinds, or cannot be opened."""

    reason = "bad_key"


class AlreadySigned(EnvelopeError):
    """A signature that would be the second of the same key."""

    reason = "already_signed"


class NotTrusted(EnvelopeError):
    """The evidence is there, but nothing vouches for it. Base of all of status 3."""

    exit_status = 3
    reason = "not_trusted"


class NoTrust(NotTrusted):
    """Nobody said which keys to trust."""

    reason = "no_trust"


class AttestationMalformed(NotTrusted):
    """The attestation is not in the one form that is accepted."""

    reason = "attestation_malformed"


class SignatureInvalid(NotTrusted):
    """A signature names a trusted key and does not fit the signed bytes."""

    reason = "signature_invalid"


class KeyNotTrusted(NotTrusted):
    """Too few signatures were made by keys that are trusted."""

    reason = "key_not_trusted"


class KeyNotAllowed(NotTrusted):
    """A known key signed, but its role, predicate types or dates do not cover this."""

    reason = "key_not_allowed"


class Revoked(NotTrusted):
    """The key or the envelope is on the revocation list."""

    reason = "revoked"


class TooOld(NotTrusted):
    """The measurement is older than the trust policy allows, or dated in the future."""

    reason = "too_old"


class DigestMismatch(NotTrusted):
    """The file at hand is not the one the record is about."""

    reason = "digest_mismatch"
