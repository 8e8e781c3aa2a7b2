"""Signatures over a model folder: what is signed, what is refused, and what other tools say."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envelope.keyfiles import read_private_key
from envelope.oms import PREDICATE_TYPE
from envelope.signing import Signature, pae
from envelope.wrapping import PAYLOAD_TYPE, write_bundle
from tests.cli.commands import envelope
from tests.reference import PYTHON, require

LAB = ("--key", "lab.pub")


@pytest.fixture
def signed(keys) -> Path:
    """A folder `model`, and `model.sig` over it by `lab`, in the folder the test runs in."""
    model = Path("model")
    (model / "parts").mkdir(parents=True)
    for name in ("config.json", "lewm.json", "weights.pt", "parts/encoder", "parts/predictor"):
        (model / name).write_text(f"content of {name}\n")
    assert envelope("sign-model", model, "--sign-key", "lab.key").status == 0
    return model


def resign(change: Callable[[dict[str, Any]], object], *, payload_type: str = PAYLOAD_TYPE) -> None:
    """Sign a changed statement with the trusted key, so that only its content is wrong."""
    bundle = json.loads(Path("model.sig").read_bytes())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    change(statement)
    payload = json.dumps(statement, indent=2).encode()
    key = read_private_key(Path("lab.key"))
    signature = Signature(key.public.key_id, key.sign(pae(payload_type, payload)))
    Path("model.sig").write_bytes(write_bundle(payload, signature))


def test_a_signed_folder_is_verified_with_every_path(signed):
    done = envelope("verify-model", signed, *LAB, "--json")

    assert done.status == 0, done
    assert list(done.json["files"]) == [
        "config.json",
        "lewm.json",
        "parts/encoder",
        "parts/predictor",
        "weights.pt",
    ]
    assert done.json["not_covered"] == []


def test_the_same_folder_gives_the_same_signature_under_any_path(signed):
    before = Path("model.sig").read_bytes()
    shutil.copytree(signed, "elsewhere/model")

    envelope("sign-model", "elsewhere/model", "--sign-key", "lab.key", "--out", "again.sig")

    assert Path("again.sig").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda m: (m / "weights.pt").write_text("other"), "weights.pt has sha256"),
        (lambda m: (m / "config.json").unlink(), "config.json is missing"),
        (lambda m: (m / "more.pt").write_text("x"), "more.pt was not signed"),
        (lambda m: (m / "parts" / ".git").write_text("x"), "parts/.git was not signed"),
    ],
    ids=["changed", "missing", "extra", "git_below_the_top"],
)
def test_another_folder_is_not_trusted(signed, change, part):
    change(signed)
    envelope("verify-model", signed, *LAB).refused(3, part)


def test_two_files_that_change_places_are_noticed_though_the_root_is_the_same(signed):
    """The root of the format does not bind names (facts/governance.md 1.6)."""
    (signed / "parts" / "predictor").rename(signed / "parts" / "rotated")
    envelope("verify-model", signed, *LAB).refused(
        3, "parts/predictor is missing; parts/rotated was not signed"
    )


def test_files_of_git_are_let_be_and_told(signed):
    (signed / ".git").mkdir()
    (signed / ".git" / "weights.pt").write_text("x")
    (signed / ".gitattributes").write_text("x")

    done = envelope("verify-model", signed, *LAB)

    assert done.status == 0, done
    assert "not covered: .git\nnot covered: .gitattributes\n" in done.out


@pytest.mark.parametrize("target", ["weights.pt", "/dev/null", "parts"])
def test_a_link_in_the_folder_is_refused(signed, target):
    (signed / "link").symlink_to(target)
    for words in (("verify-model", signed, *LAB), ("sign-model", signed, "--sign-key", "lab.key")):
        envelope(*words).refused(2, "link is a link")


def test_a_pipe_in_the_folder_is_refused(signed):
    os.mkfifo(signed / "pipe")
    envelope("verify-model", signed, *LAB).refused(2, "is no regular file")


def test_a_signature_is_never_written_into_the_folder(signed):
    out = signed / "model.sig"
    done = envelope("sign-model", signed, "--sign-key", "lab.key", "--out", out)
    done.refused(2, "lies in the folder that it is to vouch for")
    assert not out.exists()


def test_a_key_that_other_tools_cannot_check_does_not_sign(signed):
    envelope("keygen", "ed", "--algorithm", "ed25519")
    envelope("sign-model", signed, "--sign-key", "ed.key").refused(2, "the key is ed25519")


def test_a_folder_that_is_none_or_empty_is_refused(signed):
    Path("empty").mkdir()
    envelope("sign-model", "gone", "--sign-key", "lab.key").refused(2, "gone is no folder")
    envelope("sign-model", "empty", "--sign-key", "lab.key").refused(2, "holds no file")
    envelope("verify-model", signed, *LAB, "--signature", "none.sig").refused(2, "none.sig")


def test_a_signature_by_nobody_who_is_trusted_is_refused(signed):
    envelope("verify-model", signed).refused(3, "nobody said which keys to trust")
    envelope("verify-model", signed, "--key", "other.pub").refused(3, "signed by 0 of the keys")


def test_a_key_that_may_sign_records_alone_does_not_vouch_for_folders(signed):
    envelope("trust", "add", "lab.pub")
    envelope("verify-model", signed).refused(3, f"may not sign {PREDICATE_TYPE}")


def test_an_attestation_does_not_pass_for_a_signature_of_a_folder(made_up):
    shutil.copytree(made_up.path, "model")
    done = envelope("verify-model", "model", *LAB, "--signature", made_up.attestation)
    done.refused(3, "its predicateType is ")


DEFECTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another_root": (
        lambda s: s["subject"][0]["digest"].update(sha256="0" * 64),
        "its root is 000000000000",
    ),
    "two_subjects": (lambda s: s["subject"].append(s["subject"][0]), "it has 2 subjects"),
    "a_path_that_leaves": (
        lambda s: s["predicate"]["resources"][0].update(name="../config.json"),
        "'../config.json', which is no plain path",
    ),
    "an_absolute_path": (
        lambda s: s["predicate"]["resources"][0].update(name="/etc/passwd"),
        "is no plain path",
    ),
    "a_path_twice": (
        lambda s: s["predicate"]["resources"][1].update(name="Config.json"),
        "lists Config.json twice, or in two spellings",
    ),
    "shards": (
        lambda s: s["predicate"]["serialization"].update(method="shards"),
        "its method is 'shards', only files is read",
    ),
    "another_digest": (
        lambda s: s["predicate"]["resources"][0].update(algorithm="blake3"),
        "the digest of config.json is not a sha256",
    ),
    "no_resources": (lambda s: s["predicate"].pop("resources"), "list of resources is missing"),
    "ignores_are_text": (
        lambda s: s["predicate"]["serialization"].update(ignore_paths="weights.pt"),
        "ignore_paths is not a list",
    ),
    "the_form_before_1_0": (
        lambda s: s.update(predicateType="https://model_signing/Digests/v0.1"),
        "its predicateType is 'https://model_signing/Digests/v0.1'",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_statement_that_says_something_else_is_refused(signed, defect):
    change, part = DEFECTS[defect]
    resign(change)
    envelope("verify-model", signed, *LAB).refused(3, part)


def test_weights_that_the_signer_ignored_are_not_trusted(signed):
    """Whoever signs a folder without its weights vouches for nothing."""

    def ignore(statement: dict[str, Any]) -> None:
        predicate = statement["predicate"]
        predicate["resources"].pop()
        predicate["serialization"]["ignore_paths"].append("weights.pt")
        digests = (bytes.fromhex(one["digest"]) for one in predicate["resources"])
        root = hashlib.sha256(b"".join(digests)).hexdigest()
        statement["subject"][0]["digest"]["sha256"] = root

    resign(ignore)
    envelope("verify-model", signed, *LAB).refused(3, "weights.pt was not signed")


def test_each_changed_byte_of_the_payload_is_refused(signed):
    whole = json.loads(Path("model.sig").read_bytes())
    payload = bytearray(base64.b64decode(whole["dsseEnvelope"]["payload"]))
    for place in range(0, len(payload), 97):
        payload[place] ^= 1
        whole["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
        Path("model.sig").write_text(json.dumps(whole))
        assert envelope("verify-model", signed, *LAB).status == 3
        payload[place] ^= 1


# --- the reference tool of the format ----------------------------------------------------------


def reference(*words: str | Path) -> int:
    require()
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-m", "model_signing", *map(str, words)],
        capture_output=True,
        check=False,
    )
    return done.returncode


def test_the_reference_verifies_what_we_sign_and_we_what_it_signs(signed):
    ours = ("--signature", "model.sig", "--public_key", "lab.pub")
    assert reference("verify", "key", signed, *ours) == 0

    theirs = ("--signature", "theirs.sig", "--private_key", "lab.key")
    assert reference("sign", "key", signed, *theirs) == 0
    assert envelope("verify-model", signed, *LAB, "--signature", "theirs.sig").status == 0

    inside = signed / "model.sig"
    assert reference("sign", "key", signed, "--signature", inside, *theirs[2:]) == 0
    assert envelope("verify-model", signed, *LAB, "--signature", inside).status == 0
    inside.unlink()

    (signed / "weights.pt").write_text("other")
    assert reference("verify", "key", signed, *ours) != 0
    assert envelope("verify-model", signed, *LAB, "--signature", "theirs.sig").status == 3
