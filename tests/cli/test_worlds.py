"""`lewm worlds` says what runs here, and what is missing for the rest."""

import pytest

from tests.cli.commands import lewm


def test_every_world_is_listed_with_what_it_lacks():
    told = lewm("worlds")

    assert told.status == 0, told
    lines = told.out.splitlines()
    assert lines[0].startswith("two-room       runs here; actions 2, state 2, success two-room/")
    for name in ("swm/two-room", "swm/pusht", "swm/reacher", "swm/cube"):
        (line,) = [line for line in lines if line.startswith(name)]
        assert "runs here; actions" in line or "does not run here: the worlds of" in line
    assert told.out.count("does not run here") == told.out.count("  Next: ")


def test_one_world_is_shown_with_its_factors():
    told = lewm("worlds", "--world", "two-room")

    assert told.status == 0, told
    assert "agent.speed              dynamics   1.75 to 10.5 px per env step, default" in told.out
    (world,) = lewm("worlds", "--world", "two-room", "--json").json
    assert world["runs"]
    assert world["state_columns"] == ["state"]
    assert world["factors"]["wall.color"]["role"] == "appearance"


@pytest.mark.parametrize("name", ["three-room", ""])
def test_a_world_that_is_not_there_is_refused(name):
    lewm("worlds", "--world", name).refused(2, "there is no world")
