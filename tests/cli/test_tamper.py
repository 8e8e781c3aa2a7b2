"""The tamper table: whatever is changed after signing is noticed, and by which command.

The attacks are those of facts/peers.md section 8, and T3, T4 and T16 of facts/governance.md.
"""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envelope.cli.sign import attest, sign
from envelope.keyfiles import read_private_key
from reports import render
from tests.cli.commands import envelope
from tests.cli.making import rewrite

LAB = ("--key", "lab.pub")
SIGNED = ["attestation.json", "measurements.json", "report.html", "envelope.json"]


def verify(folder, *words: str | Path):
    return envelope("verify", folder.attestation, *LAB, *words)


def check(folder):
    return envelope("check", "--deploy", folder.deploy, *LAB)


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change a JSON file in place, as somebody with an editor would."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}


# --- any byte ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIGNED)
def test_no_changed_byte_of_a_signed_file_is_genuine(made_up, name):
    path = made_up.path / name
    whole = path.read_bytes()
    places = [0, len(whole) - 1, *random.Random(7).sample(range(len(whole)), 12)]

    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert verify(made_up).status == 3, place


@pytest.mark.parametrize("name", SIGNED[:3])
def test_no_part_of_a_signed_file_may_be_missing_or_added(made_up, name):
    path = made_up.path / name
    whole = path.read_bytes()

    for data in (b"", whole[:-1], whole[: len(whole) // 2], whole + b"\n", whole + whole):
        path.write_bytes(data)
        assert verify(made_up).status == 3, len(data)


def test_a_record_whose_evidence_is_gone_is_not_called_genuine(made_up):
    made_up.measurements.unlink()

    verify(made_up).refused(2, "measurements.json is missing", "the evidence of the record")
    assert check(made_up).status == 0


def test_evidence_in_the_place_of_other_evidence_is_not_taken_for_it(made_up):
    shutil.copy(made_up.report, made_up.measurements)

    verify(made_up).refused(3, "measurements.json is not what", "it holds report.html")


def test_no_changed_byte_of_the_attestation_passes_the_check(made_up):
    whole = made_up.attestation.read_bytes()

    for place in [0, len(whole) - 1, *random.Random(8).sample(range(len(whole)), 40)]:
        changed = bytearray(whole)
        changed[place] ^= 1
        made_up.attestation.write_bytes(changed)
        assert check(made_up).status == 3, place


def test_no_changed_byte_of_the_checkpoint_passes_the_check(made_up):
    model = Path("model.pt")
    whole = model.read_bytes()

    for place in (0, 500, len(whole) - 1):
        changed = bytearray(whole)
        changed[place] ^= 1
        model.write_bytes(changed)
        check(made_up).refused(3, "model.pt is not the checkpoint in the record")
        verify(made_up, "--file", model).refused(3, "model.pt is not what")


def test_the_files_as_signed_are_genuine(made_up):
    done = verify(made_up, "--file", "model.pt")

    assert done.status == 0
    assert done.out.startswith("GENUINE")
    assert done.out.count("\nmatches ") == 3


# --- rows, summaries, record ------------------------------------------------------------------


def _turn_a_failure_into_success(measurements: Any) -> None:
    planning = [cell for cell in measurements["cells"] if cell["suite"] == "planning"]
    rows = next(cell for cell in planning if False in cell["rows"]["success"])["rows"]
    rows["success"][rows["success"].index(False)] = True


def _raise_the_summary(measurements: Any) -> None:
    success = next(one for one in measurements["summaries"] if one["quantity"] == "success")
    success["estimate"].update(value=0.95, low=0.9, high=0.99)


def _leave_the_summary_out(measurements: Any) -> None:
    measurements["summaries"].pop(0)


def _lower_a_threshold(measurements: Any) -> None:
    measurements["monitors"][0]["threshold"] /= 2


@pytest.mark.parametrize(
    "change",
    [_turn_a_failure_into_success, _raise_the_summary, _leave_the_summary_out, _lower_a_threshold],
)
def test_measurements_that_contradict_themselves_are_refused_by_all_who_read_them(measured, change):
    edit(measured.measurements, change)
    before = contents(measured)

    envelope("draft", measured.path).refused(3, "not follow from the")
    envelope("report", measured.path).refused(3, "not follow from the")
    envelope("sign", measured.path, "--sign-key", "lab.key").refused(3, "other measurements")
    verify(measured).refused(3, "measurements.json is not what")
    assert contents(measured) == before


def test_rows_and_all_that_follows_from_them_changed_together_lack_the_signature(measured):
    signed = measured.attestation.read_bytes()
    forge_consistently(measured, _turn_a_failure_into_success)

    assert envelope("draft", measured.path).status == 0
    assert envelope("report", measured.path).status == 0
    verify(measured).refused(2, "attestation.json cannot be read")
    measured.attestation.write_bytes(signed)
    verify(measured).refused(3, "measurements.json is not what")


def test_a_forger_can_only_sign_in_his_own_name(measured):
    forge_consistently(measured, _turn_a_failure_into_success)
    envelope("draft", measured.path)
    envelope("sign", measured.path, "--sign-key", "other.key")

    verify(measured).refused(3, "signed by 0 of the keys you trust")
    check(measured).refused(3, "signed by 0 of the keys you trust")


def forge_consistently(folder, change: Callable[[Any], None]) -> None:
    """Change the rows, and write the summaries that truly follow from them."""
    from perturbations import audit

    edit(folder.measurements, change)
    forged = folder.read_measurements()
    summaries = audit.summarise(forged.cells, forged.monitors, forged.plan)
    assert summaries != forged.summaries
    content = [summary.model_dump(mode="json") for summary in summaries]
    edit(folder.measurements, lambda measurements: measurements.update(summaries=content))


def _make_every_claim_hold(record: Any) -> None:
    for claim in record["claims"]:
        claim.update(verdict="holds", outcome="met")


def _admit_more(record: Any) -> None:
    record["planner_scope"]["admitted"]["horizon"] = {"low": 1, "high": 50}


def _live_longer(record: Any) -> None:
    record["valid_until"] = "2099-01-01T00:00:00Z"


@pytest.mark.parametrize("change", [_make_every_claim_hold, _admit_more, _live_longer])
def test_an_edited_record_is_refused_by_all_who_read_it_and_nobody_signs_it(measured, change):
    edit(measured.envelope, change)
    before = contents(measured)

    envelope("report", measured.path).refused(3, "does not follow from the measurements")
    verify(measured).refused(3, "envelope.json is not the record")
    envelope("sign", measured.path, "--sign-key", "lab.key").refused(
        3, "does not follow from the measurements"
    )
    assert contents(measured) == before


def test_an_edited_record_that_its_auditor_signed_with_a_program_of_his_own_is_found(measured):
    edit(measured.envelope, _make_every_claim_hold)
    forged = measured.read_envelope()
    measured.report.write_bytes(render(forged, measured.read_measurements()))
    sign(measured, forged, Path("lab.key"))

    assert verify(measured).status == 0
    verify(measured, "--recompute").refused(3, "does not follow from the measurements")


ANY_PAGE = b"<html>all good</html>"


def test_a_page_that_the_record_does_not_give_is_not_signed(made_up):
    whole = made_up.report.read_bytes()

    for page in (ANY_PAGE, whole.replace(b"fails", b"holds")):
        assert page != whole
        made_up.report.write_bytes(page)
        envelope("sign", made_up.path, "--sign-key", "lab.key").refused(3, "not the page")
    made_up.report.write_bytes(whole)
    assert envelope("sign", made_up.path, "--sign-key", "lab.key").status == 0


@pytest.mark.parametrize("digest", [None, "0" * 64], ids=["no record", "another record"])
def test_a_signed_page_of_another_record_is_refused(made_up, digest):
    record = made_up.read_envelope()
    mark = f'<meta name="record-digest" content="sha256:{digest}">'.encode()
    page = ANY_PAGE if digest is None else mark + ANY_PAGE
    made_up.report.write_bytes(page)
    beside = {
        made_up.measurements.name: made_up.measurements.read_bytes(),
        made_up.report.name: page,
    }
    signed = attest(record, beside, read_private_key(Path("lab.key"), passphrase_env=None))
    made_up.attestation.write_bytes(signed)

    verify(made_up).refused(3, "report.html is not the page of this record")
    made_up.report.unlink()
    assert verify(made_up).status == 0


def test_the_record_as_measured_follows_from_its_rows(measured):
    done = verify(measured, "--recompute", "--file", "ckpt.pt", "--load", "ckpt.pt", "--json")

    assert done.status == 0, done
    assert done.json["recomputed"] is True
    assert len(done.json["files"]) == 4


def test_an_unfavourable_suite_that_is_left_out_leaves_its_claims_unknown(measured):
    def leave_out(measurements: Any) -> None:
        kept = [cell for cell in measurements["cells"] if cell["suite"] != "planning"]
        measurements["cells"] = kept

    forge_consistently(measured, leave_out)

    assert envelope("draft", measured.path).status == 0
    claims = {claim.id: claim.verdict for claim in measured.read_envelope().claims}
    assert claims["planning.success"] == "unknown"
    assert claims["nuisance.light.gain"] == "unknown"


def _plan_with_more_samples(measurements: Any) -> None:
    measurements["planner_scope"]["num_samples"] *= 2


def _name_another_model(measurements: Any) -> None:
    measurements["model_state"]["tensor_digest"] = "0" * 64


def _name_another_world(measurements: Any) -> None:
    measurements["factors"] = {"wall.thickness": 3.0}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (_plan_with_more_samples, "planner"),
        (_name_another_model, "model"),
        (_name_another_world, "world"),
    ],
)
def test_rows_measured_on_something_else_are_refused(measured, change, part):
    edit(measured.measurements, change)

    envelope("draft", measured.path).refused(3, f"the {part} that the measurements name")
    envelope("report", measured.path).refused(3, f"the {part} that the measurements name")


def test_a_cell_whose_id_does_not_follow_from_what_it_rests_on_is_refused(measured):
    def exchange(measurements: Any) -> None:
        cell = next(c for c in measurements["cells"] if c["condition"].get("loop") == "closed")
        cell["condition"]["stream"] = 7

    edit(measured.measurements, exchange)

    envelope("draft", measured.path).refused(3, "has an id that does not follow")


def _take_out_the_failed_cases(measurements: Any) -> None:
    closed = [cell for cell in measurements["cells"] if "success" in cell["rows"]]
    arm = next(cell for cell in closed if cell["arm"] == "model")
    solved = arm["rows"]["success"]
    for cell in closed:
        for name, column in cell["rows"].items():
            cell["rows"][name] = [v for v, kept in zip(column, solved, strict=True) if kept]


def _take_out_the_nuisance_that_hurts(measurements: Any) -> None:
    cells = measurements["cells"]
    cells.remove(next(cell for cell in cells if cell["condition"].get("loop") == "closed"))


@pytest.mark.parametrize("change", [_take_out_the_failed_cases, _take_out_the_nuisance_that_hurts])
def test_what_was_planned_cannot_be_thinned_out_although_all_summaries_follow(measured, change):
    forge_consistently(measured, change)

    envelope("draft", measured.path).refused(3, "the cells do not follow from the plan")
    envelope("report", measured.path).refused(3, "the cells do not follow from the plan")


def test_rows_that_no_suite_writes_are_refused_in_one_message(measured):
    def nonsense(measurements: Any) -> None:
        cell = next(cell for cell in measurements["cells"] if "success" in cell["rows"])
        cell["rows"]["success"] = ["yes"] * len(cell["rows"]["success"])

    edit(measured.measurements, nonsense)

    envelope("draft", measured.path).refused(2, "the rows cannot be read", "in 'success'")


# --- the whole folder -------------------------------------------------------------------------


def test_the_attestation_of_another_record_does_not_vouch_for_this_one(made_up, measured_once):
    shutil.copy(measured_once / "ckpt.envelope" / "attestation.json", made_up.attestation)

    verify(made_up).refused(3, "measurements.json is not what")
    check(made_up).refused(3, "model.pt is not the checkpoint in the record")


def test_a_deployment_that_changed_since_it_was_measured_has_lapsed(made_up):
    rewrite(made_up.deploy, "num_samples: 200", "num_samples: 400")

    assert verify(made_up).status == 0
    assert check(made_up).status == 1
