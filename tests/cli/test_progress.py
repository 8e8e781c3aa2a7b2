"""Whoever waits is told: how long it may take, what runs now, and what ended."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from envelope.cli.forecast import foresee, work_of
from envelope.cli.progress import CellProgress, in_words
from envelope.criteria import default_criteria
from envelope.records import Cell
from perturbations.cells.runner import CellKey, Progress, Runner


def ended(suite="voe", seconds=5.0):
    cell = Cell(
        id="0" * 64,
        suite=suite,
        arm="model",
        condition={"stream": 0},
        cases="0" * 64,
        status="done",
        rows={},
        error="",
    )
    return Progress(cell, seconds, reused=False)


def told_after(capsys, words, within_seconds=10.0):
    """What was written until these words came."""
    text, until = "", time.monotonic() + within_seconds
    while words not in text and time.monotonic() < until:
        time.sleep(0.005)
        text += capsys.readouterr().err
    return text


def test_a_long_cell_is_named_while_it_runs(capsys):
    with CellProgress(silence_seconds=0.02) as progress:
        progress.doing("laying out episodes")
        assert "laying out episodes" in told_after(capsys, "laying out episodes")
        runner = Runner(None, progress, progress.begun)

        def rows():
            assert "still running" in told_after(capsys, "planning stream=3")
            return {"success": [True]}

        key = CellKey("planning", "model", {"stream": 3}, cases="0" * 64, seed=0)
        assert runner.run(key, rows).status == "done"


def test_a_log_without_long_cells_hears_of_each_suite_once(capsys):
    with CellProgress() as progress:
        for suite in ("voe", "voe", "cost"):
            progress(ended(suite, seconds=0.1))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("cell ")[1][:7] for line in lines] == ["1: voe ", "3: cost"]


def test_lines_say_what_is_left_once_it_was_foreseen(capsys):
    with CellProgress() as progress:
        progress.expect(7200.0, "about 2 h in one process")
        progress(ended())
    said = capsys.readouterr().err
    assert said.startswith("about 2 h in one process\n[")
    assert "about 2 h left] cell 1" in said


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "about 1 s"), (89, "about 89 s"), (600, "about 10 min"), (54_000, "about 15 h")],
)
def test_times_are_told_no_finer_than_they_are_known(seconds, words):
    assert in_words(seconds) == words


class Seen:
    """Scoring episodes."""

    states = np.zeros((120, 1, 2))

    def __len__(self):
        return 120


def bench(*, seconds=0.0, recorded=None):
    """As much of a bench as is timed; a frame or a plan takes so long."""

    def slow(*_):
        time.sleep(seconds)
        return torch.zeros(1)

    def drawn(states):
        return np.zeros((len(states), 4, 4, 3), dtype=np.uint8)

    return SimpleNamespace(
        model=SimpleNamespace(encode=slow),
        planner=SimpleNamespace(plan=slow),
        world=SimpleNamespace(render=drawn),
        profile=SimpleNamespace(
            name="quick", num_calibration_episodes=200, num_scoring_episodes=120
        ),
        recorded=recorded,
        calibration=range(200),
        scoring=Seen(),
        criteria=default_criteria(),
    )


def test_work_is_foreseen_by_suite_and_recorded_episodes_have_no_plans():
    every = work_of(bench(), ("planning", "voe"))
    assert every.plans > work_of(bench(), ("voe",)).plans
    recorded = work_of(bench(recorded=object()), ("planning", "voe"))
    assert recorded.plans == 0
    assert 0 < recorded.frames < every.frames


def test_criteria_that_ask_less_are_foreseen_to_take_less():
    less = bench()
    few = dict(list(less.criteria.violations.items())[:1])
    less.criteria = less.criteria.model_copy(update={"violations": few})
    assert work_of(less, ("voe",)).frames < work_of(bench(), ("voe",)).frames / 5


def test_a_run_of_a_slow_model_is_foreseen_and_a_short_one_is_not_talked_about():
    found = foresee(bench(seconds=0.05), ("planning", "voe"), has_cells=True)
    assert found.seconds > 60
    assert " plans of 0.0" in found.words
    assert "that still fit are kept" in found.words
    assert foresee(bench(), ("planning",), has_cells=False) is None


def test_a_slow_simulator_is_foreseen_by_its_steps_and_pictures():
    slow = bench()
    slow.profile.name = "brief"
    slow.scoring.actions = np.zeros((120, 1, 2))
    slow.world.steps_one_by_one = True
    slow.world.step = lambda states, actions: time.sleep(0.02 * len(states))
    found = foresee(slow, ("planning", "voe"), has_cells=False)
    assert found.seconds > 6000
    assert " env steps of 0.0" in found.words

    slow.profile.name = "standard"
    slow.world.render = lambda states: (time.sleep(0.05), bench().world.render(states))[1]
    assert foresee(slow, ("voe",), has_cells=False).words.startswith("more than ")


def test_a_model_that_raises_is_left_to_the_cells():
    broken = bench()
    broken.model.encode = None
    assert foresee(broken, ("planning", "voe"), has_cells=False) is None
