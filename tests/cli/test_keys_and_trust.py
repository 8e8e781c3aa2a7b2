"""`envelope keygen`, `sign`, `verify` and `trust`: keys in, signatures out."""

import stat
from pathlib import Path

import pytest

from tests.cli.commands import envelope, run

PASSPHRASE = {"LAB_PASSPHRASE": "correct horse"}


@pytest.mark.parametrize("algorithm", ["p256", "ed25519"])
def test_a_new_pair_signs_and_verifies(made_up, algorithm):
    done = run("envelope", "keygen", "new", "--algorithm", algorithm)

    assert done.status == 0
    assert "whoever can read it can sign in your name" in done.err
    assert stat.S_IMODE(Path("new.key").stat().st_mode) == 0o600
    assert envelope("sign", made_up.path, "--sign-key", "new.key").status == 0
    assert envelope("verify", made_up.attestation, "--key", "new.pub").status == 0


def test_a_key_is_never_overwritten_and_never_left_half_made(keys):
    before = Path("lab.key").read_bytes()
    envelope("keygen", "lab").refused(2, "lab.key exists already")
    assert Path("lab.key").read_bytes() == before

    Path("lab.key").unlink()
    envelope("keygen", "lab").refused(2, "lab.pub exists already")
    assert not Path("lab.key").exists()
    envelope("keygen", "nowhere/lab").refused(2, "cannot write nowhere/lab.key")


def test_a_passphrase_is_asked_for_where_there_is_one(made_up):
    words = ("--passphrase-env", "LAB_PASSPHRASE")
    assert run("envelope", "keygen", "closed", *words, env=PASSPHRASE).status == 0
    sign = ("sign", made_up.path, "--sign-key", "closed.key")

    assert run("envelope", *sign, *words, env=PASSPHRASE).status == 0
    wrong = run("envelope", *sign, *words, env={"LAB_PASSPHRASE": "battery staple"})
    wrong.refused(2, "passphrase")
    envelope(*sign).refused(2, "passphrase")
    envelope(*sign, *words).refused(2, "LAB_PASSPHRASE is not set")
    envelope("keygen", "more", *words).refused(2, "LAB_PASSPHRASE is not set")
    assert not list(Path().glob("more.*"))


@pytest.mark.parametrize("name", ["lab.pub", "model.pt", "nowhere.key", "model.envelope"])
def test_what_is_no_private_key_signs_nothing(made_up, name):
    before = made_up.attestation.read_bytes()

    envelope("sign", made_up.path, "--sign-key", name).refused(2, name)
    assert made_up.attestation.read_bytes() == before


@pytest.mark.parametrize("name", ["lab.key", "model.pt", "nowhere.pub"])
def test_what_is_no_public_key_is_not_trusted(made_up, name):
    envelope("verify", made_up.attestation, "--key", name).refused(2, name)
    envelope("trust", "add", name).refused(2, name)
    envelope("trust", "show").refused(3, "nobody said which keys to trust")


def test_signing_again_gives_the_same_bytes(made_up):
    before = made_up.attestation.read_bytes()

    assert envelope("sign", made_up.path, "--sign-key", "lab.key").status == 0
    assert made_up.attestation.read_bytes() == before


def test_a_record_is_not_signed_without_its_files(made_up):
    made_up.report.unlink()
    words = ("sign", made_up.path, "--sign-key", "lab.key")
    envelope(*words).refused(2, "model.envelope/report.html cannot be read")
    made_up.measurements.unlink()
    envelope(*words).refused(2, "model.envelope/measurements.json cannot be read")


def test_keys_that_are_trusted_are_shown_with_who_said_so(keys):
    added = envelope("trust", "add", "lab.pub", "--name", "laboratory")
    again = envelope("trust", "add", "lab.pub")

    shown = envelope("trust", "show")

    assert added.status == again.status == shown.status == 0
    assert shown.out.splitlines()[0].endswith("envelope/trust.yaml:")
    assert shown.out.count("\n  ") == 1
    assert "\n  laboratory  auditor  " in shown.out
    envelope("trust", "add", "other.pub", "--name", "laboratory").refused(2, "another key named")
    envelope("trust", "add", "other.pub", "--name", "../lab").refused(2, "cannot name a key")


def test_an_attestation_that_is_not_there_cannot_be_verified(keys):
    envelope("verify", "nowhere.json", "--key", "lab.pub").refused(2, "nowhere.json cannot be read")


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (["--key", "lab.pub"], 0, None),
        (["--key", "lab.pub", "--file", "other.pub"], 3, "digest_mismatch"),
        (["--key", "other.pub"], 3, "key_not_trusted"),
        ([], 3, "no_trust"),
        (["--key", "nowhere.pub"], 2, "bad_file"),
        (["--key", "model.pt"], 2, "bad_key"),
        (["--nonsense"], 2, "usage"),
    ],
)
def test_json_says_what_the_exit_status_says(made_up, words, status, reason):
    done = envelope("verify", made_up.attestation, *words, "--json")

    assert done.status == done.json["exit_status"] == status
    assert done.json.get("reason") == reason
