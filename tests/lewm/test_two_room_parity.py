"""Our two rooms step for step and pixel for pixel as stable-worldmodel's.

The comparisons are in tests/reference/two_room_parity.py and run where the reference is installed.
"""

from tests import reference


def test_every_comparison_with_the_reference_passes():
    told = reference.run("two_room_parity")

    assert "26 passed" in told
    assert "skipped" not in told
