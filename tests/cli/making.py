"""What the commands are tried on: records and checkpoints that take no time to make."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from envelope.cli.files import Folder
from envelope.cli.render import write_record_and_report
from envelope.digest import file_sha256
from envelope.records import FileDigest
from envelope.times import time_text
from tests.envelope.builders import measurements

SIZE_PX = 16
LOOSE_CRITERIA = """\
format: criteria/0.1
success_at_least: 0.01
share_of_ceiling_at_least: 0.01
max_success_drop: 0.9
detection_rate: 0.05
false_alarms_per_episode: 0.2
max_drift_ratio: 1000000.0
nuisances:
  light.gain: [1.0]
violations:
  teleport: {magnitudes: [120.0], claim_at: 120.0, unit: px}
valid_days: 90
"""
"""Criteria that also an untrained model meets in part, with as few cells as can be."""


def made_up_record(checkpoint: Path, *, measured_days_ago: float = 0) -> None:
    """The made-up audit of `builders`, of a checkpoint that holds no tensors."""
    checkpoint.write_bytes(bytes(range(256)) * 4)
    digest = FileDigest(
        path=checkpoint.name,
        size_bytes=checkpoint.stat().st_size,
        sha256=file_sha256(checkpoint),
    )
    base = measurements()
    measured_at = datetime.now(UTC) - timedelta(days=measured_days_ago)
    about_it = base.model_copy(
        update={
            "model_state": base.model_state.model_copy(update={"files": [digest]}),
            "timing": base.timing.model_copy(update={"measured_at": time_text(measured_at)}),
        }
    )
    folder = Folder(checkpoint.with_suffix(".envelope"))
    write_record_and_report(folder, about_it, checkpoint=checkpoint)


def loose_criteria(path: Path, **changes: str) -> None:
    """Write the loose criteria, with other values for some of their fields."""
    text = LOOSE_CRITERIA
    for name, value in changes.items():
        text, found = re.subn(rf"(?m)^{name}: .*$", f"{name}: {value}", text)
        assert found == 1, name
    path.write_text(text, encoding="utf-8")


def awake_checkpoint(path: Path, *, seed: int = 0, **changes: Any) -> None:
    """A tiny two-room model that nobody trained, and a planner that hardly searches.

    Args:
        path: where to write it, `.pt` or `.safetensors`.
        seed: of its weights.
        changes: other values for fields of the checkpoint.
    """
    from lewm.checkpoints.checkpoint import Checkpoint, save_checkpoint
    from lewm.planning.plan_config import PlanConfig
    from lewm.worlds.two_room import TwoRoom
    from tests.lewm.dots import awake_model

    model = awake_model(seed=seed)
    checkpoint = Checkpoint(
        config=model.config,
        tensors=model.tensors(),
        action_stats=model.action_stats,
        world=TwoRoom(size_px=SIZE_PX).scope(),
        plan_config=PlanConfig(num_samples=8, iterations=1, elites=2),
        training={"updates": 0},
    )
    save_checkpoint(path, replace(checkpoint, **changes))


def rewrite(path: Path, pattern: str, replacement: str, *, to: Path | None = None) -> Path:
    """Change a text file, or write the changed text to another; the pattern must be there."""
    text, found = re.subn(pattern, replacement, path.read_text(encoding="utf-8"))
    assert found, f"{pattern} is not in {path}"
    target = to or path
    target.write_text(text, encoding="utf-8")
    return target
