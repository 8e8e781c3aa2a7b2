"""0, 1, 2 and 3 mean what they say, whatever goes wrong on the way (T39)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envelope.cli import COMMANDS
from tests.cli.commands import ROOT, envelope, lewm, python, run

LAB = ("--key", "lab.pub")
HEAVY = ("torch", "numpy", "scipy", "gymnasium", "safetensors", "h5py", "lewm", "perturbations")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_and_its_exit_statuses_in_its_help(name):
    done = envelope(name, "--help")

    assert done.status == 0
    assert f"Example:\n      envelope {name}" in done.out
    assert "Exit status: 0 " in done.out


def test_the_installed_commands_say_their_version():
    for program in ("envelope", "lewm"):
        done = run(program, "--version")
        assert done.status == 0
        assert done.out.startswith(program)
    assert python("from envelope.cli import __main__").status == 2  # no command was given


@pytest.mark.parametrize("words", [[], ["nonsense"], ["check"]])
def test_a_wrong_call_is_status_2(words):
    done = envelope(*words)

    assert done.status == 2
    assert "Usage: envelope" in done.err
    assert lewm(*words).status == 2


# --- faults on the way ------------------------------------------------------------------------

STAGES = {
    "check": [
        "envelope.cli.files.read_bytes",
        "envelope.deploy.parse_deploy",
        "envelope.trust_lookup.find_trust",
        "envelope.attestation.open_verified",
        "envelope.signing.verify",
        "envelope.digest.file_sha256",
        "envelope.check.check_deployment",
        "envelope.check.compare_scope",
        "envelope.verdict_text.text_of",
    ],
    "verify": [
        "envelope.trust_lookup.find_trust",
        "envelope.trust.open_verified",
        "envelope.cli.genuine.bytes_sha256",
    ],
    "sign": ["envelope.keyfiles.read_private_key", "envelope.attestation.make"],
    "draft": ["perturbations.audit.summarise", "envelope.cli.render.draft"],
    "report": ["envelope.cli.recompute.draft", "reports.render"],
}
WORDS = {
    "check": ("--deploy", "ckpt.envelope/deploy.yaml", *LAB),
    "verify": ("ckpt.envelope/attestation.json", *LAB),
    "sign": ("ckpt.envelope", "--sign-key", "lab.key"),
    "draft": ("ckpt.envelope",),
    "report": ("ckpt.envelope",),
}


@pytest.mark.parametrize("command", STAGES)
def test_a_fault_in_any_stage_could_not_evaluate_and_is_no_verdict(command, measured, monkeypatch):
    before = {path.name: path.read_bytes() for path in measured.path.glob("*.*") if path.is_file()}
    assert len(before) == 5

    for stage in STAGES[command]:
        module, _, name = stage.rpartition(".")
        __import__(module)
        with monkeypatch.context() as patching:
            patching.setattr(sys.modules[module], name, _out_of_luck)
            if stage.startswith("envelope.cli.files"):
                patching.setattr(f"envelope.cli.{command}.{name}", _out_of_luck, raising=False)
            if module == "envelope.attestation":
                patching.setattr(f"envelope.trust.{name}", _out_of_luck, raising=False)
            if module == "envelope.signing":
                patching.setattr(f"envelope.attestation.{name}", _out_of_luck)
            envelope(command, *WORDS[command]).refused(
                2, "could not finish: RuntimeError: out of luck", "ENVELOPE_TRACEBACK=1"
            )
    after = {path.name: path.read_bytes() for path in measured.path.glob("*.*") if path.is_file()}
    assert after == before


def _out_of_luck(*_: object, **__: object) -> None:
    raise RuntimeError("out of luck")


def test_where_a_fault_came_from_is_shown_on_request(made_up, monkeypatch):
    monkeypatch.setattr("envelope.check.check_deployment", _out_of_luck)
    monkeypatch.setenv("ENVELOPE_TRACEBACK", "1")

    with pytest.raises(RuntimeError, match="out of luck"):
        envelope("check", "--deploy", made_up.deploy, *LAB)


def test_a_library_that_is_not_installed_is_named(made_up, monkeypatch):
    monkeypatch.setitem(sys.modules, "perturbations", None)

    done = envelope(
        "draft",
        made_up.path,
    )
    done.refused(2, "perturbations", "pip install 'world-model-envelope[measure]'")


def test_a_person_who_stops_a_command_gets_no_verdict(made_up, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("envelope.check.check_deployment", stop)

    done = envelope("check", "--deploy", made_up.deploy, *LAB)
    assert done.status == 130
    assert done.out == ""


@pytest.mark.parametrize("program", ["envelope", "lewm"])
def test_a_reader_that_went_away_gets_no_verdict(program):
    reader, writer = os.pipe()
    os.close(reader)
    command = Path(sys.executable).with_name(program)
    done = subprocess.run([command, "--help"], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)

    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


# --- what a reader has to install ---------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["check", "--deploy", "model.envelope/deploy.yaml", *LAB],
        ["verify", "model.envelope/attestation.json", *LAB, "--file", "model.pt"],
        ["sign", "model.envelope", "--sign-key", "lab.key"],
        ["keygen", "new"],
        ["trust", "add", "lab.pub"],
    ],
    ids=lambda words: words[0],
)
@pytest.mark.usefixtures("made_up")
def test_a_reader_of_records_loads_neither_torch_nor_numpy(words):
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from envelope.cli import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code, ended.code\n"
        f"print('LOADED', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = python(code, *words)

    assert done.status == 0, done
    assert done.out.endswith("LOADED []\n")
