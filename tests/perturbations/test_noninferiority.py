import numpy as np
import pytest

from perturbations.statistics import noninferiority, stats


def outcomes(table):
    both, lost, gained, neither = table
    base = [1] * (both + lost) + [0] * (gained + neither)
    candidate = [1] * both + [0] * lost + [1] * gained + [0] * neither
    return base, candidate


def tables(lost, gained, *, cases, repeats, seed=0):
    """Simulated tables with how often each came."""
    both = 0.9 - lost
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(cases, [both, lost, gained, 1 - both - lost - gained], size=repeats)
    return zip(*np.unique(drawn, axis=0, return_counts=True), strict=True)


def share_shown(lost, gained, margin, *, cases, repeats=2000):
    shown = 0
    for table, count in tables(lost, gained, cases=cases, repeats=repeats):
        base, candidate = outcomes(table)
        difference = stats.paired_difference(candidate, base)
        shown += count * (difference.low > -margin)
    return shown / repeats


@pytest.mark.parametrize("gained", [0.0, 0.03])
@pytest.mark.parametrize("cases", [80, 150, 400])
def test_a_candidate_worse_by_the_margin_is_shown_harmless_at_most_once_in_twenty(cases, gained):
    assert share_shown(0.05 + gained, gained, 0.05, cases=cases) <= 0.05


@pytest.mark.parametrize(("lost", "gained"), [(0.02, 0.02), (0.05, 0.05), (0.02, 0.0)])
def test_the_cases_named_do_show_a_harmless_candidate(lost, gained):
    needed = noninferiority.cases_to_show(lost, gained, 0.05)

    assert 0.7 < share_shown(lost, gained, 0.05, cases=needed) < 0.95
    assert share_shown(lost, gained, 0.05, cases=needed // 3) < 0.6


@pytest.mark.parametrize(("lost", "gained"), [(0.15, 0.05), (0.3, 0.0), (0.1, 0.06)])
def test_the_cases_named_do_find_a_loss(lost, gained):
    needed = noninferiority.cases_to_show_worse(lost, gained)

    found = 0
    for table, count in tables(lost, gained, cases=needed, repeats=1000):
        found += count * (stats.mcnemar(*outcomes(table)) < 0.05)
    assert 0.65 < found / 1000 < 0.93


def test_the_smallest_detectable_loss_is_the_one_that_needs_all_the_cases():
    loss = noninferiority.smallest_detectable_loss(150, 0.2)

    assert 0.08 < loss < 0.13
    needed = noninferiority.cases_to_show_worse((0.2 + loss) / 2, (0.2 - loss) / 2)
    assert needed == pytest.approx(150, abs=2)
    assert noninferiority.smallest_detectable_loss(150, 0.01) is None
    assert noninferiority.smallest_detectable_loss(150, 0.0) is None


def test_what_cannot_be_decided_by_any_number_of_cases_has_no_number():
    assert noninferiority.cases_to_show(0.1, 0.0, 0.05) is None
    assert noninferiority.cases_to_show(0.3, 0.26, 0.0401) is None
    assert noninferiority.cases_to_show_worse(0.05, 0.05) is None


def test_without_a_discordant_pair_the_number_is_where_newcombes_interval_ends_at_the_margin():
    needed = noninferiority.cases_to_show(0.0, 0.0, 0.05)

    for cases, shown in ((needed + 1, True), (needed - 8, False)):
        difference = stats.paired_difference([1] * cases, [1] * cases)
        assert (difference.low > -0.05) is shown
