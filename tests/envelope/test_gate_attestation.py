"""A signed decision: taken as it was signed, refused with one change, never read as an envelope."""

import json
from datetime import UTC, datetime

import pytest

from envelope import attestation, gate, gate_attestation
from envelope.errors import AttestationMalformed, KeyNotAllowed, KeyNotTrusted, NotTrusted
from envelope.gate_attestation import PREDICATE_TYPE, attest, decision_of, is_decision, open_any
from envelope.records import Envelope
from envelope.trust import Policy, Trust, TrustedKey
from tests.envelope.gating import equal, gate_record
from tests.envelope.signers import AUDITOR, PREDICATE, STRANGER, SUBJECTS

NOW = datetime(2026, 11, 21, 13, tzinfo=UTC)
BESIDE = {"gate.json": b"{}"}
SIGNED = attest(gate_record(), BESIDE, AUDITOR)


def trusting(key=AUDITOR, *types):
    entry = TrustedKey("lab", key.public, predicate_types=types or None)
    return Trust("--key", (entry,), {}, Policy())


def opened(data, trust=None):
    return open_any(trust or trusting(), data, now=NOW, name="attestation.json")


def signed_with(change, subjects=None):
    """A decision that the auditor signed, its predicate or its subjects changed before."""
    predicate = gate_record().model_dump(mode="json")
    change(predicate)
    mine = opened(SIGNED).subjects if subjects is None else subjects
    return attestation.make(predicate, mine, AUDITOR, predicate_type=PREDICATE_TYPE)


def test_a_signed_decision_is_read_as_it_was_signed_about_both_models_and_the_file():
    verified = opened(SIGNED)

    assert is_decision(verified)
    assert decision_of(verified) == gate_record()
    names = [subject.name for subject in verified.subjects]
    models = ["base/two_room.pt", "base#tensors", "candidate/two_room.pt", "candidate#tensors"]
    assert names == [*models, "gate.json"]
    assert attest(gate_record(), BESIDE, AUDITOR) == SIGNED


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_one_changed_byte_is_refused(place):
    at = int(place * len(SIGNED))
    changed = SIGNED[:at] + bytes([SIGNED[at] ^ 1]) + SIGNED[at + 1 :]

    with pytest.raises(NotTrusted):
        opened(changed)


def test_nobody_but_the_trusted_key_counts():
    with pytest.raises(KeyNotTrusted):
        opened(SIGNED, trusting(STRANGER))


def test_a_key_that_may_sign_envelopes_alone_may_not_sign_decisions():
    with pytest.raises(KeyNotAllowed, match=f"may not sign {PREDICATE_TYPE}"):
        opened(SIGNED, trusting(AUDITOR, attestation.PREDICATE_TYPE))
    assert is_decision(opened(SIGNED, trusting(AUDITOR, PREDICATE_TYPE)))


def test_a_decision_is_no_envelope_and_an_envelope_no_decision():
    with pytest.raises(AttestationMalformed, match="its predicateType is"):
        trusting().open(SIGNED, now=NOW)

    envelope = opened(attestation.make(PREDICATE, SUBJECTS, AUDITOR))
    assert not is_decision(envelope)
    with pytest.raises(AttestationMalformed):
        opened(SIGNED).record(Envelope)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(decision="accept", exit_status=0),
        lambda found: found["compared"][0].update(status="non_inferior"),
        lambda found: found["compared"][0]["difference"].update(low=-0.01, value=0.0),
        lambda found: found["margins"].update(success=0.4),
        lambda found: found.update(reasons=found["reasons"] + found["reasons"]),
        lambda found: found.update(compared=[]),
        lambda found: found.update(note="trust me"),
    ],
)
def test_a_decision_that_does_not_follow_from_its_comparisons_is_refused_though_signed(change):
    with pytest.raises(AttestationMalformed):
        decision_of(opened(signed_with(change)))


def test_subjects_that_are_other_models_than_those_decided_about_are_refused():
    subjects = list(opened(SIGNED).subjects)
    other = attestation.Subject("candidate/two_room.pt", {"sha256": "ab" * 32})
    for wrong in ([s for s in subjects if s.name != other.name], [other, *subjects[3:]]):
        with pytest.raises(AttestationMalformed, match="not among its subjects"):
            decision_of(opened(signed_with(lambda found: None, wrong)))


def test_only_equal_models_are_accepted_without_a_comparison():
    same = gate_record().model_dump(mode="json")
    decision, reasons = gate.SAME
    same.update(
        decision=decision,
        exit_status=0,
        reasons=[reason.model_dump() for reason in reasons],
        compared=[],
        candidate=same["base"],
    )

    assert gate.Gate.model_validate_json(json.dumps(same)).decision == "accept"
    same["candidate"] = {**same["candidate"], "tensor_digest": "ab" * 32}
    with pytest.raises(ValueError, match="the comparisons say undecided"):
        gate.Gate.model_validate_json(json.dumps(same))


def test_an_accepted_candidate_can_be_signed_as_well():
    compared = gate.compare(equal(), gate_record().margins, {})
    decision, reasons = gate.decide(compared)
    accepted = gate_record().model_copy(
        update={
            "decision": decision,
            "exit_status": 0,
            "reasons": reasons,
            "compared": compared,
            "reported": [],
        }
    )

    assert decision_of(opened(gate_attestation.attest(accepted, {}, AUDITOR))) == accepted
