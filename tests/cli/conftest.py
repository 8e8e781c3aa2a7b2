"""A record that was made up, and one that was really measured; each test gets its own copy.

Both lie as `measure` leaves them: the checkpoint, `<stem>.envelope/` beside it, and the keys `lab`
(the auditor's) and `other` (anybody's). The test runs in the folder around them.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from envelope.cli.files import Folder
from perturbations import profiles
from tests.cli.commands import envelope, run
from tests.cli.gating import SMALL, nudged
from tests.cli.making import awake_checkpoint, loose_criteria, made_up_record


@pytest.fixture(autouse=True)
def _nobody_is_trusted_yet(tmp_path_factory, monkeypatch):
    """No test sees the trust of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.delenv("ENVELOPE_TRUST", raising=False)
    monkeypatch.delenv("ENVELOPE_TRACEBACK", raising=False)
    monkeypatch.delenv("LEWM_TRACEBACK", raising=False)


@pytest.fixture(scope="session")
def _keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name in ("lab", "other"):
        assert envelope("keygen", folder / name).status == 0
    return folder


@pytest.fixture(scope="session")
def _made_up(tmp_path_factory, _keys):
    folder = tmp_path_factory.mktemp("made_up")
    made_up_record(folder / "model.pt")
    signed = envelope("sign", folder / "model.envelope", "--sign-key", _keys / "lab.key")
    assert signed.status == 0, signed
    return folder


@pytest.fixture(scope="session")
def measured_once(tmp_path_factory, _keys):
    folder = tmp_path_factory.mktemp("measured")
    awake_checkpoint(folder / "ckpt.pt")
    loose_criteria(folder / "loose.yaml")
    done = run(
        "envelope",
        "measure",
        *("--model", folder / "ckpt.pt"),
        *("--profile", "quick"),
        *("--criteria", folder / "loose.yaml"),
        *("--sign-key", _keys / "lab.key"),
    )
    assert done.status == 0, done
    return folder


def _copy(source: Path, keys: Path, target: Path) -> None:
    for origin in (source, keys):
        shutil.copytree(origin, target, dirs_exist_ok=True)


@pytest.fixture
def made_up(_made_up, _keys, tmp_path, monkeypatch) -> Folder:
    """The folder of a made-up record, signed by `lab`; its model holds no tensors."""
    _copy(_made_up, _keys, tmp_path)
    monkeypatch.chdir(tmp_path)
    return Folder(Path("model.envelope"))


@pytest.fixture
def measured(measured_once, _keys, tmp_path, monkeypatch) -> Folder:
    """The folder of a record that was measured with few rows and judged mildly, signed by `lab`."""
    _copy(measured_once, _keys, tmp_path)
    monkeypatch.chdir(tmp_path)
    return Folder(Path("ckpt.envelope"))


@pytest.fixture
def keys(_keys, tmp_path, monkeypatch) -> Path:
    """A folder with the keys alone."""
    shutil.copytree(_keys, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small_profile(monkeypatch):
    """`quick` with a handful of episodes; the gate takes it by its name."""
    small = replace(profiles.PROFILES["quick"], **SMALL)
    monkeypatch.setattr(profiles, "PROFILES", {**profiles.PROFILES, "quick": small})


@pytest.fixture
def to_gate(tmp_path, monkeypatch) -> Path:
    """A base that nobody trained, the same with weights moved by a hair, and mild criteria."""
    awake_checkpoint(tmp_path / "base.pt")
    nudged(tmp_path / "base.pt", tmp_path / "tuned.pt", by=1e-6)
    loose_criteria(tmp_path / "loose.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path
