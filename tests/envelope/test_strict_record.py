"""What does not fit its record is named: field, place, expected, found."""

from datetime import UTC, datetime

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from envelope.errors import AttestationMalformed, BadFile
from envelope.strict import json_marks, load_json, load_yaml, parse_record


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Planner(Part):
    horizon: int = Field(gt=0)
    num_samples: int = 1
    cost: float | str = 0.0


class Deploy(Part):
    version: str
    planner_scope: Planner
    limits: dict[str, Planner] = {}
    others: tuple[Planner, ...] = ()
    flag: bool = False
    measured_at: AwareDatetime = datetime(2026, 1, 1, tzinfo=UTC)


class Range(Part):
    low: float
    high: float

    @model_validator(mode="after")
    def _is_ordered(self) -> "Range":
        if self.low > self.high:
            raise ValueError(f"low must not exceed high, got [{self.low}, {self.high}]")
        return self


def problem_of(text: str) -> str:
    data, marks = load_yaml(text.encode(), "deploy.yaml")
    with pytest.raises(BadFile) as refusal:
        parse_record(Deploy, data, "deploy.yaml", marks)
    return refusal.value.problem


def test_a_record_that_fits_is_returned_with_lists_as_tuples_and_texts_as_times():
    text = b"version: '1.10'\nplanner_scope: {horizon: 5}\nothers: [{horizon: 1}]\n"
    data, marks = load_yaml(text + b"measured_at: 2026-11-21T00:00:00Z\n", "x")

    record = parse_record(Deploy, data, "x", marks)

    assert record.others == (Planner(horizon=1),)
    assert record.measured_at == datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "version: 'a'\nplanner_scope:\n  horizn: 5\n  horizon: 5\n",
            "deploy.yaml:3:3: planner_scope.horizn: unknown field; did you mean horizon?",
        ),
        (
            "version: 'a'\nplanner_scope: {horizon: 5}\nlimits:\n  x: {horizon: 1, num_sample: 2}",
            "deploy.yaml:4:19: limits.x.num_sample: unknown field; did you mean num_samples?",
        ),
        (
            "version: 'a'\nplanner_scope: {horizon: 5}\nothers:\n- {horizon: 1, x: 2}",
            "deploy.yaml:4:16: others.0.x: unknown field",
        ),
        (
            "version: 'a'\nplanner_scope:\n  num_samples: 5\n",
            "deploy.yaml:2:1: planner_scope.horizon: this field is missing",
        ),
        (
            "version: 1.10\nplanner_scope: {horizon: 5}\n",
            "deploy.yaml:1:1: version: expected a valid string, found 1.1",
        ),
        (
            "version: 'a'\nplanner_scope: {horizon: '5'}\n",
            "deploy.yaml:2:17: planner_scope.horizon: expected a valid integer, found '5'",
        ),
        (
            "version: 'a'\nplanner_scope: {horizon: 010}\n",
            "deploy.yaml:2:17: planner_scope.horizon: expected a valid integer, found '010'",
        ),
        (
            "version: 'a'\nplanner_scope: {horizon: 5}\nflag: no\n",
            "deploy.yaml:3:1: flag: expected a valid boolean, found 'no'",
        ),
        (
            "version: 'a'\nplanner_scope: {horizon: 0}\n",
            "deploy.yaml:2:17: planner_scope.horizon: expected greater than 0, found 0",
        ),
        (
            "version: 'a'\nplanner_scope: {horizon: 5, cost: [1]}\n",
            "deploy.yaml:2:29: planner_scope.cost: expected a valid number or a valid string, "
            "found a list",
        ),
        (
            "version: 'a'\nplanner_scope: {horizon: 5}\nmeasured_at: 1700000000\n",
            "deploy.yaml:3:1: measured_at: expected a valid datetime, found 1700000000",
        ),
    ],
)
def test_one_misfit_is_one_line_with_place_expectation_and_finding(text, problem):
    assert problem_of(text) == problem


def test_all_misfits_are_listed_at_once():
    problem = problem_of("planner_scope: {horizon: x}\nextra: 1\n")

    assert problem.splitlines() == [
        "deploy.yaml: version: this field is missing",
        "deploy.yaml:1:17: planner_scope.horizon: expected a valid integer, found 'x'",
        "deploy.yaml:2:1: extra: unknown field",
    ]


def test_many_misfits_are_cut_short_and_counted():
    keys = "".join(f"unknown_{number}: 1\n" for number in range(20))

    assert problem_of(keys).splitlines()[-1] == "and 14 more"


def test_the_reason_of_a_record_itself_is_shown():
    with pytest.raises(BadFile, match=r"^x: the whole file: low must not exceed high, got \[2.0"):
        parse_record(Range, {"low": 2, "high": 1}, "x")


def test_places_in_json_are_looked_up_only_when_something_is_wrong():
    data = b'{"low": 1,\n "high": "2"}'

    assert parse_record(Range, {"low": 1, "high": 2}, "x", lambda: pytest.fail("looked up"))
    with pytest.raises(BadFile, match=r"^x:2:2: high: expected a valid number, found '2'"):
        parse_record(Range, load_json(data, "x"), "x", lambda: json_marks(data))


def test_control_characters_of_a_hostile_value_do_not_reach_the_message():
    problem = problem_of('version: "a"\nplanner_scope: {horizon: "\\e[31m\\u202e"}\n')

    assert problem.isprintable()


def test_the_caller_chooses_error_and_next_step():
    with pytest.raises(AttestationMalformed, match="Next: ask the signer"):
        parse_record(Range, {}, "x", error=AttestationMalformed, next_step="ask the signer")
