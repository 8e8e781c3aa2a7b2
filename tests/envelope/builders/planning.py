"""The made-up audit: planning without any shift."""

from envelope.records import Cell, Measurement
from tests.envelope.builders.pieces import (
    MONITORS,
    NUM_CASES,
    NUM_STREAMS,
    cell,
    estimate,
    measurement,
    share,
)

ARMS = {"model": 0.86, "random": 0.12, "untrained_twin": 0.31, "true_dynamics": 0.97}


def planning() -> tuple[list[Cell], list[Measurement]]:
    """Closed loop without any shift: four arms, three planner streams on the model's."""
    cells = [
        cell("planning", arm, "success", rate, NUM_CASES, stream=stream)
        for arm, rate in ARMS.items()
        for stream in range(NUM_STREAMS if arm == "model" else 1)
    ]
    summaries = [
        measurement("planning/success", estimate(ARMS["model"], 0.05), arm="model"),
        *(
            measurement("planning/success", share(rate), arm=arm)
            for arm, rate in ARMS.items()
            if arm != "model"
        ),
        *(
            measurement("planning/success_by_stream", share(ARMS["model"] + d), stream=stream)
            for stream, d in enumerate((-0.02, 0.0, 0.02))
        ),
        *(
            measurement(
                "planning/success_gain",
                estimate(ARMS["model"] - ARMS[arm], 0.1, interval="newcombe"),
                p_holm=1e-9,
                over=arm,
            )
            for arm in ("random", "untrained_twin")
        ),
        measurement("planning/share_of_ceiling", estimate(0.906, 0.04)),
        *(measurement("planning/alarm_rate", share(0.04), monitor=name) for name in MONITORS),
    ]
    return cells, summaries
