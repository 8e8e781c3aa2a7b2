import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from envelope.errors import EnvelopeError
from perturbations import audit
from perturbations.cells.runner import CellStore, Runner
from tests import known_models as known
from tests.perturbations.audits import audited


@pytest.fixture(scope="module")
def bench():
    return audited("ColourBlind")[0]


@pytest.fixture(scope="module")
def found():
    return audited("ColourBlind")[1]


@pytest.fixture(scope="module")
def summaries():
    return audited("ColourBlind")[2]


def test_an_audit_repeats_itself_row_by_row(bench, found, summaries):
    again = audit.run(known.bench(known.ColourBlind()))

    assert again.cells == found.cells
    assert again.monitors == found.monitors
    assert again.pictures == found.pictures
    assert audit.summarise(again.cells, again.monitors, audit.plan(bench)) == summaries


def test_the_plan_names_the_goal_offsets_that_its_suites_run():
    profile = replace(known.PROFILE, goal_offsets_env_steps=(10, 30))
    bench = known.bench(known.Oracle(), profile=profile)

    assert audit.plan(bench).goal_offsets_env_steps == [10, 30]
    assert audit.plan(bench, ["planning"]).goal_offsets_env_steps == []


def test_rows_say_the_same_after_a_trip_through_json(bench, found, summaries):
    cells = [type(cell).model_validate(json.loads(cell.model_dump_json())) for cell in found.cells]
    monitors, _ = audit.monitors_from(cells, bench.criteria)

    assert monitors == found.monitors
    assert audit.summarise(cells, monitors, audit.plan(bench)) == summaries


def test_ids_of_measurements_are_unique(summaries):
    assert len({m.id for m in summaries}) == len(summaries)


def test_a_second_run_takes_every_cell_from_the_folder(tmp_path):
    first = known.bench(known.ColourBlind(), runner=Runner(CellStore(tmp_path)))
    second = known.bench(known.ColourBlind(), runner=Runner(CellStore(tmp_path)))
    made, read = audit.run(first), audit.run(second)

    assert read.cells == made.cells
    assert second.runner.run_cells == 0
    assert second.runner.reused_cells > 70


def test_a_killed_audit_goes_on_where_it_stopped(tmp_path, found):
    def kill_after_ten(progress):
        if runner.run_cells == 10:
            raise KeyboardInterrupt

    runner = Runner(CellStore(tmp_path), kill_after_ten)
    with pytest.raises(KeyboardInterrupt):
        audit.run(known.bench(known.ColourBlind(), runner=runner))
    num_kept = len(list(tmp_path.iterdir()))
    resumed = known.bench(known.ColourBlind(), runner=Runner(CellStore(tmp_path)))
    again = audit.run(resumed)

    assert num_kept == 10
    assert again.cells == found.cells
    # The actions behind the calibration scores are not needed again.
    assert resumed.runner.reused_cells == num_kept - 1


def test_a_model_without_numbers_crashes_cells_and_finds_nothing():
    bench = known.bench(known.Broken())
    found = audit.run(bench)
    summaries = audit.summarise(found.cells, found.monitors, audit.plan(bench))
    of_model = [cell for cell in found.cells if cell.arm == "model"]

    assert {cell.status for cell in of_model} == {"crashed"}
    assert all("not a finite number" in cell.error for cell in of_model)
    assert found.monitors == []
    assert "crashed" in found.not_measured[0].reason
    for m in summaries:
        if m.condition.get("arm") not in ("random", "untrained_twin", "true_dynamics"):
            assert m.estimate is None
            assert m.note.startswith("crashed"), m.id


def test_a_crashed_stream_leaves_no_success_of_the_model(bench, found):
    first = next(c for c in found.cells if c.condition.get("stream") == 0)
    crashed = first.model_copy(update={"status": "crashed", "rows": {}, "error": "boom"})
    cells = [crashed if c is first else c for c in found.cells]
    summaries = audit.summarise(cells, found.monitors, audit.plan(bench))

    for m in summaries:
        rests_on_it = m.quantity in ("success_drop", "success_gain", "share_of_ceiling") or (
            m.quantity == "success" and m.condition.get("arm") == "model"
        )
        if rests_on_it:
            assert m.estimate is None
            assert m.note in ("crashed: boom", "the clean arm has no planner stream 0")


def test_taking_cells_away_never_adds_an_estimate(bench, found, summaries):
    before = {m.id for m in summaries if m.estimate is not None}
    for cell in found.cells[::4]:
        rest = [c for c in found.cells if c is not cell]
        monitors, _ = audit.monitors_from(rest, bench.criteria)
        after = audit.summarise(rest, monitors, audit.plan(bench))

        assert {m.id for m in after if m.estimate is not None} <= before


def test_no_cells_give_no_estimate(bench):
    empty = audit.summarise([], [], audit.plan(bench))

    assert all(m.estimate is None for m in empty)


def test_too_few_calibration_episodes_leave_the_monitor_out_and_say_how_many(bench):
    few = known.bench(known.ColourBlind(), calibration=known.lawful_episodes(12, seed=1))
    found = audit.run(few, ["voe"])

    assert found.monitors == []
    assert "smallest number that can is 59" in found.not_measured[0].reason
    assert audit.summarise(found.cells, [], audit.plan(few, ["voe"])) == []


def test_the_calibration_rows_carry_the_threshold(bench, found):
    strict = bench.criteria.model_copy(update={"false_alarms_per_episode": 0.2})
    monitors, _ = audit.monitors_from(found.cells, strict)

    assert monitors[0].threshold < found.monitors[0].threshold
    assert monitors[0].calibration.episodes == 60
    assert monitors[0].calibration.episodes_digest == bench.calibration.digest


def test_few_clips_settle_nothing():
    few = known.bench(known.Oracle(), scoring=known.lawful_episodes(8, seed=2))
    found = audit.run(few, ["voe"])
    summaries = audit.summarise(found.cells, found.monitors, audit.plan(few, ["voe"]))

    detections = [m for m in summaries if m.quantity == "detection"]
    assert all(m.estimate is None for m in detections)
    assert all("10 needed" in m.note for m in detections)


def test_a_changed_planner_leaves_the_planner_out_of_nothing_it_decides(tmp_path):
    first = known.bench(known.Oracle(), runner=Runner(CellStore(tmp_path)))
    audit.run(first, ["planning"])
    identity = {**first.identity, "planner": "another"}
    other = known.bench(known.Oracle(), identity=identity, runner=Runner(CellStore(tmp_path)))
    audit.run(other, ["planning"])

    assert other.runner.reused_cells == 1  # random actions are nobody's plans


def test_only_the_chosen_suites_run(bench):
    found = audit.run(known.bench(known.Oracle()), ["horizon_drift"])

    assert {cell.suite for cell in found.cells} == {"monitors", "horizon_drift"}
    with pytest.raises(EnvelopeError, match="no suite is called 'magic'"):
        audit.run(bench, ["magic"])


def test_the_plan_states_what_is_there_not_what_was_hoped_for():
    bench = known.bench(known.Oracle(), cases=known.cases(11))

    assert audit.plan(bench).num_cases == 11


def test_standard_bisects_and_shows_the_two_worst_classes_on_every_frame():
    profile = replace(known.PROFILE, name="standard", shifted_cells="bisect")
    criteria = known.criteria(nuisances={name: [0.2, 0.5, 1.0] for name in known.FACTORS})
    bench = known.bench(known.BackgroundReader(), profile=profile, criteria=criteria)
    found = audit.run(bench, ["planning", "nuisance_shift"])
    closed = [c.condition for c in found.cells if c.condition.get("loop") == "closed"]

    def strengths(name):
        return [(c["strength"], c["frames"]) for c in closed if c["nuisance"] == name]

    assert strengths("blur") == [(0.5, "current"), (1.0, "current")]
    assert strengths("background.color")[:2] == [(0.5, "current"), (0.2, "current")]
    assert {f for _, f in strengths("background.color")} == {"current", "goal", "both"}
    assert strengths("light.gain") == [(s, "current") for s in (0.5, 1.0, 1.0)]
    assert len({c["direction"] for c in closed if c["nuisance"] == "light.gain"}) == 2
    num_with_several_directions = 5
    assert len(closed) == 2 * 8 + num_with_several_directions + 2 * 2


def test_deep_runs_the_grid():
    profile = replace(known.PROFILE, name="deep", shifted_cells="grid")
    criteria = known.criteria(nuisances={"light.gain": [0.5, 1.0], "blur": [1.0]})
    bench = known.bench(known.ColourBlind(), profile=profile, criteria=criteria)
    found = audit.run(bench, ["nuisance_shift"])
    closed = [c.condition for c in found.cells if c.condition.get("loop") == "closed"]

    assert len(closed) == (2 * 2 + 1) + 2 * (2 + 1)


def test_what_a_reader_might_miss_is_listed(found):
    missing = {entry.what for entry in found.not_measured}

    assert "success under blur" in missing
    assert "success under background.color" not in missing


def test_a_world_without_a_factor_has_the_class_listed_as_not_measured():
    class Colourless(known.DotWorld):
        factors = {"light.gain": 1.0}  # noqa: RUF012

        def render(self, states, factors=None):
            return known.WORLD.render(states, factors)

    criteria = known.criteria(nuisances={"background.color": [1.0], "light.gain": [1.0]})
    bench = known.bench(known.Oracle(), world=Colourless(), criteria=criteria)
    found = audit.run(bench, ["nuisance_shift"])

    assert [entry.what for entry in found.not_measured] == [
        "monitor dropout",
        "background.color in any form",
    ]


def test_every_nuisance_strength_and_violation_has_a_picture(bench, found):
    nuisances = [p for p in found.pictures if p.suite == "nuisance_shift"]
    strips = [p for p in found.pictures if p.suite == "voe"]

    strengths = {0.0, 0.5, 1.0}
    assert {(p.condition["nuisance"], p.condition["strength"]) for p in nuisances} == {
        (name, strength) for name in bench.criteria.nuisances for strength in strengths
    }
    assert {p.condition["violation"] for p in strips} == set(bench.criteria.violations)


def test_a_planner_that_crashes_takes_neither_rows_nor_references_with_it():
    class NoPlan(known.Search):
        def plan(self, model, frames, goal_frames, seeds):
            raise RuntimeError("no plan")

    found = audit.run(known.bench(known.Oracle(), planner=NoPlan()))
    done = {(cell.suite, cell.arm) for cell in found.cells if cell.status == "done"}

    assert done == {
        ("planning", "random"),
        ("planning", "true_dynamics"),
        ("representation", "model"),  # what rests on states alone
        ("cost", "model"),  # what rests on frames alone
    }
    assert found.not_measured[-1].what == "some pictures"
    assert "no plan" in found.not_measured[-1].reason


def test_every_suite_has_a_docstring_with_four_parts():
    for text in audit.texts():
        assert text.question.endswith("?")
        assert min(map(len, (text.why_it_matters, text.observes, text.blind_to))) > 40


def test_a_suite_without_its_four_parts_is_refused():
    class Vague(audit.Planning):
        """Does it work?

        Observes: success.
        """

    with pytest.raises(ValueError, match="docstring of Vague"):
        Vague.text()


def test_summaries_are_recomputed_without_torch_or_scipys_statistics():
    code = (
        "import sys, perturbations.audit; "
        "sys.exit(bool({'torch', 'scipy.stats', 'lewm'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_encoder_that_depends_on_chance_or_on_its_batch_crashes_the_audit():
    class Dropout(known.Oracle):
        draws = np.random.default_rng(0)

        def encode(self, frames):
            return super().encode(frames) * self.draws.uniform(0.9, 1)

    class TrainingMode(known.Oracle):
        def encode(self, frames):
            z = super().encode(frames)
            return z - z.mean(dim=0)

    for model, said in ((Dropout(), "dropout"), (TrainingMode(), "BatchNorm")):
        found = audit.run(known.bench(model), ["horizon_drift"])
        assert found.monitors == []
        assert said in found.not_measured[0].reason
