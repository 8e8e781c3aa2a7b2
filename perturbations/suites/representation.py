"""Representation."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envelope.records import CalibratedMonitor, Cell, Estimate, Measurement, Scalar
from envelope.records.units import in_unit
from perturbations.asked import SLOW_STRENGTH
from perturbations.cells import rows
from perturbations.nuisances.classes import find
from perturbations.seeding import digest_arrays
from perturbations.statistics import bootstrap, rising, spectra, stats
from perturbations.suites.suite import Suite

if TYPE_CHECKING:
    from perturbations.bench import Bench

NAME = "representation"
_COMPONENTS = 3
SLOW_STATES = 48
"""States at most that are shown under every nuisance."""
STEADY_FRAMES = 64
"""Frames at most that are encoded twice and alone."""


class Representation(Suite):
    """What do the latents hold: is there enough of the world in them, and little else?

    Why it matters: a planner follows latent distance and imagined answers to actions. Latents that
    lie on a line, that fold the world, or whose imagined future ignores the action can have a
    small prediction loss and still be of no use to it.

    Observes: over independent states of the world, `effective_rank`, `variance_share` of leading
    components, `dimension_std`, `normality` (two tests against a Monte Carlo null),
    `intrinsic_dimension` of latents and of the world's states, `distance_rank` (rank correlation
    of latent with true distance), `distance_rises_to` (the true distance at which latent distance
    reaches nine tenths of that of the farthest pairs), `probe_r2`. Over lawful episodes,
    `straightness` and `action_sensitivity`: how much of the real difference between two actions'
    outcomes the imagined one follows, 1 is all. By nuisance class, all at one strength and over
    all their directions alike: `nuisance_share`, how far it moves a latent, squared, over that and
    the variance between states, of all and along each of the first three components;
    `nuisance_in_env_steps`, how far in moves of one env step. `steady`: the same frame has the same
    latent, alone as in a batch.

    Blind to: the cause of a symptom, and what a planner makes of it. A probe says what can be read
    out of a latent, not that the planner can use it, and decides nothing here.
    """

    name = NAME
    family = "F3"

    def run(self, bench: "Bench") -> list[Cell]:
        """One cell per question; those about states alone come first."""
        from perturbations.suites import representation_rows as ask

        states = bench.drawn_states
        few = states[:SLOW_STATES]
        found = [
            _cell(bench, "cloud", partial(ask.cloud, bench, states), states),
            *(
                [_cell(bench, "pairs", partial(ask.pairs, bench, states), states)]
                if bench.has_true_states
                else []
            ),
            _cell(bench, "steady", partial(ask.steady, bench, states[:STEADY_FRAMES]), states),
            _cell(bench, "actions", partial(ask.actions, bench), None),
            _cell(bench, "straightness", partial(ask.straightness, bench), None),
        ]
        for name in bench.criteria.nuisances:
            if find(name).directions(bench.world):
                fn = partial(ask.slow_features, bench, name, few)
                found.append(_cell(bench, "slow_features", fn, few, nuisance=name))
        return found

    def summarise(
        self, cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor], *, seed: int
    ) -> list[Measurement]:
        """See the class docstring."""
        found: list[Measurement] = []
        for cell in rows.select(cells, NAME):
            problem = rows.trouble([cell])
            found += _SUMMARIES[str(cell.condition["asks"])](cell, problem, seed)
        return found


def _cell(
    bench: "Bench",
    asks: str,
    fn: Callable[[], Mapping[str, list[Any]]],
    states: NDArray[np.float64] | None,
    **more: Scalar,
) -> Cell:
    cases = bench.scoring.digest if states is None else digest_arrays(states=states)
    key = bench.key(
        NAME,
        "model",
        {"asks": asks, **more},
        cases=cases,
        rests_on=None if states is None else ("model", "world"),
    )
    return bench.runner.run(key, fn)


def _columns(cell: Cell, prefix: str) -> NDArray[np.float64]:
    """Columns `prefix_0`, `prefix_1`, ... side by side, (N, columns)."""
    found: list[NDArray[np.float64]] = []
    while (name := f"{prefix}_{len(found)}") in cell.rows:
        found.append(rows.numbers(cell, name))
    return np.stack(found, axis=1)


def _say(
    quantity: str,
    condition: dict[str, Scalar],
    estimate: Estimate | None,
    problem: str = "",
    *,
    note: str = "",
    unit: str = "1",
    p_holm: float | None = None,
) -> Measurement:
    return rows.measurement(
        NAME, quantity, condition, estimate, unit=unit, p_holm=p_holm, note=problem or note
    )


def _cloud(cell: Cell, problem: str, seed: int) -> list[Measurement]:
    if problem:
        return [_say("effective_rank", {}, None, problem)]
    z = _columns(cell, "z")
    states = _columns(cell, "s") if "s_0" in cell.rows else None
    found = [_say("effective_rank", {}, spectra.jackknife(z, spectra.effective_rank))]
    for component in range(min(_COMPONENTS, z.shape[1])):
        share = spectra.jackknife(z, partial(_share_of_component, component))
        found.append(_say("variance_share", {"component": component + 1}, share))
    for which in ("smallest", "largest"):
        spread = spectra.dimension_std(z, smallest=which == "smallest")
        found.append(_say("dimension_std", {"dimension": which}, spread))
    for of, points in (("latents", z), ("states", states)):
        if points is None:
            continue
        dimension = spectra.intrinsic_dimension(points, seed=seed)
        note = "" if dimension else "too few states, or many of them coincide"
        if dimension and dimension.high > spectra.MOST_DIMENSIONS:
            note = f"at least: {len(points)} points cannot tell more than a few dimensions apart"
        found.append(_say("intrinsic_dimension", {"of": of}, dimension, note=note))
    found += _normality(z, seed)
    if states is not None:
        for probe in ("linear", "mlp"):
            found += _probe(_columns(cell, probe), states, probe, seed)
    return found


def _share_of_component(component: int, z: NDArray[np.float64]) -> float:
    return float(spectra.variance_shares(z)[component])


def _normality(z: NDArray[np.float64], seed: int) -> list[Measurement]:
    if len(z) < spectra.MIN_STATES:
        return []
    tests = spectra.normality(z, seed=seed)
    adjusted = stats.holm([p for _, p in tests.values()])
    return [
        _say(
            "normality",
            {"test": name},
            None,
            p_holm=p_holm,
            note=f"statistic {statistic:.3g}; Monte Carlo null of {spectra.NULL_DRAWS} draws at "
            "the same number of states and width, Holm over both tests",
        )
        for (name, (statistic, _)), p_holm in zip(tests.items(), adjusted, strict=True)
    ]


def _probe(
    said: NDArray[np.float64], states: NDArray[np.float64], probe: str, seed: int
) -> list[Measurement]:
    found = []
    for column in range(states.shape[1]):
        true = states[:, column]
        error = np.square(said[:, column] - true)
        total = np.square(true - true.mean())
        share = bootstrap.ratio_of_sums(error, total, seed=seed)
        r2 = None
        if share is not None:
            ends = {"value": 1 - share.value, "low": 1 - share.high, "high": 1 - share.low}
            r2 = share.model_copy(update=ends)
        found.append(
            _say(
                "probe_r2",
                {"probe": probe, "state_column": column},
                r2,
                note="secondary: what can be read out, not what a planner can use",
            )
        )
    return found


def _pairs(cell: Cell, problem: str, seed: int) -> list[Measurement]:
    if problem:
        return [_say("distance_rank", {}, None, problem)]
    true, latent = rows.numbers(cell, "true_distance"), rows.numbers(cell, "latent_distance")
    rank = bootstrap.statistic(lambda i: spectra.spearman(true[i], latent[i]), len(true), seed=seed)
    rises = rising.interval(true, latent, seed=seed)
    note = "too few pairs"
    if rises:
        far = rising.farthest(true)
        note = f"nine tenths of the latent distance of the farthest tenth of pairs, {far:.4g} apart"
    return [
        _say("distance_rank", {}, rank),
        _say("distance_rises_to", {}, rises, unit="world", note=note),
    ]


def _steady(cell: Cell, problem: str, seed: int) -> list[Measurement]:
    found = []
    for quantity in ("twice", "together"):
        rate, note = (None, problem) if problem else rows.share(rows.outcomes(cell, quantity))
        found.append(_say("steady", {"seen": quantity}, rate, problem, note=note))
    return found


def _actions(cell: Cell, problem: str, seed: int) -> list[Measurement]:
    followed = None
    if not problem:
        followed = bootstrap.ratio_of_sums(
            rows.numbers(cell, "followed"), rows.numbers(cell, "real"), seed=seed
        )
    note = "" if followed else "too few episodes, or actions change nothing that is seen"
    return [_say("action_sensitivity", {}, followed, problem, note=note)]


def _straightness(cell: Cell, problem: str, seed: int) -> list[Measurement]:
    mean = None
    if not problem:
        cosine = rows.numbers(cell, "cosine")
        mean = bootstrap.ratio_of_sums(cosine, np.ones(len(cosine)), seed=seed)
    return [_say("straightness", {}, mean, problem)]


_LEADING = ("first_component", "second_component", "third_component")


def _slow_features(cell: Cell, problem: str, seed: int) -> list[Measurement]:
    at: dict[str, Scalar] = {"nuisance": cell.condition["nuisance"], "strength": SLOW_STRENGTH}
    found = []
    parts = {"all": ""} | {name: f"lead{number}_" for number, name in enumerate(_LEADING, start=1)}
    for part, prefix in parts.items():
        share = None
        if not problem and f"{prefix}within" in cell.rows:
            within = rows.numbers(cell, f"{prefix}within")
            whole = within + rows.numbers(cell, f"{prefix}between")
            share = bootstrap.ratio_of_sums(within, whole, seed=seed)
        note = "" if share else "too few states, or the latent does not move there"
        found.append(_say("nuisance_share", {**at, "of": part}, share, problem, note=note))
    if problem or "step" in cell.rows:
        found.append(_in_env_steps(cell, at, problem, seed))
    return found


def _in_env_steps(cell: Cell, condition: dict[str, Scalar], problem: str, seed: int) -> Measurement:
    """Root mean square of what the nuisance moves, over that of what one env step moves."""
    ratio, note = None, problem
    if not problem:
        amount = f"{rows.numbers(cell, 'amount')[0]:.4g}"
        unit = find(str(cell.condition["nuisance"])).unit
        note = f"{in_unit(amount, unit)} off nominal, mean over the directions"
        moved, step = rows.numbers(cell, "within"), rows.numbers(cell, "step")
        squared = bootstrap.ratio_of_sums(moved, step, seed=seed)
        if squared is None:
            note = "too few states, or one env step moves no latent"
        else:
            ends = {end: max(0.0, getattr(squared, end)) ** 0.5 for end in ("value", "low", "high")}
            ratio = squared.model_copy(update=ends)
    return _say("nuisance_in_env_steps", condition, ratio, note=note, unit="env_steps")


_SUMMARIES: Mapping[str, Callable[[Cell, str, int], list[Measurement]]] = {
    "cloud": _cloud,
    "pairs": _pairs,
    "steady": _steady,
    "actions": _actions,
    "straightness": _straightness,
    "slow_features": _slow_features,
}
