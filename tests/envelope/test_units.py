"""Units and names as people read them."""

import pytest

from envelope.records.units import in_unit, plain


@pytest.mark.parametrize(
    ("figures", "unit", "words"),
    [
        ("8", "delta_e", "8 ΔE"),
        ("90", "degrees", "90°"),
        ("2", "times", "2×"),
        ("16", "px", "16 px"),
        ("1", "frames", "1 frame"),
        ("10", "env_steps", "10 env steps"),
        ("48", "std", "48 grey levels"),
        ("0.5", "share_of_light", "0.5 of the light"),
        ("6.1 [4.5, 9]", "delta_e", "6.1 [4.5, 9] ΔE"),
        ("0.5", "1", "0.5"),
    ],
)
def test_figures_stand_before_their_unit(figures, unit, words):
    assert in_unit(figures, unit) == words


def test_a_name_is_read_without_its_underscores():
    assert plain("stuck_action") == "stuck action"
