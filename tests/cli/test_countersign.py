"""`envelope countersign`: a second person vouches for the same bytes, and for nothing else."""

import json
import shutil
from pathlib import Path

import pytest

from envelope.cli.files import GateFolder, write_record
from envelope.gate_attestation import PREDICATE_TYPE as DECISION
from envelope.gate_attestation import attest
from envelope.keyfiles import read_private_key
from envelope.wrapping import read_wrapping
from reports import render
from tests.cli.commands import envelope
from tests.cli.making import rewrite
from tests.envelope.gating import gate_record

LAB = ("--key", "lab.pub")
BOTH = """\
version: 1
keys:
  - {name: lab, public_key: lab.pub, roles: [auditor], predicate_types: [%(types)s]}
  - {name: other, public_key: other.pub, roles: [auditor], predicate_types: [%(types)s]}
policy: {threshold: 2}
"""


def countersign(folder, *words, key="other.key"):
    return envelope("countersign", folder.path, "--sign-key", key, *words)


def verify(folder, *words):
    return envelope("verify", folder.attestation, *words)


def both_must_sign(folder: Path) -> tuple[str, str]:
    from envelope.attestation import PREDICATE_TYPE

    types = f'"{PREDICATE_TYPE}", "{DECISION}"'
    (folder / "both.yaml").write_text(BOTH % {"types": types})
    return "--trust", "both.yaml"


@pytest.fixture
def decided(keys) -> GateFolder:
    """A made-up decision, signed by `lab`."""
    files = GateFolder(Path("tuned.gate"))
    write_record(files.gate, gate_record())
    beside = {files.gate.name: files.gate.read_bytes()}
    signer = read_private_key(Path("lab.key"), passphrase_env=None)
    files.attestation.write_bytes(attest(gate_record(), beside, signer))
    return files


def test_two_people_vouch_for_one_record_and_a_policy_that_asks_for_both_is_met(made_up, tmp_path):
    policy = both_must_sign(tmp_path)
    verify(made_up, *policy).refused(3, "is signed by 1 of the keys you trust", "2 must")
    before = verify(made_up, *LAB, "--json").json

    done = countersign(made_up, *LAB, "--json")

    assert done.status == 0, done
    told = verify(made_up, *policy, "--json").json
    assert told["key_ids"] == done.json["key_ids"]
    assert len(set(told["key_ids"])) == 2
    assert told["key_ids"][1] == done.json["added_key_id"]
    assert told["envelope_id"] == before["envelope_id"] == done.json["envelope_id"]
    shown = verify(made_up, *policy).out
    assert all(key_id in shown for key_id in told["key_ids"])
    checked = envelope("check", "--deploy", made_up.deploy, *policy)
    assert checked.status == 0, checked


def test_who_trusts_one_signer_alone_is_told_of_the_other_and_does_not_take_it_for_trusted(made_up):
    assert countersign(made_up, *LAB).status == 0

    for key in ("lab.pub", "other.pub"):
        done = verify(made_up, "--key", key)
        assert done.status == 0, done
        assert "also in the name of" in done.out
        assert len(verify(made_up, "--key", key, "--json").json["key_ids"]) == 1


def test_two_people_vouch_for_one_decision_of_the_gate(decided, tmp_path):
    policy = both_must_sign(tmp_path)
    verify(decided, *policy).refused(3, "2 must")

    done = countersign(decided, *LAB, "--json")

    assert done.status == 0, done
    told = verify(decided, *policy, "--json").json
    assert (told["decision"], told["key_ids"]) == ("undecided", done.json["key_ids"])
    assert told["gate_id"] == done.json["gate_id"]
    countersign(decided, *LAB, "--recompute", key="lab.key").refused(2, "carries no rows")


def test_a_third_person_may_follow_who_trusts_only_the_first(made_up):
    assert envelope("keygen", "third").status == 0
    assert countersign(made_up, *LAB).status == 0
    assert countersign(made_up, *LAB, key="third.key").status == 0

    data = made_up.attestation.read_bytes()
    assert len(read_wrapping(data, "a.json").signatures) == 3
    assert verify(made_up, "--key", "third.pub").status == 0


def test_a_key_signs_once_whoever_signed_in_between(made_up):
    countersign(made_up, *LAB, key="lab.key").refused(2, "already", "key of another person")
    assert countersign(made_up, *LAB).status == 0
    before = made_up.attestation.read_bytes()

    again = countersign(made_up, *LAB, "--json")

    assert (again.status, again.json["reason"]) == (2, "already_signed")
    assert made_up.attestation.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("measurements.json", 3, "measurements.json is not what"),
        ("report.html", 3, "report.html is not what"),
        ("envelope.json", 3, "is not the record that attestation.json carries"),
        ("attestation.json", 3, "attestation.json"),
    ],
)
def test_nobody_countersigns_what_was_edited(made_up, name, status, message):
    path = made_up.path / name
    changed = bytearray(path.read_bytes())
    changed[changed.index(b"1", len(changed) // 2)] ^= 1
    path.write_bytes(changed)
    before = made_up.attestation.read_bytes()

    countersign(made_up, *LAB).refused(status, message)

    assert made_up.attestation.read_bytes() == before


def test_nobody_countersigns_an_edited_decision(decided):
    rewrite(decided.gate, '"decision": "undecided"', '"decision": "accept"')

    countersign(decided, *LAB).refused(3, "gate.json is not what")


def test_a_signed_record_that_its_measurements_do_not_give_is_not_countersigned(made_up):
    """Somebody who holds a trusted key signed a claim that nobody measured."""
    from envelope.cli.sign import sign

    record = made_up.read_envelope()
    claims = [one.model_copy(update={"verdict": "holds"}) for one in record.claims]
    assert claims != record.claims
    edited = record.model_copy(update={"claims": claims})
    write_record(made_up.envelope, edited)
    made_up.report.write_bytes(render(edited, made_up.read_measurements()))
    sign(made_up, edited, Path("lab.key"))
    assert verify(made_up, *LAB).status == 0

    countersign(made_up, *LAB).refused(3, "`claims` of the record does not follow")


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        ((), 3, "no_trust"),
        (("--key", "other.pub"), 3, "key_not_trusted"),
        (("--key", "gone.pub"), 2, "bad_file"),
        (("--key", "lab.key"), 2, "bad_key"),
        (("--trust", "lab.pub"), 2, "bad_file"),
        (("--recompute", *LAB), 3, "digest_mismatch"),
    ],
)
def test_what_keeps_it_from_being_countersigned_has_a_code(made_up, words, status, reason):
    done = countersign(made_up, *words, "--json")

    assert (done.status, done.json["reason"]) == (status, reason), done


def test_bad_folders_and_keys_are_refused_in_one_message(made_up, tmp_path):
    countersign(made_up, *LAB, key="gone.key").refused(2, "gone.key")
    countersign(made_up, *LAB, key="lab.pub").refused(2, "lab.pub")
    bare = GateFolder(tmp_path / "bare")
    bare.path.mkdir()
    countersign(bare, *LAB).refused(2, "attestation.json cannot be read")
    for text in ("", "{}", "[]", json.dumps({"payloadType": "text/plain", "payload": ""})):
        bare.attestation.write_text(text)
        countersign(bare, *LAB).refused(3)
    shutil.copy(made_up.attestation, bare.attestation)
    countersign(bare, *LAB).refused(2, "measurements.json is missing")
    assert envelope("countersign", "lab.pub", "--sign-key", "other.key").status == 2
