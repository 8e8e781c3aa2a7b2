import numpy as np
import pytest

from envelope.errors import EnvelopeError
from lewm.worlds.two_room import TwoRoom
from perturbations.nuisances import color
from perturbations.nuisances.classes import NUISANCES, PICTURE_PX, find
from perturbations.nuisances.color_ways import TARGETS
from perturbations.nuisances.nuisance import FrameSeeds

CLASSES = list(NUISANCES)


@pytest.fixture(scope="module")
def world():
    return TwoRoom(size_px=32)


@pytest.fixture(scope="module")
def states(world):
    return world.sample_states(np.random.default_rng(0), 6)


def seeds(cases=(3, 3, 3, 9, 9, 9), times=(0, 1, 2, 0, 1, 2)):
    return FrameSeeds(np.array(cases), np.array(times))


def show(name, world, states, strength, direction=None, at=None):
    nuisance = NUISANCES[name]
    direction = direction or nuisance.directions(world)[0]
    return nuisance.render(
        world, states, strength=strength, direction=direction, seeds=at or seeds()
    )


@pytest.mark.parametrize("name", CLASSES)
def test_strength_zero_is_the_clean_frame_byte_for_byte(name, world, states):
    for direction in NUISANCES[name].directions(world):
        assert (show(name, world, states, 0.0, direction) == world.render(states)).all()


@pytest.mark.parametrize("name", CLASSES)
def test_full_strength_changes_frames_and_does_so_the_same_way_twice(name, world, states):
    one = show(name, world, states, 1.0)

    assert one.dtype == np.uint8
    assert one.shape == (6, 32, 32, 3)
    assert (one != world.render(states)).any(axis=(1, 2, 3)).all()
    assert (one == show(name, world, states, 1.0)).all()


@pytest.mark.parametrize("name", CLASSES)
def test_a_frame_does_not_depend_on_its_neighbours(name, world, states):
    together = show(name, world, states, 0.7)
    alone = show(name, world, states[4:5], 0.7, at=seeds([9], [1]))

    assert (together[4] == alone[0]).all()


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_amounts_start_at_the_nominal_value_and_move_away_from_it(name, strength):
    nuisance, world = NUISANCES[name], TwoRoom()
    for direction in nuisance.directions(world):
        assert nuisance.amount(world, direction, 0.0) == nuisance.nominal
        near, far = (
            abs(nuisance.amount(world, direction, s) - nuisance.nominal)
            for s in (strength / 2, strength)
        )
        assert far > near > 0


@pytest.mark.parametrize("name", ["background.color", "background.gradient", "agent.color"])
def test_colour_classes_go_at_least_six_ways(name, world):
    assert len(NUISANCES[name].directions(world)) >= 6


def test_no_direction_hides_the_agent(world):
    """Red on red is not a nuisance: nothing is left to be seen."""
    assert "to_red" not in NUISANCES["background.color"].directions(world)
    white_on_white = TwoRoom(size_px=32, factors={"agent.color": (255, 255, 0)})
    assert "to_yellow" not in NUISANCES["background.color"].directions(white_on_white)


def test_the_amount_of_a_colour_is_the_distance_that_the_frame_shows(world, states):
    nuisance = NUISANCES["background.color"]
    frames = show("background.color", world, states, 0.5, "to_navy")
    corner = frames[0, 5, 5]

    shown = color.delta_e(corner, (255, 255, 255))

    assert shown == pytest.approx(nuisance.amount(world, "to_navy", 0.5), abs=1.0)


def test_beige_to_navy_can_be_said():
    beige = TwoRoom(size_px=32, factors={"background.color": (245, 245, 220)})

    assert NUISANCES["background.color"].shift(beige, "to_navy", 1.0).amount > 100


def test_a_gradient_leaves_the_left_edge_and_reaches_its_colour_on_the_right(world, states):
    clean, frames = world.render(states), show("background.gradient", world, states, 1.0, "to_navy")

    assert (frames[:, :, 0] == clean[:, :, 0]).all()
    assert (frames[0, 16, -1] == TARGETS["to_navy"]).all()


def test_a_gain_of_light_acts_on_linear_light(world, states):
    frames = show("light.gain", world, states, 0.625, "darker")  # gain 0.5

    assert frames.max() == 188  # sRGB of half the light of white


def test_a_distractor_stands_still_in_an_episode_and_not_in_the_next(world):
    still = np.tile(world.sample_states(np.random.default_rng(0), 1), (6, 1))
    frames = show("distractor", world, still, 0.5)

    assert (frames[0] == frames[2]).all()
    assert (frames[0] != frames[3]).any()


def test_a_distractor_never_covers_the_agent():
    world, state = TwoRoom(size_px=224), np.array([[60.0, 60.0]])
    for case in range(20):
        frame = show("distractor", world, state, 1.0, at=seeds([case], [0]))[0]
        assert (frame[60, 60] == (255, 0, 0)).all()


def test_noise_is_fresh_in_every_frame_and_as_wide_as_stated(world):
    grey = TwoRoom(size_px=32, factors={"background.color": (128, 128, 128)})
    still = np.tile(grey.sample_states(np.random.default_rng(0), 1), (6, 1))
    frames = show("noise", grey, still, 0.25)  # std 16

    assert (frames[0] != frames[1]).any()
    assert (frames.astype(float) - grey.render(still))[:, 1:3].std() == pytest.approx(16, abs=1)


@pytest.mark.parametrize(
    ("direction", "move", "edge"),
    [("left", (0, -1), -1), ("right", (0, 1), 0), ("up", (-1, 0), -1), ("down", (1, 0), 0)],
)
def test_a_camera_shift_moves_the_picture_and_repeats_its_edge(
    direction, move, edge, world, states
):
    clean, frames = world.render(states), show("camera.shift", world, states, 1.0, direction)
    reach = round(NUISANCES["camera.shift"].amount(world, direction, 1.0) * 32 / PICTURE_PX)

    expected = np.roll(clean, (move[0] * reach, move[1] * reach), axis=(1, 2))
    inner = slice(reach, 32 - reach)
    axis = 1 if move[0] else 2
    assert (frames[:, inner, inner] == expected[:, inner, inner]).all()
    assert (frames.take(edge, axis) == clean.take(edge, axis)).all()


def test_a_world_without_colours_of_its_own_has_no_colour_directions(states):
    class Plain:
        name = "plain"

        def render(self, states, factors=None):
            assert factors is None
            return np.full((len(states), 32, 32, 3), 200, dtype=np.uint8)

    assert NUISANCES["background.color"].directions(Plain()) == ()
    assert (show("distractor", Plain(), states, 1.0) != 200).any()


def test_a_world_that_knows_the_class_draws_it_itself(states):
    class Native:
        name = "native"

        def __init__(self):
            self.factors = {"blur": 0.0}

        def render(self, states, factors=None):
            level = 10 if factors is None else round(factors["blur"])
            return np.full((len(states), 2, 2, 3), level, dtype=np.uint8)

    assert (show("blur", Native(), states, 1.0) == 12).all()


def test_unknown_names_are_refused_with_those_that_exist(world, states):
    with pytest.raises(EnvelopeError, match=r"no nuisance is called 'fog'.*camera\.shift"):
        find("fog")
    with pytest.raises(EnvelopeError, match="has the directions"):
        show("blur", world, states, 1.0, "sideways")
    with pytest.raises(ValueError, match="strength"):
        NUISANCES["blur"].shift(world, "isotropic", 1.5)


@pytest.mark.parametrize(
    ("levels", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 128), (12.98, 47.51, -64.70)),
        ((0, 0, 0), (0, 0, 0)),
    ],
)
def test_lab_agrees_with_published_values(levels, lab):
    assert color.to_lab(levels) == pytest.approx(lab, abs=0.05)
    assert (color.from_lab(color.to_lab(levels)) == levels).all()
