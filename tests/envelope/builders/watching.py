"""The made-up audit: monitors, and the violations that they see or not."""

from typing import Literal

from envelope.records import CalibratedMonitor, Calibration, Cell, Criteria, Measurement, Scalar
from tests.envelope.builders.pieces import (
    MONITORS,
    NUM_EPISODES,
    cell,
    estimate,
    measurement,
    sha,
    share,
)

KINDS: dict[str, Literal["physical", "visual", "sensor"]] = {
    "teleport": "physical",
    "through_wall": "physical",
    "freeze": "physical",
    "velocity_reversal": "physical",
    "action_swap": "physical",
    "blackout": "sensor",
    "frozen_camera": "sensor",
    "agent.color": "visual",
    "background.color": "visual",
    "distractor": "visual",
    "flicker": "visual",
    "occlusion": "visual",
    "vanish": "visual",
    "second_agent": "visual",
    "camera.jump": "sensor",
    "blur": "sensor",
    "noise": "sensor",
    "mirror_image": "sensor",
    "channel_swap": "sensor",
}
"""Physical where it is not said."""
_RATES = {
    "physical": {"surprise": (0.6, 1.0, 1.0), "shell": (0.05, 0.05, 0.05)},
    "visual": {"surprise": (0.1, 0.3, 0.5), "shell": (0.1, 0.7, 1.0)},
    "sensor": {"surprise": (0.3, 0.97, 1.0), "shell": (1.0, 1.0, 1.0)},
}
DETECTION = {
    # share detected at each magnitude, by monitor
    "teleport": {"surprise": (0.2, 0.7, 1.0, 1.0), "shell": (0.0, 0.05, 0.1, 0.2)},
    "through_wall": {"surprise": (0.3, 0.8, 1.0), "shell": (0.0, 0.0, 0.1)},
    "freeze": {"surprise": (0.5, 0.98, 1.0), "shell": (0.05, 0.05, 0.05)},
    "velocity_reversal": {"surprise": (0.6, 0.97, 1.0), "shell": (0.05, 0.05, 0.05)},
    "action_swap": {"surprise": (0.4, 0.9, 1.0), "shell": (0.05, 0.05, 0.1)},
    "blackout": {"surprise": (1.0, 1.0), "shell": (1.0, 1.0)},
    "frozen_camera": {"surprise": (0.2, 0.4, 0.9), "shell": (0.0, 0.0, 0.0)},
    "agent.color": {"surprise": (0.1, 0.3, 0.95, 1.0), "shell": (0.1, 0.2, 0.5, 0.9)},
    "background.color": {"surprise": (0.05, 0.05, 0.1, 0.2), "shell": (0.0, 0.05, 0.1, 0.1)},
    "distractor": {"surprise": (0.2, 0.5, 0.8), "shell": (0.1, 0.2, 0.6)},
}


def violations(criteria: Criteria) -> tuple[list[Cell], list[Measurement]]:
    """Each violation at each magnitude under both monitors, and lawful held-out episodes."""
    cells: list[Cell] = []
    summaries: list[Measurement] = []
    for violation, criterion in criteria.violations.items():
        kind = KINDS.get(violation, "physical")
        for place, magnitude in enumerate(criterion.magnitudes):
            condition: dict[str, Scalar] = {
                "violation": violation,
                "kind": kind,
                "magnitude": magnitude,
                "unit": criterion.unit,
            }
            by_monitor = DETECTION.get(violation, _RATES[kind])
            rates = {monitor: by_monitor[monitor][place] for monitor in MONITORS}
            cells.append(
                cell("voe", "model", "alarm", rates["surprise"], NUM_EPISODES, **condition)
            )
            summaries.append(
                measurement("voe/floor_detection", share(0.4, NUM_EPISODES), condition)
            )
            for monitor, rate in rates.items():
                inside = {**condition, "monitor": monitor}
                delay = estimate(7.0, 2.0, episodes=max(2, round(rate * NUM_EPISODES)))
                summaries += [
                    measurement("voe/detection", share(rate, NUM_EPISODES), inside),
                    measurement(
                        "voe/auroc",
                        estimate(0.5 + 0.45 * rate, 0.04, episodes=NUM_EPISODES),
                        inside,
                    ),
                    measurement(
                        "voe/delay",
                        delay if rate > 0.2 else None,
                        inside,
                        unit="env_steps",
                        note="" if rate > 0.2 else "too few clips with an alarm",
                    ),
                ]
    cells.append(cell("voe", "model", "alarm", 0.03, NUM_EPISODES, violation="none"))
    summaries += [
        measurement("voe/false_alarms", share(0.033, NUM_EPISODES), monitor=name)
        for name in MONITORS
    ]
    return cells, summaries


def monitors() -> list[CalibratedMonitor]:
    """Two monitors with a threshold from 59 lawful episodes."""
    calibration = Calibration(
        method="split_conformal",
        episodes=59,
        episodes_digest=sha("calibration"),
        model_steps_per_episode=20,
    )
    statistics = {"surprise": "largest prediction error", "shell": "latent norm off its shell"}
    return [
        CalibratedMonitor(
            name=name,
            statistic=f"{statistics[name]} in an episode",
            threshold=threshold,
            false_alarms_per_episode=0.05,
            calibration=calibration,
        )
        for name, threshold in zip(MONITORS, (0.0312, 1.75), strict=True)
    ]
