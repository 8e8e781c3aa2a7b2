"""Representation: faults that a prediction loss does not show, and intervals that cover."""

import numpy as np
import pytest

from perturbations.nuisances.classes import find
from perturbations.nuisances.nuisance import FrameSeeds
from perturbations.statistics import rising, spectra
from perturbations.suites import representation_rows
from perturbations.suites.representation import Representation
from tests import known_models as known


def found(model):
    cells = Representation().run(known.bench(model))
    assert not [cell.error for cell in cells if cell.status == "crashed"]
    summaries = Representation().summarise(cells, [], seed=1)
    return {summary.id.split("/")[1]: summary.estimate for summary in summaries}


def test_a_sound_model_holds_the_world():
    said = found(known.ColourBlind())

    assert said["effective_rank[]"].low > 1.9
    assert said["distance_rank[]"].low > 0.99
    assert said["action_sensitivity[]"].low > 0.99
    assert said["steady[seen=together]"].value == 1
    assert (
        said["intrinsic_dimension[of=latents]"].low
        <= 2
        <= said["intrinsic_dimension[of=latents]"].high
    )
    assert said["probe_r2[probe=linear,state_column=0]"].low > 0.99


def test_latents_on_a_line_have_rank_one_and_lose_a_coordinate():
    said = found(known.LowRank())

    assert said["effective_rank[]"].high < 1.05
    assert said["dimension_std[dimension=smallest]"].high == 0
    assert said["probe_r2[probe=mlp,state_column=1]"].high < 0.2


def test_a_fold_shows_in_the_order_of_distances_and_not_in_the_intrinsic_dimension():
    folded, sound = found(known.Folded()), found(known.ColourBlind())

    assert folded["distance_rank[]"].high < sound["distance_rank[]"].low
    assert folded["intrinsic_dimension[of=latents]"].low > 1.5
    assert folded["probe_r2[probe=linear,state_column=0]"].high < 0.1


def test_a_future_that_ignores_the_action_is_seen():
    assert found(known.ActionBlind())["action_sensitivity[]"].high < 0.2


def test_a_collapsed_model_has_no_rank_and_no_order():
    said = found(known.Collapsed())

    assert said["effective_rank[]"].high == 0
    assert said["distance_rank[]"].high == 0
    assert said["action_sensitivity[]"] is None


@pytest.mark.parametrize(
    ("model", "seen"),
    [(known.BatchNormInTraining(), "together"), (known.DropoutLeftOn(), "twice")],
    ids=["batchnorm", "dropout"],
)
def test_a_latent_that_does_not_stay_is_seen(model, seen):
    assert found(model)[f"steady[seen={seen}]"].high < 0.1


def test_a_background_reader_spends_its_latent_on_the_background():
    reader, blind = found(known.BackgroundReader()), found(known.ColourBlind())

    key = "nuisance_share[nuisance=background.color,of=all,strength=0.5]"
    assert reader[key].low > 0.03
    assert blind[key].high < 1e-9
    leading = [
        reader[f"nuisance_share[nuisance=background.color,of={part}_component,strength=0.5]"]
        for part in ("first", "second")  # of a latent that is a place on a plane
    ]
    assert max(one.low for one in leading) > reader[key].high
    assert min(one.high for one in leading) < reader[key].low
    moves = "nuisance_in_env_steps[nuisance=background.color,strength=0.5]"
    assert reader[moves].low > 3
    assert blind[moves].high < 1e-9


def test_every_direction_of_a_nuisance_counts_alike_at_the_strength_that_all_are_compared_at():
    bench = known.bench(known.BackgroundReader())
    states = bench.drawn_states[:12]
    kind, seeds = find("background.color"), FrameSeeds(np.arange(12), np.zeros(12, dtype=np.int64))

    row = representation_rows.slow_features(bench, "background.color", states)

    z = bench.model.encode(bench.world.render(states)).double().numpy()
    squared = []
    for way in kind.directions(bench.world):
        seen = kind.render(bench.world, states, strength=0.5, direction=way, seeds=seeds)
        moved = bench.model.encode(seen).double().numpy() - z
        squared.append(np.square(moved).sum(axis=-1))
    assert len(squared) > 1
    np.testing.assert_allclose(row["within"], np.mean(squared, axis=0), rtol=1e-6)
    np.testing.assert_allclose(row["between"], np.square(z - z.mean(axis=0)).sum(axis=-1))


def test_characteristic_functions_by_powers_are_those_by_angles():
    p = np.random.default_rng(0).standard_normal((50, 3))
    angles = p * spectra._KNOTS[:, None, None]

    found = spectra._characteristic(p)

    np.testing.assert_allclose(found.real, np.cos(angles).mean(axis=1), rtol=0, atol=1e-14)
    np.testing.assert_allclose(found.imag, np.sin(angles).mean(axis=1), rtol=0, atol=1e-14)


def test_the_two_normality_tests_are_sensitive_to_different_things():
    rng = np.random.default_rng(0)
    gauss = spectra.normality(rng.standard_normal((400, 6)), seed=3)
    two_heaps = spectra.normality(
        rng.choice([-1.0, 1.0], (400, 1)) + 0.3 * rng.standard_normal((400, 1)), seed=3
    )
    rare = rng.standard_normal((400, 1))
    rare[:2] = 6.0
    tails = spectra.normality(rare, seed=3)

    assert min(p for _, p in gauss.values()) > 0.02
    assert two_heaps["epps_pulley"][1] <= 0.01
    assert tails["tails"][1] <= 0.01 < tails["epps_pulley"][1]


def test_correlated_normal_latents_are_normal():
    rng = np.random.default_rng(0)
    common = rng.standard_normal((400, 1))
    alike = np.sqrt(0.9) * common + np.sqrt(0.1) * rng.standard_normal((400, 8))

    assert min(p for _, p in spectra.normality(alike * 5.0 + 3.0, seed=3).values()) > 0.05


def test_whether_latents_are_normal_does_not_hang_on_their_axes():
    rng = np.random.default_rng(0)
    z = rng.choice([-1.0, 1.0], (400, 4)) + 0.1 * rng.standard_normal((400, 4))
    bent = z @ rng.standard_normal((4, 4))

    assert spectra.normality(z, seed=3)["epps_pulley"][1] <= 0.01
    assert spectra.normality(bent, seed=3)["epps_pulley"][1] <= 0.01


def test_fewer_than_two_states_to_a_dimension_say_nothing_about_normality():
    assert spectra.normality(np.random.default_rng(0).standard_normal((80, 41)), seed=3) == {}


def test_the_effective_rank_of_many_equal_dimensions_is_their_number():
    z = np.random.default_rng(0).standard_normal((400, 96))

    found = spectra.jackknife(z, spectra.effective_rank)

    assert found.low <= 96 <= found.high
    assert found.high - found.low < 4


def test_the_least_of_many_equal_spreads_is_not_less_than_they_are():
    z = np.random.default_rng(0).standard_normal((400, 96))

    least, most = (spectra.dimension_std(z, smallest=smallest) for smallest in (True, False))

    assert least.value < 0.95 < 1 <= least.high
    assert most.low <= 1 < 1.05 < most.value


@pytest.mark.parametrize("stops", [0.2, 0.5, 1.0])
def test_latent_distance_rises_as_far_as_it_does(stops):
    rng = np.random.default_rng(0)
    true = 200 * rng.random(2000)
    latent = np.minimum(true, 200 * stops) + 2 * rng.standard_normal(2000)

    found = rising.interval(true, latent, seed=0)

    assert 0.9 * 190 * stops - 1 <= found.value <= 200 * stops + 4
    assert found.low < found.value < found.high < found.low + 20
    assert rising.farthest(true) == pytest.approx(190, abs=1)


def test_latents_without_a_distance_rise_to_nowhere():
    assert rising.rises_to(np.arange(100.0), np.zeros(100)) == 0


def test_the_jackknife_of_the_effective_rank_covers():
    scales, rng = np.array([3.0, 2, 1, 1, 0.5, 0.1]), np.random.default_rng(1)
    shares = scales**2 / (scales**2).sum()
    truth = float(np.exp(-(shares * np.log(shares)).sum()))
    audits = [
        spectra.jackknife(rng.standard_normal((200, 6)) * scales, spectra.effective_rank)
        for _ in range(300)
    ]

    assert np.mean([one.low <= truth <= one.high for one in audits]) >= 0.92


def test_neighbours_give_the_dimension_of_a_surface_in_a_wide_space():
    rng = np.random.default_rng(2)
    flat = rng.uniform(size=(800, 2)) @ rng.standard_normal((2, 9))
    solid = rng.uniform(size=(800, 3)) @ rng.standard_normal((3, 9))

    assert abs(spectra.intrinsic_dimension(flat, seed=0).value - 2) < 0.25
    assert abs(spectra.intrinsic_dimension(solid, seed=0).value - 3) < 0.4
    assert spectra.intrinsic_dimension(np.zeros((100, 3)), seed=0) is None


def test_ranks_count_ties_at_their_mean():
    rising = np.array([1.0, 2, 2, 3])

    assert spectra.spearman(rising, rising) == pytest.approx(1)
    assert spectra.spearman(rising, -rising) == pytest.approx(-1)
    assert spectra.spearman(rising, np.ones(4)) == 0
