"""Other searches than the planner's own, carried out on the cases of the clean arm.

A *pressure* changes one number of the planner scope: what is measured of it can admit a range. A
*kind* is another algorithm that scores as many candidates in all.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from envelope.records import Cell, Scalar

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.episodes import Cases
    from perturbations.protocols import Planner

NAME = "exploitation"
_BUDGET = "budget_env_steps"


def pressures(config: object, budget_env_steps: int) -> dict[str, dict[str, int]]:
    """What is changed of the planner scope in the searches that run besides the planner's own.

    Args:
        config: the planner's settings; what it lacks cannot be varied.
        budget_env_steps: env steps until an episode is given up.
    """
    samples = getattr(config, "num_samples", None)
    iterations = getattr(config, "iterations", None)
    elites = getattr(config, "elites", None)
    carried_out = getattr(config, "execute_blocks", 1)
    found: dict[str, dict[str, int]] = {}
    if samples is not None and elites is not None:
        found["num_samples_times_4"] = {"num_samples": 4 * samples}
        if (fewer := max(samples // 4, elites)) < samples:
            found["num_samples_by_4"] = {"num_samples": fewer}
    if iterations is not None and getattr(config, "algorithm", "") != "random_shooting":
        found["iterations_times_3"] = {"iterations": 3 * iterations}
        if iterations > 1:
            found["iterations_by_2"] = {"iterations": iterations // 2}
    if carried_out > 1:
        found["replan_every_block"] = {"execute_blocks": 1}
    halfway = (carried_out + 1) // 2
    if halfway > 1:
        found["replan_halfway"] = {"execute_blocks": halfway}
    if halfway < carried_out - 1:
        found["replan_a_block_sooner"] = {"execute_blocks": carried_out - 1}
    found["budget_times_2"] = {_BUDGET: 2 * budget_env_steps}
    found["budget_less_a_fifth"] = {_BUDGET: budget_env_steps * 4 // 5}
    return found


def changed(bench: "Bench", name: str) -> Cell:
    """All cases in closed loop under one pressure, watched by the monitors.

    A pressure that this planner does not have leaves a cell without rows.
    """
    changes = pressures(bench.planner.config, bench.budget_env_steps).get(name)

    def run() -> dict[str, list[Any]]:
        if changes is None:
            return {}
        others = {key: value for key, value in changes.items() if key != _BUDGET}
        planner = _varied(bench, **others) if others else bench.planner
        return _closed_loop(bench, planner, budget=changes.get(_BUDGET, bench.budget_env_steps))

    return _cell(bench, {"pressure": name}, run, changes or {})


def changes_menus(pressure: str) -> bool:
    """Whether a pressure changes which plans are found or how far one is carried out."""
    return not pressure.startswith("budget")


def changed_menu(bench: "Bench", menu_cases: "Cases", name: str) -> Cell:
    """What the last candidates under one pressure promise and keep, on some of the menus' cases.

    Under a shorter replanning interval they are those of the planner's own search, as far as they
    are carried out. A pressure that this planner does not have leaves a cell without rows.
    """
    from perturbations.suites.exploitation_rows import last_menu

    changes = pressures(bench.planner.config, bench.budget_env_steps).get(name)

    def run() -> dict[str, list[Any]]:
        if changes is None:
            return {}
        return last_menu(
            bench, menu_cases, _varied(bench, **changes), blocks=changes.get("execute_blocks")
        )

    condition: dict[str, Scalar] = {"pressure": name, "asks": "menus", **(changes or {})}
    return bench.runner.run(bench.key(NAME, "model", condition, cases=menu_cases.digest), run)


def kinds(bench: "Bench") -> dict[str, "Planner"]:
    """The other algorithms that can plan with this model, by name; empty where none is known."""
    known = getattr(bench.planner, "siblings", None)
    return {} if known is None else dict(known(bench.model))


def kind_cells(bench: "Bench", menu_cases: "Cases", name: str) -> list[Cell]:
    """What another algorithm promises, and what it does in closed loop; none it cannot plan."""
    from perturbations.suites.exploitation_rows import last_menu

    planner = kinds(bench).get(name)
    if planner is None:
        return []
    key = bench.key(NAME, "model", {"planner_kind": name, "asks": "menus"}, cases=menu_cases.digest)
    said = bench.runner.run(key, partial(last_menu, bench, menu_cases, planner))
    run = partial(_closed_loop, bench, planner, budget=bench.budget_env_steps)
    return [said, _cell(bench, {"planner_kind": name}, run)]


def _cell(
    bench: "Bench", about: Mapping[str, Scalar], run: Any, changes: Mapping[str, int] | None = None
) -> Cell:
    condition: dict[str, Scalar] = {
        **about,
        "loop": "closed",
        _BUDGET: bench.budget_env_steps,
        **(changes or {}),
    }
    streams = tuple(range(bench.profile.num_streams))
    key = bench.key(NAME, "model", condition, cases=bench.cases.digest, streams=streams)
    return bench.runner.run(key, run)


def _varied(bench: "Bench", **changes: int) -> "Planner":
    varied = getattr(bench.planner, "varied", None)
    if varied is None:
        raise RuntimeError(f"this planner cannot be varied: {', '.join(changes)}")
    found: Planner = varied(**changes)
    return found


def _closed_loop(bench: "Bench", planner: "Planner", *, budget: int) -> dict[str, list[Any]]:
    from perturbations.closed_loop import Loop

    loop = Loop(
        arm="model",
        cases=bench.cases,
        streams=bench.streams_of_cases,
        budget_env_steps=budget,
        planner=planner,
    )
    return loop.run(bench)
