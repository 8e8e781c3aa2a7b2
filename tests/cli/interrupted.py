"""Measure one checkpoint with a handful of rows.

    python -m tests.cli.interrupted MODEL OUT CRITERIA WORKERS

runs as a process of its own, so that a test can kill it.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

from envelope.cli.choices import Choices
from envelope.cli.files import Folder
from envelope.cli.render import write_record_and_report
from envelope.cli.run import run
from envelope.criteria import load_criteria
from perturbations.profiles import Profile

HANDFUL = Profile(
    name="quick",
    num_cases=6,
    num_streams=2,
    num_calibration_episodes=20,
    num_scoring_episodes=6,
    num_nuisance_episodes=2,
    num_states=12,
    num_menu_cases=2,
    search_pressures=(),
    model_steps_per_episode=10,
    shifted_cells="few",
    goal_offsets_env_steps=(15,),
)


def measure(model: Path, folder: Folder, criteria: Path, *, num_workers: int = 1) -> None:
    """What `envelope measure` does, with the profile above."""
    choices = Choices(
        model=model,
        criteria=load_criteria(criteria),
        profile=HANDFUL,
        suites=("planning", "representation", "nuisance_shift", "voe", "horizon_drift"),
        num_workers=num_workers,
    )
    measurements = run(choices, folder, now=datetime.now(UTC))
    write_record_and_report(folder, measurements, checkpoint=model)


if __name__ == "__main__":
    torch.set_num_threads(1)
    measure(
        Path(sys.argv[1]),
        Folder(Path(sys.argv[2])),
        Path(sys.argv[3]),
        num_workers=int(sys.argv[4]),
    )
