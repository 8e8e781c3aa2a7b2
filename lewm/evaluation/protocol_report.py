"""An evaluation's outcome in words and as JSON. Both say the same."""

import statistics
from typing import Any

from lewm.evaluation.evaluate import Success
from lewm.evaluation.protocol_run import Outcome

_STATS_DIFFER = 1e-6


def as_text(outcome: Outcome) -> str:
    """One readable table below what it rests on."""
    return "\n".join(
        [
            *_what(outcome),
            "",
            *(run.line() for run in outcome.arms),
            "",
            *_summary(outcome),
            *(f"note: {note}" for note in outcome.notes),
            _pace(outcome),
        ]
    )


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The same as plain JSON data; what a clock said lies apart in `timing`."""
    means = {arm: outcome.mean(arm) for arm in dict.fromkeys(run.arm for run in outcome.arms)}
    gain, rest = outcome.gain(), outcome.unsolved_at_start()
    planned = outcome.runs("model")
    return {
        **outcome.facts,
        "num_cases": outcome.cases.num_cases,
        "num_solved_dropped": outcome.cases.num_solved_dropped,
        "num_solved_at_start": int(outcome.solved_at_start.sum()),
        "origin": outcome.cases.origin,
        "arms": [run.to_json() for run in outcome.arms],
        "mean_over_streams": {arm: mean.to_json() for arm, mean in means.items() if mean},
        "gain_over_random": gain.to_json() if gain else None,
        "without_those_solved_at_start": rest.to_json() if rest else None,
        "by_seed": {arm: outcome.by_seed(arm) for arm in ("model", "random")},
        "notes": outcome.notes,
        "timing": {
            "seconds": outcome.seconds,
            "plan_seconds": sum(run.plan_seconds for run in planned),
            "num_plans": sum(run.num_plans for run in planned),
        },
    }


def _what(outcome: Outcome) -> list[str]:
    facts, cases = outcome.facts, outcome.cases
    origin = cases.origin
    lines = [
        f"{cases.num_cases} cases ({cases.num_solved_dropped} solved at the start left out)",
        f"protocol {facts['protocol']}: {origin.get('goal_offset_env_steps', '?')} env steps from "
        f"start to goal, budget {facts['budget_env_steps']} env steps, success by "
        f"{facts['success_rule']} at any of them",
    ]
    if "num_pairs" in origin:
        eligible = origin.get("num_eligible", origin["num_pairs"])
        lines.append(
            f"pairs drawn with seeds {_words(origin['seeds'])} from {eligible} eligible of "
            f"{origin['num_pairs']} recorded; {int(outcome.solved_at_start.sum())} of those drawn "
            "solved before the first action"
        )
    lines.append(f"cases sha256 {facts['cases_sha256']}")
    if facts.get("data_sha256"):
        lines.append(f"data  sha256 {facts['data_sha256']}")
    lines += [f"model sha256 {sha256} {name}" for name, sha256 in facts["model_sha256"].items()]
    lines.append(
        "planner "
        + ", ".join(f"{name} {value}" for name, value in facts["planner"].items())
        + (", one generator for all plans" if facts["one_stream"] else "")
    )
    if "action_stats" in facts:
        lines += [_stats_line(facts["action_stats"]), _frames_line(facts)]
    return lines


def _summary(outcome: Outcome) -> list[str]:
    lines = []
    for arm in dict.fromkeys(run.arm for run in outcome.arms):
        runs, mean = outcome.runs(arm), outcome.mean(arm)
        if len(runs) < 2 or mean is None:
            continue
        rates = [run.rate for run in runs]
        lines.append(
            f"{arm}: mean of {len(runs)} streams {mean} ({_kind(mean.kind)}), "
            f"lowest {min(rates):.3f}, highest {max(rates):.3f}"
        )
    gain, rest = outcome.gain(), outcome.unsolved_at_start()
    if gain:
        lines.append(f"gain over random actions on the same pairs {gain}")
    if rest:
        lines.append(f"model without the pairs solved before the first action {rest}")
    for arm in ("model", "random"):
        rates = outcome.by_seed(arm)
        if rates:
            lines.append(
                f"{arm}: each seed's pairs with that seed's stream "
                f"{_words(f'{rate:.3f}' for rate in rates)}: mean {statistics.mean(rates):.3f}, "
                f"standard deviation {statistics.stdev(rates):.3f}"
            )
    return lines


def _stats_line(stats: dict[str, Any]) -> str:
    worst = max(
        abs(a - b)
        for name in ("mean", "std")
        for a, b in zip(stats["checkpoint"][name], stats["data"][name], strict=True)
    )
    line = f"actions scaled by the statistics of the {stats['used']}"
    if worst <= _STATS_DIFFER:
        return f"{line}; checkpoint and data agree"
    both = "; ".join(
        f"{who}: mean {_numbers(stats[who]['mean'])}, std {_numbers(stats[who]['std'])}"
        for who in ("checkpoint", "data")
    )
    return f"{line} ({both})"


def _frames_line(facts: dict[str, Any]) -> str:
    return (
        "first and goal frames as recorded; first frames drawn again differ by "
        f"{facts['recorded_frames_differ_by']:.2f} of 255 on average"
    )


def _pace(outcome: Outcome) -> str:
    runs: list[Success] = outcome.runs("model")
    num, seconds = sum(run.num_plans for run in runs), sum(run.plan_seconds for run in runs)
    return f"{num} plans, {num / max(seconds, 1e-9):.1f} a second; {outcome.seconds:.1f} s in all"


def _kind(kind: str) -> str:
    return "bootstrap over episodes" if kind == "bootstrap" else "exact"


def _numbers(values: list[float]) -> str:
    return _words(f"{value:.4f}" for value in values)


def _words(values: Any) -> str:
    return ", ".join(str(value) for value in values)
