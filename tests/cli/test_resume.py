"""A `measure` that is killed goes on where it stopped, and says the same in the end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from envelope.cli.files import Folder
from tests.cli import interrupted
from tests.cli.commands import ROOT, Done
from tests.cli.making import awake_checkpoint, loose_criteria

GIVE_UP_SECONDS = 60


def finished_cells(folder: Folder) -> dict[str, bytes]:
    """Their files, by id."""
    found = {path.stem: path.read_bytes() for path in folder.cells.glob("*.json")}
    return {name: data for name, data in found.items() if name != "plan"}


@contextmanager
def hearing_sigint() -> Iterator[None]:
    """For starting a child: a shell makes what it runs in the background deaf to SIGINT.

    A child keeps an ignored signal ignored, and takes any other back to its default. Not by
    `preexec_fn`: that forks this process, of which libraries with threads warn.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def end_after(folder: Folder, num_cells: int, how: signal.Signals, *words: str | Path) -> Done:
    """Measure in another process, and send it a signal once so many cells are finished."""
    with hearing_sigint():
        process = subprocess.Popen(
            [sys.executable, *words],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    started = time.monotonic()
    while len(list(folder.cells.glob("*.json"))) < num_cells:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < started + GIVE_UP_SECONDS
        time.sleep(0.005)
    process.send_signal(how)
    out, err = process.communicate()
    return Done(process.returncode, out, err)


def measure(folder: Folder, *, num_workers: int = 1) -> None:
    interrupted.measure(Path("ckpt.pt"), folder, Path("criteria.yaml"), num_workers=num_workers)


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    awake_checkpoint(Path("ckpt.pt"))
    loose_criteria(Path("criteria.yaml"))
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # cells of another number of threads are other cells
    yield
    torch.set_num_threads(num_threads)


@pytest.mark.usefixtures("checkpoint")
@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_run_that_was_killed_goes_on_and_says_the_same_as_one_that_was_not(num_workers):
    whole, killed = Folder(Path("whole.envelope")), Folder(Path("killed.envelope"))
    measure(whole)

    words = (
        "-m",
        "tests.cli.interrupted",
        "ckpt.pt",
        killed.path,
        "criteria.yaml",
        str(num_workers),
    )
    assert end_after(killed, 4, signal.SIGKILL, *words).status == -signal.SIGKILL
    assert [path.name for path in killed.path.iterdir()] == [".cells"]
    kept = finished_cells(killed)
    measure(killed)

    expected, found = whole.read_measurements(), killed.read_measurements()
    recorded = {cell.id for cell in found.cells}
    assert found.timing.reused_cells >= len(recorded & kept.keys()) > 0
    assert 0 < found.timing.run_cells < expected.timing.run_cells
    assert kept.items() <= finished_cells(killed).items()  # with the seconds they first took
    assert found.model_copy(update={"timing": expected.timing}) == expected
    once, again = whole.read_envelope(), killed.read_envelope()
    assert again.claims == once.claims
    assert again.measurements_digest == once.measurements_digest


@pytest.mark.usefixtures("checkpoint")
def test_two_processes_measure_what_one_measures_and_are_not_taken_for_an_earlier_run():
    alone, together = Folder(Path("alone.envelope")), Folder(Path("together.envelope"))
    measure(alone)
    measure(together, num_workers=2)

    expected, found = alone.read_measurements(), together.read_measurements()
    assert found.model_copy(update={"timing": expected.timing}) == expected
    assert together.read_envelope().claims == alone.read_envelope().claims
    assert found.timing.reused_cells == 0
    assert found.timing.run_cells == expected.timing.run_cells
    assert finished_cells(together).keys() == finished_cells(alone).keys()


@pytest.mark.usefixtures("checkpoint")
def test_a_damaged_cell_runs_again():
    folder = Folder(Path("ckpt.envelope"))
    measure(folder)
    before = folder.read_measurements()
    first, second = (folder.cells / f"{cell.id}.json" for cell in before.cells[-2:])
    first.write_bytes(first.read_bytes()[:-20])
    second.write_text("{}")
    (folder.cells / "left.part").write_text("half a cell")

    measure(folder)

    after = folder.read_measurements()
    assert after.timing.run_cells == 2
    assert after.model_copy(update={"timing": before.timing}) == before


@pytest.mark.usefixtures("checkpoint")
def test_a_person_who_stops_it_is_told_how_to_go_on():
    folder = Folder(Path("ckpt.envelope"))
    words = ("-m", "envelope.cli", "measure", "--model", "ckpt.pt")

    done = end_after(folder, 5, signal.SIGINT, *words)

    assert done.status == 130
    assert "finished cells are kept, run the same command to go on" in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert [path.name for path in folder.path.iterdir()] == [".cells"]
