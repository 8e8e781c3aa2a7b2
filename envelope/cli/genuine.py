"""Files held to an attestation whose signature was checked: a record's, or a decision's."""

from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from envelope.attestation import Verified
from envelope.cli.files import Folder, GateFolder, read_bytes, read_record
from envelope.digest import bytes_sha256
from envelope.errors import BadFile, DigestMismatch
from envelope.gate import Gate
from envelope.gate_attestation import decision_of, is_decision, open_any
from envelope.records import Envelope, ModelState
from envelope.times import parse_time
from envelope.trust import Trust

Match = dict[str, Any]
"""`file`, the `subject` that it is, and its `sha256`."""


class Genuine(NamedTuple):
    """What an attestation says, and what it carries."""

    verified: Verified
    content: Envelope | Gate

    @property
    def kind(self) -> str:
        """What it is called in messages and, with `_id` behind it, for programs."""
        return "gate" if isinstance(self.content, Gate) else "envelope"


def read_genuine(data: bytes, believed: Trust, *, now: datetime, name: str) -> Genuine:
    """Open an attestation of either kind.

    Raises:
        NotTrusted: under this trust it is none, or too old.
    """
    verified = open_any(believed, data, now=now, name=name)
    content = decision_of(verified) if is_decision(verified) else verified.record(Envelope)
    believed.policy.require_fresh(parse_time(content.measured_at, "measured_at"), now=now)
    return Genuine(verified, content)


def require_files_beside(genuine: Genuine, folder: Path) -> list[Match]:
    """Hold what lies beside the attestation to it.

    Of a record the measurements must be there; pages and JSON are compared where they are. The
    models of a decision are not looked for: `base/` and `candidate/` are no folders.

    Raises:
        BadFile: a file is missing or cannot be read.
        DigestMismatch: one is not what was signed.
    """
    if isinstance(genuine.content, Gate):
        return _beside_a_decision(genuine.verified, genuine.content, GateFolder(folder))
    return _beside_a_record(genuine.verified, genuine.content, Folder(folder))


def among_subjects(path: Path, verified: Verified) -> Match:
    """Hold a file to the subjects, whatever it is called.

    Raises:
        BadFile: it cannot be read.
        DigestMismatch: it is none of them.
    """
    sha256 = bytes_sha256(read_bytes(path, next_step="check the path"))
    subject = verified.require_subject(str(path), sha256=sha256)
    return {"file": str(path), "subject": subject.name, "sha256": sha256}


def by_tensors(path: Path, genuine: Genuine) -> Match:
    """Load a checkpoint and hold its tensors to the record, or to the candidate of a decision.

    Raises:
        DigestMismatch: it is another model.
    """
    content = genuine.content
    role, state = (
        ("candidate/", content.candidate)
        if isinstance(content, Gate)
        else ("", content.model_state)
    )
    how, sha256 = _recognised(path, state)
    name = f"{role}{state.files[0].path}"
    return {"file": str(path), "subject": f"{name}, by its {how}", "sha256": sha256}


def _beside_a_record(verified: Verified, envelope: Envelope, folder: Folder) -> list[Match]:
    matched = [_of_its_name(folder.measurements, verified)]
    if folder.report.exists():
        matched.append(_of_its_name(folder.report, verified))
        _require_page(folder, verified)
    if folder.envelope.exists():
        _require_same_record(folder, envelope)
    return matched


def _beside_a_decision(verified: Verified, gate: Gate, files: GateFolder) -> list[Match]:
    beside = [files.path / one.name for one in verified.subjects if "/" not in one.name]
    matched = [_of_its_name(path, verified) for path in beside if path.is_file()]
    if files.gate.exists() and read_record(files.gate, Gate) != gate:
        raise DigestMismatch(
            f"{files.gate} is not the decision that {files.attestation.name} carries",
            next_step="restore it, or run `envelope gate` with --sign-key again",
        )
    return matched


def _of_its_name(path: Path, verified: Verified) -> Match:
    """Hold one of the files beside the attestation to the subject of its name."""
    if not path.exists():
        raise BadFile(
            f"{path} is missing: the evidence of the record cannot be compared",
            next_step="restore it from its signer; `envelope check` needs the attestation alone",
        )
    match = among_subjects(path, verified)
    if match["subject"] != path.name:
        raise DigestMismatch(
            f"{path} is not what {verified.name} is about: it holds {match['subject']}",
            next_step="restore the file as it was signed",
        )
    return match


def _require_page(folder: Folder, verified: Verified) -> None:
    """Hold the page to the record, for a signer could have put any page among the subjects."""
    from envelope.cli.page import require_page_of

    page = read_bytes(folder.report, next_step="check the path")
    ask = "ask the signer for the page of this record; `envelope report` makes it again"
    require_page_of(folder.report, page, verified.envelope_id, next_step=ask)


def _require_same_record(folder: Folder, signed: Envelope) -> None:
    """Hold envelope.json to the signed record, so that nobody reads another one beside it."""
    try:
        same = folder.read_envelope() == signed
    except BadFile:
        same = False
    if not same:
        raise DigestMismatch(
            f"{folder.envelope} is not the record that {folder.attestation.name} carries",
            next_step="restore it, or run `envelope draft` and `envelope sign` again",
        )


def _recognised(path: Path, state: ModelState) -> tuple[str, str]:
    """Load a checkpoint, running nothing in it, and compare tensors and configuration.

    Returns:
        By what it was recognised, and the sha256 of its first file.
    """
    from envelope.cli.identity import identify
    from envelope.same_model import ModelIdentity, require_same_model
    from lewm.adapter import load_model

    found = identify(load_model(path))
    at_hand = ModelIdentity(
        name=path.name,
        files={file.path: file.sha256 for file in found.files},
        tensor_digest=found.tensor_digest,
        config_digest=found.config_digest,
    )
    return require_same_model(state, at_hand), found.files[0].sha256
