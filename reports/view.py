"""The record, indexed for reading: nothing is computed here that the record does not say."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from envelope.records import Claim, Envelope, Estimate, Measurement, Measurements, Picture, Scalar
from reports.html import Html, group, joined, tag

MOST_LEFT_OUT = 8
"""Of so many claims under a prefix one may be left out for the prefix to be named."""


@dataclass(frozen=True)
class View:
    """One record and its pictures, with look-ups."""

    envelope: Envelope
    measurements: Measurements
    pictures: Sequence[Picture]
    """The pictures that fit on the page."""
    digest: str
    """SHA-256 of the canonical JSON of the record."""
    numbers: Mapping[str, str] = field(default_factory=dict)
    """Number of each section by its anchor."""
    _claim_at: dict[str, int] = field(init=False)
    _claims_under: dict[str, list[Claim]] = field(init=False)
    _evidence_at: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        record = self.envelope
        object.__setattr__(self, "_claim_at", {c.id: i for i, c in enumerate(record.claims)})
        object.__setattr__(self, "_claims_under", _by_prefix(record.claims))
        places = {m.id: i for i, m in enumerate(self.evidence)}
        object.__setattr__(self, "_evidence_at", places)

    @property
    def evidence(self) -> Sequence[Measurement]:
        """Every measurement behind the claims, in record order."""
        return self.measurements.summaries

    def find(self, suite: str, quantity: str, **condition: Scalar) -> list[Measurement]:
        """Evidence of one quantity under the given part of a condition, in record order."""
        return [
            m
            for m in self.evidence
            if m.suite == suite
            and m.quantity == quantity
            and all(m.condition.get(key) == value for key, value in condition.items())
        ]

    def estimate(self, suite: str, quantity: str, **condition: Scalar) -> Estimate | None:
        """The estimate of the first such evidence, if there is one."""
        return next((m.estimate for m in self.find(suite, quantity, **condition)), None)

    def of_suite(self, suite: str) -> list[Measurement]:
        """All evidence of a suite."""
        return [m for m in self.evidence if m.suite == suite]

    def shown(self, suite: str) -> list[Picture]:
        """Pictures of a suite."""
        return [picture for picture in self.pictures if picture.suite == suite]

    def claims_under(self, prefix: str) -> list[Claim]:
        """Claims whose id is the prefix or lies below it."""
        return self._claims_under.get(prefix, [])

    def claims_on(self, path: str) -> list[Claim]:
        """Claims that rest on a field, on one below it, or on one that contains it."""
        return [
            claim
            for claim in self.envelope.claims
            if any(below(path, rest) or below(rest, path) for rest in claim.rests_on)
        ]

    def claim_href(self, claim_id: str) -> str:
        """Where a claim of this record stands on the page."""
        return f"#{claim_anchor(self._claim_at[claim_id])}"

    def claim_link(self, claim_id: str) -> Html:
        """Link to a claim; plain text when the record has no such claim."""
        at = self._claim_at.get(claim_id)
        words = dotted(claim_id)
        return words if at is None else tag("a", words, href=f"#{claim_anchor(at)}")

    def claim_links(self, claim_ids: Sequence[str]) -> Html:
        """Links to claims, or a dash."""
        if not claim_ids:
            return tag("span", "–", class_="none")
        return joined([self.claim_link(claim_id) for claim_id in claim_ids])

    def claims_in_short(self, claims: Sequence[Claim]) -> Html:
        """Links to claims; all that there are under a prefix, or all but a few, become one."""
        wanted = {claim.id for claim in claims}
        total = len(self.envelope.claims)
        if total > 1 and len(wanted) == total:
            return tag("a", f"all {total} claims", href="#claims")
        links: dict[str, Html] = {}
        for claim in claims:
            prefix, missing = self._covered(claim.id, wanted)
            if prefix == claim.id:
                links[prefix] = self.claim_link(claim.id)
            elif prefix not in links:
                href = f"#{claim_anchor(self._claim_at[claim.id])}"
                but = [dotted(one.removeprefix(prefix + ".")) for one in missing]
                links[prefix] = group(
                    tag("a", dotted(prefix), tag("code", ".*"), href=href),
                    [" but ", joined(but)] if but else None,
                )
        return joined(links.values()) if links else tag("span", "–", class_="none")

    def _covered(self, claim_id: str, wanted: set[str]) -> tuple[str, list[str]]:
        """The shortest prefix of which nearly all claims are wanted, and those that are not."""
        parts = claim_id.split(".")
        for length in range(1, len(parts)):
            prefix = ".".join(parts[:length])
            under = [claim.id for claim in self.claims_under(prefix)]
            missing = [one for one in under if one not in wanted]
            if len(under) > 1 and len(missing) * MOST_LEFT_OUT <= len(under):
                return prefix, missing
        return claim_id, []

    def measurement(self, evidence_id: str) -> Measurement | None:
        """The measurement of an id, if the record has it."""
        at = self._evidence_at.get(evidence_id)
        return None if at is None else self.evidence[at]

    def evidence_href(self, evidence_id: str) -> str:
        """Where a measurement of this record stands on the page."""
        return f"#{evidence_anchor(self._evidence_at[evidence_id])}"

    def number(self, anchor: str) -> str:
        """The number of a section, as the contents count it."""
        return self.numbers.get(anchor, "")

    def evidence_link(self, evidence_id: str) -> Html:
        """Link to the table row of a measurement, or what is missing."""
        at = self._evidence_at.get(evidence_id)
        words = dotted(evidence_id)
        if at is None:
            return tag("span", words, " (not measured)", class_="missing")
        return tag("a", words, href=f"#{evidence_anchor(at)}")


def dotted(path: str) -> Html:
    """A name in code type that breaks at its dots and underscores."""
    parts = re.split(r"(?<=[._,/\[])", path)
    return tag("code", [[part, tag("wbr")] for part in parts[:-1]], parts[-1])


def below(path: str, prefix: str) -> bool:
    """Whether a dotted path is the prefix or lies below it."""
    return path == prefix or path.startswith(prefix + ".")


def _by_prefix(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    """Claims in order, by their id and everything above it."""
    found: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        parts = claim.id.split(".")
        for length in range(1, len(parts) + 1):
            found[".".join(parts[:length])].append(claim)
    return dict(found)


def head_of(claim: Claim) -> str:
    """What a claim is about: the first part of its id, for monitors the first two."""
    parts = claim.id.split(".")
    return ".".join(parts[: 2 if claim.family == "F5" and len(parts) > 2 else 1])


def claim_anchor(index: int) -> str:
    """Anchor of the claim at a place in the record."""
    return f"claim-{index + 1}"


def evidence_anchor(index: int) -> str:
    """Anchor of the measurement at a place in the record."""
    return f"m-{index + 1}"
