"""stable-worldmodel's worlds through the adapter equal the environments run by themselves.

tests/reference/worlds.py measures, in an interpreter that has them; here the findings are judged.
"""

import json
from typing import Any

from tests import reference

ROUNDING = 1e-12


def found(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(reference.run("worlds", name))
    return result


def judge_what_holds_everywhere(world: dict[str, Any]) -> None:
    assert world["sampling_repeats"]
    assert world["frames_repeat"]
    assert world["order_matters_by"] == 0.0
    assert world["moved_by"] > 0.01
    assert world["kept_columns_restore"]
    assert world["field_columns_restore_by"] <= ROUNDING
    assert all(world["arrived_at_own_goal"])
    assert world["render_is_own"]
    assert world["action_range"] == [-1.0, 1.0]
    assert world["starts_are_free"]
    assert all(ours == theirs for ours, theirs in world["judged"])
    assert {ours for ours, _ in world["judged"]} == {True, False}
    roles = world["factors"]
    for name, change in world["looks"].items():
        assert roles[name] == "appearance"
        assert change > 0.05, name
    for name, change in world["moves"].items():
        assert roles[name] == "dynamics"
        assert change > 1e-3, name


def judge_that_steps_are_those_of_an_uninterrupted_run(world: dict[str, Any]) -> None:
    for how in ("chain", "restored", "one_step"):
        assert world[f"uninterrupted_{how}_by"] == 0.0


def judge_that_a_plain_picture_is_another_of_the_same(world: dict[str, Any]) -> None:
    assert world["factors"]["rendering.plain"] == "rendering"
    assert world["plain_scope"] == {"rendering.plain": 1}
    assert world["plain_by_grey_levels"] > 1.0
    assert world["plain_moves_by"] == 0.0


def test_two_room_is_the_reference_and_ours():
    world = found("swm/two-room")
    judge_what_holds_everywhere(world)
    judge_that_steps_are_those_of_an_uninterrupted_run(world)
    assert world["ours_by_px"] < 1e-5
    assert world["ours_by_grey_levels"] <= 1
    assert world["shared_factors_by_grey_levels"] <= 1
    assert sorted(world["factors"]) == world["factors_of_ours"]
    assert [ours for ours, _ in world["judged"]] == [True, True, False, False, False]
    assert (world["length_unit"], world["units_per_px"]) == ("px", 1.0)
    assert "door.size is [14, 14, 14], which the environment does not allow" in world["refused"]
    assert world["field_columns"]["proprio"] == [2]


def test_pusht_is_the_reference_up_to_what_its_contacts_remember():
    world = found("swm/pusht")
    judge_what_holds_everywhere(world)
    assert world["settling_moves_by"] == 0.0
    assert world["restored_pushing_step"]["num"] > 200
    (median_px, median_rad), (high_px, _), _ = world["restored_pushing_step"]["p50_p99_max"]
    assert median_px < 0.02
    assert median_rad < 1e-4
    assert high_px < 5.0
    assert world["after_25_env_steps"]["p50_p99_max"][0][0] < 0.5
    assert world["blocks_were_moved_by_px"] > 50.0
    assert world["goal_is_reached_in_a_step"] == [True, False]
    assert world["standing_still_moves_by"] == 0.0
    assert not world["inside_the_block_is_free"]
    assert world["block_scale"] == "used" or "draws every T at 30" in world["block_scale"]
    assert (world["field_columns"]["state"], world["field_columns"]["proprio"]) == ([7], [4])


def test_reacher_is_the_reference_beyond_its_time_limit_and_within_a_step():
    world = found("swm/reacher")
    judge_what_holds_everywhere(world)
    judge_that_steps_are_those_of_an_uninterrupted_run(world)
    judge_that_a_plain_picture_is_another_of_the_same(world)
    assert world["passed_within_a_step"]
    assert world["stopped_halfway_by"] == 0.0
    assert world["goes_on_after_arriving"] > 0.1
    assert 0.0 < world["beyond_the_time_limit"] < 1.0  # it coasted on instead of starting anew


def test_cube_is_the_reference():
    world = found("swm/cube")
    judge_what_holds_everywhere(world)
    judge_that_steps_are_those_of_an_uninterrupted_run(world)
    judge_that_a_plain_picture_is_another_of_the_same(world)
    assert world["goal_is_reached_in_a_step"] == [True, False]
    assert world["field_columns"]["privileged_block_0_pos"] == [3]
    assert world["unsolved_after_25_env_steps"] > 0.5  # or no case could be drawn
