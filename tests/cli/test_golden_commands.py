"""What a stranger does with the golden example of a checkout: every command that reads a record."""

import shutil
from pathlib import Path

import pytest

from envelope.cli.files import Folder
from tests.cli.commands import ROOT, envelope

EXAMPLE = Path("tests/golden/v0.1.envelope")
MODEL = Path("lewm/pretrained/two_room.pt")
LAB = ("--key", "lab.pub")


@pytest.fixture
def golden(keys, tmp_path) -> Folder:
    """As in a fresh checkout; `lab` is the example's auditor, `other` the stranger."""
    shutil.copytree(ROOT / EXAMPLE, tmp_path / EXAMPLE)
    (tmp_path / MODEL.parent).mkdir(parents=True)
    shutil.copy(ROOT / MODEL, tmp_path / MODEL)
    shutil.copy(ROOT / EXAMPLE / "lab.pub", "lab.pub")
    return Folder(EXAMPLE)


def test_it_is_genuine_down_to_its_rows_about_the_bundled_model_and_inside(golden):
    words = ("--file", MODEL, "--load", MODEL, "--recompute", "--json")
    verified = envelope("verify", golden.attestation, *LAB, *words)
    checked = envelope("check", "--deploy", golden.deploy, *LAB)

    assert verified.status == 0, verified
    assert verified.json["recomputed"]
    assert [one["subject"] for one in verified.json["files"]][:2] == [
        "measurements.json",
        "two_room.pt",
    ]
    assert checked.status == 0, checked


def test_it_can_be_drafted_shown_signed_and_countersigned_by_somebody_else(golden):
    assert envelope("keygen", "third").status == 0
    for words in (
        ("draft", golden.path),
        ("report", golden.path),
        ("sign", golden.path, "--sign-key", "other.key"),
        ("verify", golden.attestation, "--key", "other.pub"),
        ("countersign", golden.path, "--sign-key", "third.key", "--key", "other.pub"),
        ("verify", golden.attestation, "--key", "third.pub", "--file", MODEL),
        ("check", "--deploy", golden.deploy, "--key", "third.pub"),
    ):
        done = envelope(*words)
        assert done.status == 0, (words, done)
    envelope("verify", golden.attestation, *LAB).refused(3, "signed by 0 of the keys you trust")


def test_its_decision_to_lapse_is_that_of_a_longer_horizon(golden):
    text = golden.deploy.read_text()
    golden.deploy.write_text(text.replace("horizon: 5 ", "horizon: 9 "))
    assert golden.deploy.read_text() != text

    done = envelope("check", "--deploy", golden.deploy, *LAB, "--json")

    assert done.status == 1, done
    assert "horizon" in done.out
