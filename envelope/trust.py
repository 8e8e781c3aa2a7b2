"""Whom to believe, about what, and when: said by the one who deploys, never by what is checked.

A trust file names keys, what each may sign and between which dates, what is revoked, and what any
evidence must meet. `envelope.trust_lookup` finds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from envelope.attestation import PREDICATE_TYPE, Verified, open_verified
from envelope.errors import KeyNotAllowed, NotTrusted, Revoked, TooOld
from envelope.signing import PublicKey

Role = Literal["auditor", "ci"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", min_length=64, max_length=64)]
KEY_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far in the future a measurement may be dated: two clocks never agree exactly."""


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        defer_build=True,  # most runs trust one key and read no trust file
    )


class KeyEntry(_Part):
    """One key, and what it may sign."""

    name: str = Field(pattern=f"^{KEY_NAME}$")
    public_key: str
    """Path of a `.pub` file, relative to the trust file and inside its folder."""
    roles: tuple[Role, ...] = Field(min_length=1)
    """Only an `auditor` may sign envelopes."""
    predicate_types: tuple[str, ...] = Field(min_length=1)
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None


class RevokedEntry(_Part):
    """A key or an envelope that no longer counts."""

    sha256: Sha256
    """Key id or envelope id."""
    reason: str | None = None


class Policy(_Part):
    """What evidence must meet, whoever signed it."""

    threshold: int = Field(default=1, ge=1, le=16)
    """How many distinct keys must have signed."""
    max_age_days: float | None = Field(default=None, gt=0)
    """Oldest measurement accepted."""
    require_claims: tuple[str, ...] = ()
    """Claims that every deployment must rely on; dropping one is outside."""

    def missing_claims(self, relies_on: "list[str] | tuple[str, ...]") -> list[str]:
        """The required claims that a deployment does not rely on."""
        return [claim for claim in self.require_claims if claim not in relies_on]

    def require_fresh(self, measured_at: datetime, *, now: datetime) -> None:
        """Refuse a measurement that is too old, or dated in the future.

        Raises:
            TooOld: it is.
        """
        if measured_at > now + CLOCK_TOLERANCE:
            raise TooOld(
                f"measured at {measured_at.isoformat()}, which is after now, {now.isoformat()}",
                next_step="check the clocks of this machine and of the one that measured",
            )
        if self.max_age_days is not None and now - measured_at > timedelta(days=self.max_age_days):
            age = (now - measured_at) / timedelta(days=1)
            raise TooOld(
                f"measured {age:.1f} days ago; the trust policy accepts {self.max_age_days:g}",
                next_step="run `envelope measure` again, or change max_age_days in the trust file",
            )


class TrustFile(_Part):
    """The trust file as written."""

    version: Literal[1]
    keys: tuple[KeyEntry, ...]
    revoked: tuple[RevokedEntry, ...] = ()
    policy: Policy = Policy()

    @model_validator(mode="after")
    def _names_differ(self) -> "TrustFile":
        names = [key.name.casefold() for key in self.keys]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"key names must differ, {', '.join(twice)} is there twice")
        return self


@dataclass(frozen=True)
class TrustedKey:
    """A key with the limits under which it is believed."""

    name: str
    public: PublicKey
    roles: tuple[str, ...] = ("auditor",)
    predicate_types: tuple[str, ...] | None = None
    """None for a key named on the command line: whoever named it meant this very use."""
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def objection(self, predicate_type: str, role: Role, now: datetime) -> str | None:
        """Why this key may not sign that now; None if it may."""
        if role not in self.roles:
            return f"has the role {', '.join(self.roles)}, not {role}"
        if self.predicate_types is not None and predicate_type not in self.predicate_types:
            return f"may not sign {predicate_type}"
        if self.valid_from is not None and now < self.valid_from:
            return f"is valid only from {self.valid_from.isoformat()}"
        if self.valid_until is not None and now >= self.valid_until:
            return f"was valid until {self.valid_until.isoformat()}"
        return None


@dataclass(frozen=True)
class Trust:
    """Everything that was said about trust, with the keys loaded."""

    source: str
    """Where it was said, for messages."""
    keys: tuple[TrustedKey, ...]
    revoked: Mapping[str, str]
    """Key ids and envelope ids that no longer count, with the reason."""
    policy: Policy

    def open(
        self,
        data: bytes,
        *,
        now: datetime,
        predicate_type: str = PREDICATE_TYPE,
        role: Role = "auditor",
        name: str = "attestation.json",
    ) -> Verified:
        """Verify an attestation under this trust, then read it.

        Args:
            data: the attestation.
            now: when to judge the keys' dates, with a time zone.
            predicate_type: the exact type expected.
            role: what a signer must be.
            name: what to call the file in messages.

        Raises:
            NotTrusted: one of its kinds.
        """
        barred: dict[PublicKey, NotTrusted] = {}
        for key in self.keys:
            if reason := self.revoked.get(key.public.key_id):
                barred[key.public] = Revoked(
                    f"{name} is signed with key {key.name}, which is revoked ({reason})",
                    next_step="ask its signer for an attestation with a current key",
                )
            elif objection := key.objection(predicate_type, role, now):
                barred[key.public] = KeyNotAllowed(
                    f"{name} is signed with key {key.name}, which {objection}",
                    next_step=f"ask for another signature, or change {self.source}",
                )
        allowed = [key.public for key in self.keys if key.public not in barred]
        try:
            verified = open_verified(
                data,
                allowed,
                predicate_type=predicate_type,
                threshold=self.policy.threshold,
                name=name,
            )
        except NotTrusted:
            _explain(data, predicate_type, barred, name)
            raise
        for identity in (verified.envelope_id, verified.payload_sha256) if self.revoked else ():
            if reason := self.revoked.get(identity):
                raise Revoked(
                    f"{name} is revoked ({reason})",
                    next_step="run `envelope measure` again, or ask for a new attestation",
                )
        return verified


def _explain(
    data: bytes, predicate_type: str, barred: Mapping[PublicKey, NotTrusted], name: str
) -> None:
    """Raise the better reason if a key that is barred did sign; a refusal stays one either way."""
    for key, objection in barred.items():
        try:
            open_verified(data, [key], predicate_type=predicate_type, name=name)
        except NotTrusted:
            continue
        raise objection
