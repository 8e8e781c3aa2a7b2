"""The made-up audit: how far ahead the model may look."""

from envelope.records import Cell, Measurement
from tests.envelope.builders.pieces import (
    MONITORS,
    NUM_CASES,
    NUM_EPISODES,
    cell,
    estimate,
    measurement,
    share,
)


def drift() -> tuple[list[Cell], list[Measurement]]:
    """Error over nothing-moves by horizon, and success by goal distance."""
    ratios = {1: 0.08, 2: 0.13, 3: 0.19, 4: 0.25, 5: 0.31, 6: 0.38, 8: 0.52, 10: 0.68}
    offsets = {15: 0.95, 25: 0.86, 35: 0.62}
    cells = [cell("horizon_drift", "model", "drift", 0.3, NUM_EPISODES, horizons=10)]
    cells += [
        cell(
            "horizon_drift",
            "model",
            "success",
            rate,
            NUM_CASES,
            goal_offset_env_steps=offset,
            budget_env_steps=2 * offset,
        )
        for offset, rate in offsets.items()
        if offset != 25  # the clean arm has it
    ]
    summaries = [
        measurement(
            "horizon_drift/drift_ratio",
            estimate(ratio, 0.15 * ratio, episodes=NUM_EPISODES),
            horizon=horizon,
            env_steps=5 * horizon,
        )
        for horizon, ratio in ratios.items()
    ]
    summaries += [
        measurement("horizon_drift/success_by_offset", share(rate), goal_offset_env_steps=offset)
        for offset, rate in offsets.items()
    ]
    summaries += [
        measurement(
            "horizon_drift/alarm_rate_by_offset",
            share(0.06),
            goal_offset_env_steps=offset,
            monitor=monitor,
        )
        for offset in offsets
        if offset != 25
        for monitor in MONITORS
    ]
    return cells, summaries
