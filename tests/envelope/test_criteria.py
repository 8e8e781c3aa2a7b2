"""Criteria are read strictly; what cannot be swept is refused with its place."""

from pathlib import Path

import pytest

from envelope.criteria import default_criteria, load_criteria, parse_criteria
from envelope.errors import BadFile

BAD = sorted((Path(__file__).parent.parent / "bad" / "criteria").glob("*.yaml"))


def test_the_packaged_criteria_are_those_of_two_room():
    criteria = default_criteria()

    assert criteria.success_at_least == 0.74
    assert criteria.violations["teleport"].claim_at == 80
    assert set(criteria.nuisances["light.gain"]) == {0.05, 0.1, 0.2, 0.5, 1.0}
    assert {"freeze", "blackout", "frozen_camera"} <= set(criteria.violations)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_criteria_file_is_refused_with_its_place(path):
    with pytest.raises(BadFile, match=path.name) as refused:
        parse_criteria(path.read_bytes(), path.name)

    assert refused.value.exit_status == 2
    assert refused.value.next_step


def test_a_missing_criteria_file_is_said(tmp_path):
    with pytest.raises(BadFile, match=r"cannot read criteria none\.yaml"):
        load_criteria(tmp_path / "none.yaml")


def test_a_refused_strength_has_a_line():
    text = (BAD[0].parent / "strength_above_one.yaml").read_text(encoding="utf-8")

    with pytest.raises(BadFile, match=r"mine\.yaml:8:13: nuisances\.blur: strengths must lie"):
        parse_criteria(text.encode(), "mine.yaml")
