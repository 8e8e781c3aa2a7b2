"""A decision of the gate, signed: whoever did not see it made can still hold both models to it.

The statement has a predicate type of its own, so that a decision is never read as an envelope or
the other way round. Its subjects are the files and tensors of both models, `base/` and
`candidate/` in front of their names, and the files that were written beside the decision.
"""

from collections.abc import Mapping
from datetime import datetime

from envelope.attestation import Subject, Verified, make
from envelope.digest import TENSOR_DIGEST, bytes_sha256
from envelope.errors import AttestationMalformed, KeyNotAllowed, NotTrusted, Revoked
from envelope.gate import Gate
from envelope.records import ModelState
from envelope.signing import PrivateKey
from envelope.trust import Trust

PREDICATE_TYPE = "https://world-model-envelope.invalid/attestation/gate-decision/v0.1"


def attest(gate: Gate, beside: Mapping[str, bytes], key: PrivateKey) -> bytes:
    """Sign a decision, whatever it is. Equal input gives equal bytes.

    Args:
        gate: the decision.
        beside: files that say the same, by name, such as `gate.json`.
        key: who says so.
    """
    subjects = [*_subjects("base", gate.base), *_subjects("candidate", gate.candidate)]
    subjects += [Subject(name, {"sha256": bytes_sha256(data)}) for name, data in beside.items()]
    return make(gate.model_dump(mode="json"), subjects, key, predicate_type=PREDICATE_TYPE)


def is_decision(verified: Verified) -> bool:
    """Whether a verified statement is about a decision of the gate."""
    return bool(verified.statement["predicateType"] == PREDICATE_TYPE)


def decision_of(verified: Verified) -> Gate:
    """The decision that a verified statement carries.

    Raises:
        AttestationMalformed: it does not fit, or its subjects are other models than it names.
    """
    gate = verified.record(Gate)
    signed = {subject.name: subject.digest for subject in verified.subjects}
    for subject in (*_subjects("base", gate.base), *_subjects("candidate", gate.candidate)):
        if signed.get(subject.name) != subject.digest:
            raise AttestationMalformed(
                f"{verified.name} decides about {subject.name}, which is not among its subjects",
                next_step="ask for the attestation as `envelope gate --sign-key` wrote it",
            )
    return gate


def open_any(trust: Trust, data: bytes, *, now: datetime, name: str) -> Verified:
    """Verify an envelope's attestation or a decision's; the statement says which it is.

    What the file claims to be is not looked at before a signature over it holds.

    Raises:
        NotTrusted: it is neither, under this trust.
    """
    try:
        return trust.open(data, now=now, name=name)
    except NotTrusted as refusal:
        try:
            return trust.open(data, now=now, predicate_type=PREDICATE_TYPE, name=name)
        except (KeyNotAllowed, Revoked):  # it is a decision, and the reason is about decisions
            raise
        except NotTrusted:
            raise refusal from None


def _subjects(role: str, state: ModelState) -> list[Subject]:
    found = [Subject(f"{role}/{file.path}", {"sha256": file.sha256}) for file in state.files]
    tensors = Subject(f"{role}#tensors", {TENSOR_DIGEST: state.tensor_digest})
    return [*found, tensors]
