"""Collection in PushT and the reference's two rooms, where stable-worldmodel is installed."""

import json
from typing import Any

import pytest

from tests import reference


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("collected")
    result: dict[str, Any] = json.loads(reference.run("collecting", folder))
    return result


def test_the_scripted_expert_solves_pusht_by_the_references_rule(found):
    steps = found["expert_env_steps"]
    assert len(steps) == 10
    assert sum(step > 0 for step in steps) >= 8


@pytest.mark.parametrize("world", ["pusht", "two_room"])
def test_a_file_does_not_depend_on_the_number_of_workers_and_replays(found, world):
    collected = found[world]
    assert collected["same"]
    assert collected["replayed_by"] == 0.0
    assert collected["pixels_differ"] == 0
    assert collected["origin"]["policy"] == "mixture"


def test_columns_have_the_names_and_widths_of_the_field(found):
    pusht = found["pusht"]["columns"]
    assert pusht["pixels"] == ["uint8", 64, 64, 3]
    assert pusht["action"] == ["float32", 2]
    assert (pusht["state"][1:], pusht["proprio"][1:]) == ([7], [4])
    assert pusht["variation.block.color"][1:] == [3]
    assert {"ep_len", "ep_offset", "episode_idx", "step_idx"} <= set(pusht)
    assert found["two_room"]["columns"]["proprio"][1:] == [2]


def test_the_weak_policy_moves_the_block_more_than_random_actions_do(found):
    assert found["moved_px"]["weak"] > 2 * found["moved_px"]["random"]


def test_the_expert_refuses_a_block_that_it_does_not_know(found):
    assert "the expert pushes the T of swm/pusht at its default size" in found["other_tee"]
