"""The published schemas are those of the records, and other validators read them alike."""

import contextlib
import io
import json
import sys
from unittest.mock import patch

import pytest
from jsonschema import Draft202012Validator

from envelope.cli import _stop
from envelope.criteria import default_criteria
from envelope.schema import FOLDER, FORMATS, schema_of, schema_text
from tests.envelope.builders import example_envelope, measurements
from tests.envelope.gating import gate_record
from tests.envelope.judging import changed, checked, nodes, removed, template_data


def problem_data():
    """As a command prints it."""
    out = io.StringIO()
    with (
        patch.object(sys, "argv", ["envelope", "report", "gone", "--json"]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()),
        pytest.raises(SystemExit),
    ):
        _stop("gone is missing", "check the path", status=2, reason="bad_file")
    return json.loads(out.getvalue())


def examples():
    return {
        "criteria": json.loads(default_criteria().model_dump_json()),
        "deploy": template_data(),
        "envelope": json.loads(example_envelope().model_dump_json()),
        "gate": json.loads(gate_record().as_json()),
        "measurements": json.loads(measurements().model_dump_json()),
        "problem": problem_data(),
        "verdict": json.loads(checked().as_json()),
    }


@pytest.mark.parametrize("name", FORMATS)
def test_the_committed_schema_is_the_generated_one(name):
    committed = (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8")

    assert committed == schema_text(name), "run `make golden` and read the diff"


def test_there_is_no_schema_without_a_format():
    assert {path.name for path in FOLDER.glob("*.json")} == {f"{n}.schema.json" for n in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
def test_a_schema_is_valid_and_says_which_it_is(name):
    schema = schema_of(name)

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(f"/schemas/v0.1/{name}.schema.json")
    assert "discriminator" not in schema_text(name)


def without_required(node):
    if isinstance(node, dict):
        return {key: without_required(one) for key, one in node.items() if key != "required"}
    return [without_required(one) for one in node] if isinstance(node, list) else node


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_can_be_read(name):
    """Both schemas agree but for fields with a default, which are always written."""
    written = schema_of(name, mode="serialization")

    assert without_required(written) == without_required(schema_of(name))


@pytest.mark.parametrize("name", FORMATS)
def test_an_example_fits_its_schema(name):
    Draft202012Validator(schema_of(name)).validate(examples()[name])


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "deploy"])
def test_a_document_without_its_format_is_refused(name):
    validator = Draft202012Validator(schema_of(name))
    example = examples()[name]

    assert not validator.is_valid(changed(example, ("format",), removed))
    assert not validator.is_valid({**example, "format": f"{name}/9.9"})


@pytest.mark.parametrize("name", FORMATS)
def test_an_unknown_field_is_refused_wherever_a_record_stands(name):
    validator = Draft202012Validator(schema_of(name))

    assert not validator.is_valid({**examples()[name], "output_folder": "runs"})


def test_a_digest_with_a_newline_behind_it_is_refused():
    validator = Draft202012Validator(schema_of("envelope"))
    example = examples()["envelope"]
    digests = [
        path
        for path, value in nodes(example)
        if isinstance(value, str) and path[-1] in ("sha256", "tensor_digest", "plan_digest")
    ]

    assert len(digests) == 3
    for path in digests:
        assert not validator.is_valid(changed(example, path, lambda value: f"{value}\n"))


def test_a_record_without_blind_spots_said_is_refused():
    validator = Draft202012Validator(schema_of("envelope"))
    example = examples()["envelope"]

    assert not validator.is_valid(changed(example, ("monitors", 0, "blind_spots"), removed))
