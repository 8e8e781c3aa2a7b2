"""The commands of docs/verify-by-hand.md, exactly as printed there, run on good and bad files."""

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from envelope.attestation import PREDICATE_TYPE, Subject, envelope_id, make
from envelope.digest import bytes_sha256
from envelope.signing import PrivateKey, load_private_key, load_public_key
from reports.document import document
from tests.envelope.signers import AUDITOR, EDWARDS, PREDICATE, STRANGER, dsse, statement

DOCUMENT = (Path(__file__).parents[2] / "docs" / "verify-by-hand.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh( ed25519)?\n(.*?)```", DOCUMENT, flags=re.DOTALL)
WEIGHTS = b"weights of the model"
EVIDENCE = b"measurements"

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None and os.environ.get("REQUIRE_TOOLS") != "1",
    reason="openssl is not installed",
)


def script(algorithm: str) -> str:
    """All commands in order; the last line of step 3 is the one for the kind of key."""
    lines: list[str] = []
    for variant, block in BLOCKS:
        commands = block.strip().splitlines()
        if variant and algorithm == "ed25519":
            lines[-1] = commands[0]
        elif not variant:
            lines += commands
    return "\n".join(lines)


def by_hand(
    folder: Path,
    attestation: bytes,
    key: PrivateKey,
    weights: bytes = WEIGHTS,
    evidence: bytes = EVIDENCE,
    page_of: dict[str, Any] = PREDICATE,
) -> subprocess.CompletedProcess[str]:
    (folder / "attestation.json").write_bytes(attestation)
    (folder / "lab.pub").write_bytes(key.public.pem)
    (folder / "ckpt.pt").write_bytes(weights)
    (folder / "measurements.json").write_bytes(evidence)
    (folder / "report.html").write_bytes(document("page", envelope_id(page_of)))
    return subprocess.run(
        ["sh", "-e", "-c", script(key.public.algorithm)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def attestation_by(key: PrivateKey) -> bytes:
    subjects = [
        Subject("ckpt.pt", {"sha256": bytes_sha256(WEIGHTS)}),
        Subject("measurements.json", {"sha256": bytes_sha256(EVIDENCE)}),
        Subject("report.html", {"sha256": "33" * 32}),
    ]
    return make(PREDICATE, subjects, key)


def test_the_document_holds_the_commands_and_the_type_that_is_signed():
    assert len(BLOCKS) == 8
    assert [variant for variant, _ in BLOCKS].count(" ed25519") == 1
    assert PREDICATE_TYPE in DOCUMENT


@pytest.mark.parametrize("key", [AUDITOR, EDWARDS], ids=["p256", "ed25519"])
def test_a_good_attestation_is_verified(tmp_path, key):
    done = by_hand(tmp_path, attestation_by(key), key)

    assert done.returncode == 0, done.stderr
    assert key.public.key_id in done.stdout
    assert ("Verified OK" in done.stdout) or ("Signature Verified Successfully" in done.stdout)
    assert f'"sha256":"{bytes_sha256(WEIGHTS)}"}},"name":"ckpt.pt"' in done.stdout
    assert f'"sha256":"{bytes_sha256(EVIDENCE)}"}},"name":"measurements.json"' in done.stdout
    assert PREDICATE_TYPE in done.stdout
    assert json.loads((tmp_path / "payload.json").read_bytes())["predicate"] == PREDICATE


def tampered(data: bytes, old: bytes, new: bytes) -> bytes:
    file = json.loads(data)
    payload = base64.b64decode(file["dsseEnvelope"]["payload"])
    assert old in payload
    changed = base64.b64encode(payload.replace(old, new)).decode()
    return data.replace(file["dsseEnvelope"]["payload"].encode(), changed.encode())


@pytest.mark.parametrize("key", [AUDITOR, EDWARDS], ids=["p256", "ed25519"])
def test_a_tampered_attestation_is_not_verified(tmp_path, key):
    done = by_hand(tmp_path, tampered(attestation_by(key), b"0.25", b"0.05"), key)

    assert done.returncode != 0
    assert "Verified OK" not in done.stdout
    assert "Verified Successfully" not in done.stdout


def test_the_signature_of_a_stranger_is_not_verified(tmp_path):
    assert by_hand(tmp_path, attestation_by(STRANGER), AUDITOR).returncode != 0


def test_another_payload_type_is_not_verified(tmp_path):
    envelope = dsse(statement(), AUDITOR, payload_type="application/json")
    file = json.dumps({"dsseEnvelope": envelope}, separators=(",", ":")).encode()

    assert by_hand(tmp_path, file, AUDITOR).returncode != 0


def test_other_weights_are_not_found_among_the_subjects(tmp_path):
    done = by_hand(tmp_path, attestation_by(AUDITOR), AUDITOR, weights=b"other weights")

    assert "Verified OK" in done.stdout
    assert done.returncode == 1


def test_other_evidence_is_not_that_of_the_record(tmp_path):
    done = by_hand(tmp_path, attestation_by(AUDITOR), AUDITOR, evidence=b"report")

    assert "Verified OK" in done.stdout
    assert done.returncode == 1


def test_the_page_of_another_record_is_not_taken_for_that_of_this_one(tmp_path):
    other = {**PREDICATE, "format": "another"}
    done = by_hand(tmp_path, attestation_by(AUDITOR), AUDITOR, page_of=other)

    assert '"name":"measurements.json"' in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [("p256", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("ed25519", ["ED25519"])],
)
def test_keys_made_by_openssl_are_accepted(algorithm, options):
    made = subprocess.run(
        ["openssl", "genpkey", "-algorithm", *options], capture_output=True, check=True
    )
    public = subprocess.run(
        ["openssl", "pkey", "-pubout"], input=made.stdout, capture_output=True, check=True
    )

    key = load_private_key(made.stdout, "theirs.key")

    assert key.public == load_public_key(public.stdout, "theirs.pub")
    assert key.public.algorithm == algorithm
