"""`envelope demo`: every step ends as it should, and a step that does not is said."""

from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace

import pytest

from envelope.criteria import load_criteria
from tests.cli.commands import envelope, run
from tests.cli.making import awake_checkpoint, loose_criteria

STATUSES = [0, 0, 0, 0, 1, 3]
"""keygen, measure, verify; check as measured, further ahead, with a changed weight."""


def statuses(out: str) -> list[int]:
    return [
        int(line.removeprefix("(exit status ").removesuffix(")"))
        for line in out.splitlines()
        if line.startswith("(exit status ")
    ]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("small_profile")
def test_the_whole_line_ends_as_it_should_on_any_model(elsewhere, monkeypatch):
    """By the commands of this process, with few cases; the slow test has the installed ones."""
    awake_checkpoint(Path("any.pt"))
    loose_criteria(Path("loose.yaml"))
    criteria = load_criteria(Path("loose.yaml"))
    here = SimpleNamespace(run=lambda line, **_: CompletedProcess(line, envelope(*line[3:]).status))
    monkeypatch.setattr("envelope.cli.demo.subprocess", here)
    monkeypatch.setattr("envelope.criteria.default_criteria", lambda: criteria)
    monkeypatch.setattr("lewm.pretrained.bundled", lambda name: elsewhere / "any.pt")

    done = envelope("demo")

    assert done.status == 0, done
    assert statuses(done.out) == STATUSES
    assert done.out.splitlines()[-1].endswith("The report: demo.out/two_room.envelope/report.html")


def test_a_step_that_ends_otherwise_is_said(elsewhere, monkeypatch):
    Path("any.pt").write_text("no model")
    monkeypatch.setattr("lewm.pretrained.bundled", lambda name: elsewhere / "any.pt")

    done = envelope("demo", "--out", "out")

    assert done.status == 2
    assert "`envelope measure` ended with status 2, not 0" in done.err
    assert "Traceback" not in done.err
    assert statuses(done.out) == [0, 2]


def test_a_place_that_cannot_be_written_is_refused(elsewhere):
    Path("taken").write_text("")

    assert envelope("demo", "--out", "taken").status == 2
    done = envelope("demo", "--out", "taken/out")
    assert done.status == 2
    assert "Traceback" not in done.err


@pytest.mark.slow
@pytest.mark.usefixtures("elsewhere")
def test_the_bundled_model_goes_the_whole_line():
    done = run("envelope", "demo")

    assert done.status == 0, done
    assert statuses(done.out) == STATUSES
