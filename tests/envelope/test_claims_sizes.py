"""What would settle an open claim: how many episodes, and which longer profile has them."""

import pytest

from envelope.claims.sizes import SIZES
from envelope.claims.words import settle
from perturbations.profiles import PROFILES
from tests.envelope.builders import measurements, share
from tests.envelope.judging import claim_of, replaced, with_interval


def test_the_sizes_are_those_of_the_profiles_from_the_shortest_on():
    assert {
        name: {
            "cases": one.num_cases,
            "menu_cases": one.num_menu_cases,
            "worst_cases": one.num_worst_cases,
            "episodes": one.num_scoring_episodes,
            "states": one.num_states,
            "pairs": one.num_states // 2,
        }
        for name, one in PROFILES.items()
    } == SIZES
    assert list(SIZES) == list(PROFILES) == ["brief", "quick", "standard", "deep"]


@pytest.mark.parametrize(
    ("profile", "rate", "words"),
    [
        ("brief", 0.9, "; the profile standard has them"),
        ("quick", 0.9, "; the profile standard has them"),
        ("standard", 0.9, "; the profile deep has them"),
        ("deep", 0.9, "; no profile has so many"),
        ("quick", 0.82, "; no profile has so many"),
    ],
)
def test_an_open_question_names_the_smallest_longer_profile_that_settles_it(profile, rate, words):
    plan = measurements().plan.model_copy(update={"profile": profile})

    assert settle(share(rate, 80), 0.8, plan).endswith(words)


def test_an_open_claim_says_it():
    found = replaced("planning/success", with_interval(0.66, 0.73, 0.79), arm="model")
    claim = claim_of(found, "planning.success")

    assert claim.verdict == "unknown"
    assert "episodes would settle it four times in five; " in claim.reason
    assert claim.reason.endswith(("has them", "no profile has so many"))
