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
    return cells + described()[0], summaries + described()[1]


def described() -> tuple[list[Cell], list[Measurement]]:
    """What decides nothing: error in the world's units, and order of actions, by horizon."""
    errors = {
        "linear_probe_error": (6.0, 1.1),
        "mlp_probe_error": (2.5, 1.4),
        "still_error": (0, 9),
    }
    cells = [
        cell("horizon_drift", "model", "linear_0_1", 0.5, NUM_EPISODES, asks="probes"),
        cell("horizon_drift", "model", "rank_1", 0.9, 32, asks="ranking"),
    ]
    summaries = [
        measurement(
            f"horizon_drift/{quantity}",
            estimate(least + slope * horizon, 0.4, episodes=NUM_EPISODES),
            unit="px",
            of="place",
            horizon=horizon,
            env_steps=5 * horizon,
        )
        for quantity, (least, slope) in errors.items()
        for horizon in (0, 1, 5, 10)
        if least or horizon
    ]
    summaries += [
        measurement(
            "horizon_drift/action_rank",
            estimate(0.95 - 0.02 * horizon, 0.05, episodes=32),
            horizon=horizon,
            env_steps=5 * horizon,
        )
        for horizon in (1, 5, 10)
    ]
    summaries.append(
        measurement(
            "horizon_drift/action_rank_seen",
            estimate(0.9, 0.05, episodes=32),
            horizon=5,
            env_steps=25,
        )
    )
    return cells, summaries
