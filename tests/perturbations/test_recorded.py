"""Audits of recorded episodes: what they find without a simulator, and what they leave open."""

from functools import cache

import numpy as np
import pytest

from envelope.claims import make_claims
from envelope.errors import EnvelopeError
from envelope.fields import covers
from envelope.records import ViolationCriterion
from lewm.errors import LewmError
from lewm.worlds.recorded import ADDRESS_WIDTH, RecordedWorld
from perturbations import audit
from perturbations.recorded import (
    NEEDS_SIMULATOR,
    NEEDS_TRUE_STATES,
    NEEDS_UNITS,
    Shares,
    least_shares,
    left_out,
    share_out,
    why_not,
)
from perturbations.violations.classes import VIOLATIONS, find
from perturbations.violations.clips import make_clips
from perturbations.whole.contradiction import contradiction
from tests.known_models.benches import PROFILE, criteria
from tests.known_models.defects import ActionBlind, BatchNormInTraining, FrozenFrameLover
from tests.known_models.judging import claims_of, measurements_of
from tests.known_models.models import Collapsed, Oracle, Still
from tests.known_models.recording import follows, recorded_bench, source
from tests.known_models.world import BLOCK


def cut(name):
    return ViolationCriterion(magnitudes=[2.0], claim_at=2.0, unit="frames")


PICTURES = {"distractor", "blur", "noise", "camera.jump"}
"""Classes that paint, and the dot world has numbers for pictures."""
CRITERIA = criteria(
    nuisances={"light.gain": [0.5, 1.0], "background.color": [1.0]},
    violations={
        **{name: of for name, of in criteria().violations.items() if name not in PICTURES},
        "spliced_episode": cut("spliced_episode"),
        "frame_skip": cut("frame_skip"),
    },
)
OPEN_LOOP = ("representation", "voe", "horizon_drift")


@cache
def claims(kind, *, has_states=True):
    data = source(has_states=has_states)
    return claims_of(recorded_bench(kind(), data=data, criteria=CRITERIA))


def test_what_needs_a_simulator_is_unknown_and_says_so():
    for claim in claims(Oracle).values():
        if claim.id.startswith(("planning.", "nuisance.", "worst_case.", "exploitation.")):
            assert (claim.verdict, claim.outcome) == ("unknown", "not_measured"), claim.id
            assert claim.reason == NEEDS_SIMULATOR, claim.id
    for name in ("through_wall", "freeze", "drift", "background.color"):
        assert claims(Oracle)[f"monitor.surprise.{name}"].reason == NEEDS_SIMULATOR


def test_no_claim_of_a_perfect_model_fails():
    failing = [
        one.id
        for one in claims(Oracle).values()
        if one.verdict == "fails" and not one.id.startswith(("monitor.shell", "monitor.disagreem"))
    ]
    assert failing == []


@pytest.mark.parametrize(
    "name",
    [
        "teleport",
        "rewind",
        "frame_skip",
        "spliced_episode",
        "frozen_camera",
        "velocity_reversal",
        "mirrored_motion",
        "rotated_motion",
        "overspeed",
        "action_delay",
        "blackout",
    ],
)
def test_a_perfect_model_is_surprised_by_every_cut_and_every_command_not_followed(name):
    claim = claims(Oracle)[f"monitor.surprise.{name}"]
    assert claim.verdict == "holds", claim.reason


@pytest.mark.parametrize(
    ("kind", "claim"),
    [
        (FrozenFrameLover, "monitor.surprise.frozen_camera"),
        (ActionBlind, "representation.action_sensitivity"),
        (ActionBlind, "monitor.surprise.velocity_reversal"),
        (Still, "drift.usable_horizon"),
        (Collapsed, "representation.effective_rank"),
        (BatchNormInTraining, "representation.steady"),
    ],
)
def test_a_planted_defect_is_found_without_a_simulator(kind, claim):
    found = claims(kind)[claim]
    assert found.verdict == "fails", found.reason
    assert claims(Oracle)[claim].verdict == "holds", claims(Oracle)[claim].reason


OF_EPISODES = (
    "monitor.surprise.false_alarms",
    "monitor.surprise.rewind",
    "drift.usable_horizon",
    "representation.action_sensitivity",
)


@cache
def measured():
    return measurements_of(recorded_bench(Oracle(), criteria=CRITERIA), OPEN_LOOP)


def judged(**changes):
    """The claims where the plan says something else of the data."""
    found = measured()
    data = found.plan.recorded.model_copy(update=changes)
    plan = found.plan.model_copy(update={"recorded": data})
    made = make_claims(found.model_copy(update={"plan": plan}), CRITERIA).claims
    return {claim.id: claim for claim in made}


def test_what_is_said_of_recorded_episodes_holds_for_them_and_lapses_with_who_drives():
    assert {one.calibration.driven_by for one in measured().monitors} == {"recording"}
    for name in OF_EPISODES:
        claim = judged()[name]
        assert claim.verdict == "holds", claim.reason
        assert claim.statement.endswith(
            "On recorded episodes, which no planner drove and, as whoever measured says, "
            "the model was not trained on."
        )
        assert covers(claim.rests_on, "input_scope.driven_by")
    for name in ("representation.steady", "representation.effective_rank"):
        assert not covers(judged()[name].rests_on, "input_scope.driven_by")


def test_nothing_of_whole_episodes_holds_unless_they_were_held_out():
    found = judged(is_held_out=False)
    for name in OF_EPISODES:
        assert found[name].verdict == "unknown"
        assert found[name].reason.endswith("episodes that the model was not trained on")
    assert found["representation.effective_rank"].verdict == "holds"


def test_thresholds_of_shorter_episodes_than_the_budget_promise_no_rate_of_false_alarms():
    claim = judged(model_steps_per_episode=1)["monitor.surprise.false_alarms"]
    assert claim.verdict == "unknown"
    assert f"thresholds were set on {BLOCK} env steps, an episode has" in claim.reason


def trained_on(digest, *tuned_on):
    model = Oracle()
    model.training = {"data": {"digest": digest}} if digest else {}
    model.tuning = [{"data": {"digest": one}} for one in tuned_on]
    return model


@pytest.mark.parametrize(
    ("model", "is_declared", "word"),
    [
        (lambda own: trained_on(own), False, "is a data set that it was trained on"),
        (lambda own: trained_on("0" * 64, own), False, "is a data set that it was trained on"),
        (lambda own: trained_on(""), True, "does not say what it was trained on"),
        (lambda own: trained_on("0" * 64), False, "nobody gave their word"),
        (lambda own: trained_on("0" * 64), True, ""),
    ],
)
def test_held_out_takes_a_word_and_a_checkpoint_that_names_other_data(model, is_declared, word):
    data = source(149)
    bench = recorded_bench(
        model(data.digest()), data=data, criteria=CRITERIA, is_held_out=is_declared
    )
    said = {one.what: one.reason for one in left_out(bench, ())}
    assert bench.recorded.is_held_out == (not word)
    assert word in said.get("episodes that the model was not trained on", "")


def test_a_word_that_the_checkpoint_contradicts_is_refused():
    data = source(149)
    with pytest.raises(EnvelopeError, match="its checkpoint names that very data set"):
        recorded_bench(trained_on(data.digest()), data=data, is_held_out=True)


def test_without_true_states_distance_is_unknown_and_pixels_judge_the_clips():
    found = claims(Oracle, has_states=False)
    assert found["representation.distance_rank"].reason == NEEDS_TRUE_STATES
    assert found["monitor.surprise.teleport"].reason == NEEDS_TRUE_STATES
    assert found["representation.effective_rank"].verdict == "holds"
    assert found["monitor.surprise.spliced_episode"].verdict == "holds"
    assert found["monitor.surprise.velocity_reversal"].verdict == "holds"


def test_rows_of_recorded_episodes_follow_from_their_plan():
    for has_states in (True, False):
        data = source(has_states=has_states)
        found = measurements_of(recorded_bench(Oracle(), data=data, criteria=CRITERIA), OPEN_LOOP)
        assert contradiction(found.cells, found.plan, PROFILE) == ""
        disguised = found.plan.model_copy(update={"recorded": None})
        assert contradiction(found.cells, disguised, PROFILE) != ""


def test_summaries_of_a_closed_loop_that_nobody_ran_are_not_believed():
    from envelope.records import Estimate, Measurement

    found = measured()
    sure = Estimate(value=1, low=0.99, high=1, episodes=400, interval="clopper_pearson", seed=0)
    forged = Measurement(
        suite="planning", quantity="success", unit="1", condition={"arm": "model"}, estimate=sure
    )
    forged_too = found.model_copy(
        update={
            "summaries": [*found.summaries, forged],
            "plan": found.plan.model_copy(update={"suites": [*found.plan.suites, "planning"]}),
        }
    )
    judged = {one.id: one for one in make_claims(forged_too, CRITERIA).claims}
    assert judged["planning.success"].reason == NEEDS_SIMULATOR


# --- clips --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bench():
    return recorded_bench(Oracle(), criteria=CRITERIA)


CUTS = {"teleport": 40.0, "rewind": 10.0, "frame_skip": 2.0, "spliced_episode": 2.0}
TOLD = {
    "velocity_reversal": 10.0,
    "action_swap": 10.0,
    "mirrored_motion": 10.0,
    "rotated_motion": 90.0,
    "overspeed": 2.0,
    "action_delay": 5.0,
}


@pytest.mark.parametrize(("name", "magnitude"), [*CUTS.items(), *TOLD.items()])
def test_twins_are_the_same_up_to_the_critical_frame(bench, name, magnitude):
    clips = make_clips(bench, find(name), magnitude)
    assert clips.kept.sum() >= 20
    for row in np.flatnonzero(clips.kept):
        critical = clips.critical[row]
        assert (clips.shown[row, : critical + 1] == clips.lawful[row, : critical + 1]).all()
        assert (clips.told[row, :critical] == clips.actions[row, :critical]).all()


@pytest.mark.parametrize(
    ("name", "magnitude", "num_breaks"), [("teleport", 40.0, 1), ("frame_skip", 2.0, 1)]
)
def test_nothing_but_the_cut_breaks_the_law(bench, name, magnitude, num_breaks):
    clips = make_clips(bench, find(name), magnitude)
    for row in np.flatnonzero(clips.kept):
        places = clips.shown[row, :, ADDRESS_WIDTH:]
        error = np.linalg.norm(follows(places[:-1], clips.told[row]) - places[1:], axis=-1)
        broken = error[: clips.last[row]] > 0.1
        assert broken[clips.critical[row]]
        assert broken.sum() == num_breaks


def test_a_pixel_of_states_that_nobody_named_is_no_length():
    bench = recorded_bench(Oracle(), data=source(149), criteria=CRITERIA)
    bench.world.units_per_px = None
    assert why_not(bench, find("teleport")) == NEEDS_UNITS


@pytest.mark.parametrize(
    ("world", "factors", "found"),
    [
        ("dot", {"agent.radius": 14, "agent.color": [1, 2, 3]}, True),
        ("another", {"agent.radius": 14}, False),
        ("dot", {"agent.radius": "large"}, False),
        ("dot", ["agent.radius"], False),
    ],
)
def test_factors_that_the_data_name_are_in_the_scope(world, factors, found):
    data = source(1)
    data.provenance = {"world": world, "factors": factors}
    scope = RecordedWorld(data, name="dot", of="d.h5").scope()
    assert scope["factors"] == (factors if found else {})


def test_places_of_pusht_are_told_from_its_angles_and_velocities():
    data = source(1)
    columns = np.array([[100.0, 100, 200, 200, 3, 0, 0], [103, 104, 200, 200, 0, 400, 300]])
    data._columns["state"] = np.tile(columns, (1, 31, 1))[:, :61]
    world = RecordedWorld(data, name="swm/pusht", of="p.h5")
    states = world.states_at(0, np.array([0, 1]))
    assert world.distance(states[:1], states[1:]).tolist() == [5.0]
    assert (world.length_unit, world.units_per_px) == ("px_of_512", 512 / 224)


def test_a_teleport_goes_as_far_as_its_magnitude_says(bench):
    clips = make_clips(bench, find("teleport"), 40.0)
    rows = np.flatnonzero(clips.kept)
    here = clips.shown[rows, clips.critical[rows], ADDRESS_WIDTH:]
    first = clips.told[rows, clips.critical[rows]]
    after = clips.shown[rows, clips.critical[rows] + 1, ADDRESS_WIDTH:]
    jumped = np.linalg.norm(after - follows(here, first), axis=-1)
    assert np.median(jumped) == pytest.approx(40.0, rel=0.25)


@pytest.mark.parametrize(("name", "magnitude"), TOLD.items())
def test_commands_told_otherwise_leave_the_film_as_it_is(bench, name, magnitude):
    clips = make_clips(bench, find(name), magnitude)
    assert (clips.shown == clips.lawful).all()
    assert (clips.told != clips.actions).any(axis=(1, 2, 3))[clips.kept].all()
    farthest = np.abs(bench.scoring.actions).max()
    assert np.abs(clips.told[clips.kept]).max() <= farthest * (1 + 1e-6)


def test_every_other_class_needs_a_simulator(bench):
    for name in set(VIOLATIONS) & set(bench.criteria.violations) - set(CUTS) - set(TOLD):
        if find(name).kind == "physical" and name != "slow_motion":
            assert why_not(bench, find(name)) == NEEDS_SIMULATOR, name


def test_what_recorded_episodes_cannot_say_is_listed(bench):
    found = audit.run(bench, OPEN_LOOP)
    said = {one.what: one.reason for one in found.not_measured}
    assert said["through_wall in any form"] == NEEDS_SIMULATOR
    assert "somebody else chose" in said["alarms while the planner drives"]
    assert "recorded true states" in said["whether a clip breaks the laws of the world"]


# --- how episodes are given out -----------------------------------------------------------------


def test_no_episode_goes_to_two_places(bench):
    parts = [bench.calibration, bench.scoring, bench.fitting]
    numbers = [set(part.states[:, 0, 0].tolist()) for part in parts]
    numbers.append(set(bench.world.sample_states(np.random.default_rng(0), 60)[:, 0].tolist()))
    assert sum(map(len, numbers)) == len(set.union(*numbers))
    assert [len(part) for part in parts] == [
        len(part.states[:, 0]) for part in (bench.calibration, bench.scoring, bench.fitting)
    ]


def test_copies_of_an_episode_count_once():
    data = source(150)
    for array in (data._frames, data._actions, data._columns["state"]):
        array[75:] = array[:75]
    with pytest.raises(EnvelopeError, match="75 episodes can be used, 149 are needed"):
        recorded_bench(Oracle(), data=data)


@pytest.mark.parametrize("num_cut", [1, 30])
def test_episodes_that_overlap_count_once(num_cut):
    data = source(150)
    for array in (data._frames, data._actions, data._columns["state"]):
        array[75:, :-num_cut] = array[:75, num_cut:]
    with pytest.raises(EnvelopeError, match="75 episodes can be used, 149 are needed"):
        recorded_bench(Oracle(), data=data)


@pytest.mark.parametrize(("num", "missing"), [(1, 148), (148, 1)])
def test_too_few_episodes_are_refused_with_the_number_needed(num, missing):
    with pytest.raises(EnvelopeError, match="59 to set thresholds on") as refused:
        recorded_bench(Oracle(), data=source(num))
    assert f"record {missing} more" in refused.value.next_step


def test_the_fewest_episodes_are_enough():
    bench = recorded_bench(Oracle(), data=source(149))
    assert (len(bench.calibration), len(bench.scoring), len(bench.fitting)) == (59, 20, 10)


def test_plenty_of_episodes_give_what_the_profile_asks_for_and_no_more():
    least, wanted = least_shares(0.05), Shares(200, 120, 52, 100)
    assert share_out(10_000, wanted, least) == wanted
    between = share_out(300, wanted, least)
    assert least.total < between.total <= 300


def test_shorter_episodes_give_shorter_clips():
    bench = recorded_bench(Oracle(), data=source(160, num_env_steps=30))
    assert bench.model_steps_per_episode == 30 // BLOCK
    assert bench.recorded.model_steps_per_episode == 30 // BLOCK


def test_a_changed_planner_leaves_the_cells_of_recorded_episodes_as_they_are(bench):
    other = recorded_bench(Oracle(), identity={**bench.identity, "planner": "another"})
    for suite in ("voe", "horizon_drift"):
        keys = [one.key(suite, "model", {}, cases="c").id for one in (bench, other)]
        assert keys[0] == keys[1]
    asked = [
        one.key("cost", "model", {}, cases="c", rests_on=("planner",)).id for one in (bench, other)
    ]
    assert asked[0] != asked[1]


def test_other_data_are_other_cells(bench):
    other = recorded_bench(Oracle(), data=source(seed=12))
    keys = [one.key("voe", "model", {}, cases="c").id for one in (bench, other)]
    assert keys[0] != keys[1]


# --- the world ----------------------------------------------------------------------------------


def test_only_frames_of_episodes_in_use_are_read():
    data = source(150)
    read, read_frames = set(), data.read_frames

    def noted(episode, times):
        read.add((episode, tuple(np.asarray(times).tolist())))
        return read_frames(episode, times)

    data.read_frames = noted
    bench = recorded_bench(Oracle(), data=data)
    assert {times for _, times in read} == {(0,)}  # to tell copies apart
    assert len(bench.scoring_latents) == len(bench.scoring)
    in_use = set(bench.scoring.states[:, 0, 0].astype(int).tolist())
    assert {episode for episode, times in read if times != (0,)} <= in_use


def test_a_recorded_world_cannot_be_repainted_or_measured_without_states():
    world = RecordedWorld(source(5, has_states=False), name="dot", of="dots.h5")
    states = world.states_at(0, np.arange(3))
    with pytest.raises(LewmError, match=r"dots.h5 was recorded: light.gain cannot be changed"):
        world.render(states, {"light.gain": 0.5})
    with pytest.raises(LewmError, match=r"no column of true states; it holds pixels, action"):
        world.distance(states, states)
    assert not hasattr(world, "step")


def test_an_action_that_is_no_number_is_refused_where_it_stands():
    data = source(5)
    data._actions[2, 17] = np.nan
    world = RecordedWorld(data, name="dot", of="dots.h5")
    with pytest.raises(LewmError, match=r"episode 2 of dots.h5 .* at step 17 of 60"):
        world.read(2, 10, 30)


# --- direct and composed jumps ------------------------------------------------------------------


class Jumps(Oracle):
    """Jumps over several blocks at once, and ends so far from where two jumps lead."""

    apart = 0.0

    def self_consistency(self, z, blocks):
        direct = self.rollout(z, blocks)[:, -1].double()
        half = blocks.shape[1] // 2
        middle = self.rollout(z, blocks[:, :half])[:, -1]
        composed = self.rollout(middle, blocks[:, half:])[:, -1].double()
        return (direct + self.apart - composed).square().sum(dim=-1)


class Inconsistent(Jumps):
    apart = 30.0


def jumps_of(kind):
    found = measurements_of(recorded_bench(kind(), criteria=CRITERIA), ("horizon_drift",))
    return [one for one in found.summaries if one.quantity == "self_consistency"]


def test_a_model_that_contradicts_itself_needs_no_simulator_to_be_seen():
    (consistent,), (inconsistent,) = jumps_of(Jumps), jumps_of(Inconsistent)
    assert consistent.estimate.high == pytest.approx(0, abs=1e-6)
    assert inconsistent.estimate.low > 1
    assert consistent.condition == {"horizon": 3, "env_steps": 3 * BLOCK}
    assert jumps_of(Oracle) == []


def test_a_true_state_that_is_no_number_is_not_handed_out():
    data = source(5)
    data._columns["state"][2, 17] = np.nan
    world = RecordedWorld(data, name="dot", of="dots.h5")
    with pytest.raises(LewmError, match=r"episode 2 of dots.h5 holds a state .* at step 17 of 60"):
        world.states_at(2, np.array([3, 17]))
    assert world.states_at(2, np.array([3, 18])).shape == (2, 4)


def test_a_state_that_is_set_apart_has_to_be_a_number(bench):
    data = source()
    for address in bench.world._lent[:, :ADDRESS_WIDTH].astype(int):
        data._columns["state"][tuple(address)] = np.nan
    with pytest.raises(LewmError, match=r"of dots.h5 holds a state that is not a number at step"):
        recorded_bench(Oracle(), data=data)
