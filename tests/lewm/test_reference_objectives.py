import json

from tests import reference


def test_losses_and_the_gradient_of_sigreg_are_those_of_the_reference():
    found = json.loads(reference.run("objectives").splitlines()[-1])
    assert len(found) == 6
    assert max(found.values()) < 5e-6, found
