"""How to check this page: digests, commands, evaluator, libraries, seeds, timing."""

from reports.html import Html, Node, tag
from reports.parts import digest, section, table
from reports.view import View
from reports.words import moment, scalar, seconds, size


def check(view: View) -> Html:
    """The section on checking."""
    return section(
        "check",
        view.number("check"),
        "How to check this page",
        "A page proves nothing about itself. The signature is elsewhere, and covers these bytes, "
        "the record and the checkpoint's files.",
        _commands(view),
        _digests(view),
        _files(view),
        tag("div", _evaluator(view), _timing(view), class_="pair"),
        said="Commands, digests, evaluator, seeds and times.",
    )


def _commands(view: View) -> Html:
    verify = "envelope verify attestation.json --key lab.pub"
    files = view.envelope.model_state.files
    model = f" --file {files[0].path}" if files else ""
    lines = (
        (verify + model, "who vouches for this, and are these the files?"),
        (f"{verify} --recompute", "do the raw rows give these figures?"),
        ("envelope check --deploy deploy.yaml", "is a deployment still inside what was measured?"),
        ("sha256sum report.html", "compare with the digest in the attestation"),
    )
    rows = [(tag("code", command), words) for command, words in lines]
    return table("Commands", ["command", "answers"], rows, class_="commands")


def _digests(view: View) -> Html:
    record = view.envelope
    rows: list[tuple[Node, Node]] = [
        ("record", digest(view.digest)),
        ("measurements", digest(record.measurements_digest)),
        ("plan, fixed before the first cell", digest(record.plan_digest)),
        ("model tensors", digest(record.model_state.tensor_digest)),
        ("evaluator source", digest(record.tool.source_digest)),
    ]
    return table("Digests (SHA-256)", ["of", "digest"], rows)


def _files(view: View) -> Html:
    rows = [
        (tag("code", file.path), size(file.size_bytes), digest(file.sha256))
        for file in view.envelope.model_state.files
    ]
    return table("Files of the checkpoint", ["path", "size", "sha256"], rows)


def _evaluator(view: View) -> Html:
    record = view.envelope
    plan = view.measurements.plan
    rows: list[tuple[Node, Node]] = [
        ("tool", f"{record.tool.name} {record.tool.version}"),
        *((name, version) for name, version in sorted(record.tool.libraries.items())),
        ("record format", record.format),
        ("profile", record.profile),
        ("seed", str(record.seed)),
        ("cases", scalar(plan.num_cases)),
        ("planner streams", scalar(plan.num_streams)),
        ("calibration episodes", scalar(plan.num_calibration_episodes)),
        ("scoring episodes", scalar(plan.num_scoring_episodes)),
        ("cells", scalar(len(view.measurements.cells))),
    ]
    return table("Evaluator and plan", ["what", "value"], rows)


def _timing(view: View) -> Html:
    timing = view.envelope.timing
    rows: list[tuple[Node, Node]] = [
        ("measured at", moment(timing.measured_at)),
        *((name, seconds(value)) for name, value in sorted(timing.suite_seconds.items())),
        ("cells run", scalar(timing.run_cells)),
        ("cells reused", scalar(timing.reused_cells)),
    ]
    return table(
        "Timing on the measuring machine; no part of a measurement's identity",
        ["what", "value"],
        rows,
    )
