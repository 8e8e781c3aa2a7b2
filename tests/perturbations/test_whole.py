"""Rows and cells that were taken out, or put in, contradict the plan."""

from dataclasses import replace

import pytest

from envelope.records import RecordedEpisodes
from perturbations import audit
from perturbations.whole.contradiction import contradiction
from tests import known_models as known
from tests.perturbations.audits import audited

RECORDED = RecordedEpisodes(
    name="pushed.h5",
    digest="0" * 64,
    num_episodes=200,
    num_usable=200,
    model_steps_per_episode=10,
    columns=["pixels", "action"],
    state_column="",
    num_fitting_episodes=52,
    num_states=50,
)
BISECTING = replace(known.PROFILE, shifted_cells="bisect", num_cases=12, num_streams=1)


@pytest.fixture(scope="module")
def few():
    bench, found, _ = audited("Oracle")
    return found.cells, audit.plan(bench)


@pytest.fixture(scope="module")
def bisected():
    bench = known.bench(known.BackgroundReader(), profile=BISECTING)
    return audit.run(bench, ["planning", "nuisance_shift"]).cells, audit.plan(bench)


def of(cells, suite, **condition):
    return [
        cell
        for cell in cells
        if cell.suite == suite and all(cell.condition.get(k) == v for k, v in condition.items())
    ]


def with_rows(cell, change):
    rows = {name: change(column) for name, column in cell.rows.items()}
    return cell.model_copy(update={"rows": rows})


def judge(cells, plan, profile=known.PROFILE):
    return contradiction(cells, plan, profile)


def test_the_cells_of_a_whole_run_are_those_of_its_plan(few, bisected):
    assert judge(*few) == ""
    assert judge(*bisected, BISECTING) == ""


@pytest.mark.parametrize(
    "suite",
    [
        "monitors",
        "planning",
        "representation",
        "nuisance_shift",
        "voe",
        "horizon_drift",
        "exploitation",
        "cost",
    ],
)
@pytest.mark.parametrize(
    "change",
    [
        lambda column: column[1:],
        lambda column: column[:-1],
        lambda column: column * 2,
        lambda column: column[::-1],
    ],
    ids=["first_gone", "last_gone", "doubled", "reordered"],
)
def test_rows_that_are_gone_doubled_or_in_another_order_are_noticed(few, suite, change):
    cells, plan = few
    one = of(cells, suite)[-1]

    changed = [with_rows(cell, change) if cell is one else cell for cell in cells]

    assert f"the cell {suite}" in judge(changed, plan)


def test_the_failed_cases_cannot_be_taken_out_of_all_cells_together(few):
    cells, plan = few
    gone = {0, 3}
    fewer = [
        with_rows(cell, lambda column: [v for i, v in enumerate(column) if i not in gone])
        if "success" in cell.rows
        else cell
        for cell in cells
    ]

    assert "of which the plan has 40" in judge(fewer, plan)


def test_a_cell_that_counts_twice_is_noticed(few):
    cells, plan = few

    assert "two cells have the id" in judge([*cells, of(cells, "planning")[0]], plan)


def test_arms_on_other_cases_are_noticed(few):
    cells, plan = few
    one = of(cells, "nuisance_shift", loop="closed")[0]
    moved = [cell.model_copy(update={"cases": "0" * 64}) if cell is one else cell for cell in cells]

    assert "closed loop cells rest on 2 sets of cases" in judge(moved, plan)


def test_a_threshold_set_on_the_episodes_it_is_judged_on_is_noticed(few):
    cells, plan = few
    scored = of(cells, "voe")[0].cases
    moved = [
        cell.model_copy(update={"cases": scored}) if cell.suite == "monitors" else cell
        for cell in cells
    ]

    assert "thresholds were set on the episodes" in judge(moved, plan)


def test_no_closed_loop_cell_that_the_rule_chose_can_be_left_out(bisected):
    cells, plan = bisected
    closed = of(cells, "nuisance_shift", loop="closed")

    for gone in closed:
        left = [cell for cell in cells if cell is not gone]
        assert "had to run in closed loop" in judge(left, plan, BISECTING), gone.condition


def test_a_closed_loop_cell_that_the_rule_did_not_choose_is_noticed(few):
    cells, plan = few
    one = of(cells, "nuisance_shift", loop="closed")[0]
    other = one.model_copy(
        update={"id": "0" * 64, "condition": {**one.condition, "frames": "both"}}
    )

    assert "was not called for" in judge([*cells, other], plan)


def test_a_strength_that_was_not_shown_in_open_loop_is_noticed(few):
    cells, plan = few
    gone = of(cells, "nuisance_shift", loop="open")[0]

    assert "was not shown at strength" in judge([c for c in cells if c is not gone], plan)


def test_no_clip_cell_of_the_plan_can_be_left_out_nor_another_put_in(few):
    cells, plan = few
    clips = [cell for cell in of(cells, "voe") if cell.condition["violation"] != "none"]
    milder = {**clips[0].condition, "magnitude": 11.0}
    other = clips[0].model_copy(update={"id": "0" * 64, "condition": milder})

    for gone in clips:
        left = judge([cell for cell in cells if cell is not gone], plan)
        magnitude = gone.condition["magnitude"]
        assert left == f"{gone.condition['violation']} was not shown at magnitude {magnitude:g}"
    assert "was not called for" in judge([*cells, other], plan)


def test_rollouts_cannot_be_left_out_beside_goal_offsets(few):
    cells, plan = few
    rollouts = of(cells, "horizon_drift")[0]
    rows = {"case": list(range(plan.num_cases))}
    offset = rollouts.model_copy(
        update={"id": "0" * 64, "condition": {"goal_offset_env_steps": 30}, "rows": rows}
    )
    asking = replace(known.PROFILE, goal_offsets_env_steps=(30,))

    assert judge([*cells, offset], plan, asking) == ""
    without = [cell for cell in [*cells, offset] if cell is not rollouts]
    assert "has no cell of rollouts" in judge(without, plan, asking)


@pytest.mark.parametrize("asks", ["probes", "ranking"])
def test_no_question_about_drift_can_be_left_out_or_lose_rows(few, asks):
    cells, plan = few
    one = of(cells, "horizon_drift", asks=asks)[0]
    fewer = [with_rows(cell, lambda c: c[:-1]) if cell is one else cell for cell in cells]
    left = [cell for cell in cells if cell is not one]

    assert "the cell horizon_drift" in judge(fewer, plan)
    assert f"asks about {asks}" in judge(left, plan)


@pytest.mark.parametrize(("column", "missing"), [("", ""), ("state", "asks about probes")])
def test_of_recorded_episodes_only_what_they_can_say_of_drift_is_asked(few, column, missing):
    recorded = RECORDED.model_copy(update={"state_column": column})
    plan = few[1].model_copy(update={"recorded": recorded})

    left = judge(of(few[0], "horizon_drift")[:1], plan)
    assert missing in left
    assert bool(missing) is bool(left)


def test_direct_and_composed_jumps_are_told_together(few):
    cells, plan = few
    one = of(cells, "horizon_drift")[0]
    jumps = one.model_copy(update={"id": "0" * 64, "condition": {"asks": "jumps"}})

    assert "asks about block_by_block" in judge([*cells, jumps], plan)


def test_actions_ranked_on_other_cases_are_noticed(few):
    cells, plan = few
    one = of(cells, "horizon_drift", asks="ranking")[0]
    moved = [cell.model_copy(update={"cases": "0" * 64}) if cell is one else cell for cell in cells]

    assert "closed loop cells rest on 2 sets of cases" in judge(moved, plan)


def test_of_recorded_episodes_a_class_of_clips_may_be_missing_but_no_magnitude_of_one(few):
    cells, plan = of(few[0], "voe"), few[1].model_copy(update={"recorded": RECORDED})
    jumps = of(cells, "voe", violation="teleport")

    assert judge([cell for cell in cells if cell not in jumps], plan) == ""
    assert "teleport was not shown" in judge([c for c in cells if c is not jumps[0]], plan)


@pytest.mark.parametrize(
    ("suite", "condition", "arm"),
    [
        ("voe", {"violation": "none"}, "model"),
        ("planning", {}, "random"),
        ("planning", {}, "untrained_twin"),
        ("planning", {"stream": 2}, "model"),
    ],
)
def test_no_cell_that_others_are_compared_with_can_be_left_out(few, suite, condition, arm):
    cells, plan = few
    gone = next(cell for cell in of(cells, suite, **condition) if cell.arm == arm)
    others = [cell for cell in cells if cell is not gone]

    left = judge(others, plan)

    assert "has no cell of" in left or "planner streams" in left


def test_a_goal_offset_that_the_profile_asks_for_cannot_be_left_out(few):
    cells, plan = few
    asking = replace(known.PROFILE, goal_offsets_env_steps=(30,))

    assert "goal offsets [] were run" in judge(cells, plan, asking)


@pytest.mark.parametrize("asks", ["cloud", "pairs", "steady", "actions", "straightness"])
def test_a_question_about_the_latents_cannot_be_left_out_or_lose_rows(few, asks):
    cells, plan = few
    one = of(cells, "representation", asks=asks)[0]
    fewer = [with_rows(cell, lambda c: c[:-1]) if cell is one else cell for cell in cells]

    assert "the cell representation" in judge(fewer, plan)
    assert f"asks about {asks}" in judge([cell for cell in cells if cell is not one], plan)


def test_a_class_cannot_be_left_out_of_the_slow_features(few):
    cells, plan = few
    gone = of(cells, "representation", asks="slow_features")[0]

    left = judge([cell for cell in cells if cell is not gone], plan)
    assert f"asks about {gone.condition['nuisance']}" in left


@pytest.mark.parametrize(
    ("asks", "named"), [("steady", "states cells"), ("slow_features", "slow features cells")]
)
def test_answers_about_other_states_are_noticed(few, asks, named):
    cells, plan = few
    one = of(cells, "representation", asks=asks)[0]
    moved = [cell.model_copy(update={"cases": "0" * 64}) if cell is one else cell for cell in cells]

    assert f"{named} rest on 2 sets" in judge(moved, plan)


@pytest.mark.parametrize("how", ["run in closed loop", "asked for menus"])
def test_a_search_cannot_be_left_out_nor_another_put_in(few, how):
    cells, plan = few
    about = {"loop": "closed"} if how == "run in closed loop" else {"asks": "menus"}
    one = of(cells, "exploitation", pressure="num_samples_times_4", **about)[0]
    kinder = {**one.condition, "pressure": "iterations_times_3"}
    other = one.model_copy(update={"id": "0" * 64, "condition": kinder})

    assert f"were {how}, the profile" in judge([c for c in cells if c != one], plan)
    assert f"were {how}, the profile" in judge([*cells, other], plan)


def test_menus_cannot_be_left_out_or_lose_cases(few):
    cells, plan = few
    menus = of(cells, "exploitation", asks="menus")[0]
    fewer = [with_rows(cell, lambda c: c[:-1]) if cell is menus else cell for cell in cells]

    assert "of which the plan has 20" in judge(fewer, plan)
    assert "asks about menus" in judge([cell for cell in cells if cell is not menus], plan)


def test_menus_of_another_algorithm_are_none_of_the_planner(few):
    cells, plan = few
    asking = replace(known.PROFILE, planner_kinds=("mppi",))
    menus = of(cells, "exploitation", asks="menus")[0]
    about = {**menus.condition, "planner_kind": "mppi"}
    other = menus.model_copy(update={"id": "0" * 64, "condition": about})

    assert judge([*cells, other], plan, asking) == ""
    left = [cell for cell in [*cells, other] if cell is not menus]
    assert "asks about menus" in judge(left, plan, asking)


@pytest.mark.parametrize("asks", ["frame", "plan", "tokens"])
def test_a_count_cannot_be_left_out_nor_be_of_other_episodes(few, asks):
    cells, plan = few
    one = of(cells, "cost", asks=asks)[0]
    moved = [cell.model_copy(update={"cases": "0" * 64}) if cell is one else cell for cell in cells]

    assert f"suite cost has no cell that asks about {asks}" in judge(
        [cell for cell in cells if cell is not one], plan
    )
    assert "scoring cells rest on 2 sets" in judge(moved, plan)


def test_a_search_on_other_cases_is_noticed(few):
    cells, plan = few
    one = of(cells, "exploitation", loop="closed")[0]
    moved = [cell.model_copy(update={"cases": "0" * 64}) if cell is one else cell for cell in cells]

    assert "closed loop cells rest on 2 sets of cases" in judge(moved, plan)


def test_a_suite_that_is_gone_altogether_and_a_crash_are_left_to_the_claims(few):
    cells, plan = few
    crashed = cells[-1].model_copy(update={"status": "crashed", "rows": {}, "error": "x"})

    assert judge([cell for cell in cells if cell.suite != "planning"], plan) == ""
    assert judge([*cells[:-1], crashed], plan) == ""
