"""The packed predictor against `LeWM.rollout`, in every way a window can begin, grow and slide."""

import copy
from dataclasses import replace

import pytest
import torch

from lewm.build import new_model
from lewm.config import small, tiny
from lewm.errors import LewmError
from lewm.planning.fastplan import FastImagination, imagine_rows, known_windows
from lewm.planning.fastplan_cuda import Moment
from lewm.planning.imagination import PlainImagination
from lewm.planning.linears import make_linear_by, packing_works
from lewm.planning.packed import PackedPredictor
from lewm.planning.rowwise import TorchRowwise, compiled, make_rowwise

MIDDLE = replace(
    tiny(),
    latent_width=24,
    predictor_width=24,
    predictor_depth=3,
    predictor_heads=3,
    predictor_head_width=16,
    predictor_mlp_width=64,
)
CONFIGS = {
    "tiny": tiny(),
    "small": small(),
    "middle": MIDDLE,
    "one layer": replace(tiny(), predictor_depth=1),
    "no history": replace(MIDDLE, history=1),
    "long history": replace(MIDDLE, history=5),
}
LINEARS = ["torch", *(["onednn"] if packing_works() else [])]


def trained_looking(config):
    """A model in which nothing is zero or one that training would move."""
    model = new_model(config, seed=0).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(1)
    for name, value in model.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
        elif value.is_floating_point():
            value.add_(torch.randn(value.shape, generator=generator), alpha=0.1)
    return model


def moment(config, *, num_cases, num_frames, num_samples, num_steps):
    generator = torch.Generator().manual_seed(2)
    blocks = (config.block_size, config.action_width)
    return (
        torch.randn(num_cases, num_frames, config.latent_width, generator=generator),
        torch.randn(num_cases, num_frames - 1, *blocks, generator=generator),
        torch.randn(num_cases, num_samples, num_steps, *blocks, generator=generator),
    )


def packed(model, linear="torch"):
    rowwise = make_rowwise(model.config.predictor_heads)
    return PackedPredictor(model, make_linear_by(linear, "float32"), rowwise)


def relative_error(found, expected):
    assert found.shape == expected.shape
    return ((found - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("linear", LINEARS)
@pytest.mark.parametrize("name", CONFIGS)
def test_every_way_to_begin_and_to_slide_gives_the_latents_of_the_model(name, linear):
    config = CONFIGS[name]
    model = trained_looking(config)
    exact = copy.deepcopy(model).double()
    predictor = packed(model, linear)
    for num_frames in range(1, config.history + 1):
        for num_steps in (1, 2, 3, 5, 7):
            for num_cases in (1, 3):
                z, past, candidates = moment(
                    config,
                    num_cases=num_cases,
                    num_frames=num_frames,
                    num_samples=4,
                    num_steps=num_steps,
                )
                imagined = FastImagination(predictor, z, past, num_threads=2)
                plain = PlainImagination(exact, z.double(), past.double())
                for every_step in (False, True):
                    found = imagined(candidates, every_step=every_step)
                    expected = plain(candidates.double(), every_step=every_step)
                    assert relative_error(found, expected) < 1e-5


def test_tiles_and_threads_do_not_change_the_latents(monkeypatch):
    monkeypatch.setattr("lewm.planning.fastplan._LARGEST_TILE", 4)
    z, past, candidates = moment(MIDDLE, num_cases=2, num_frames=2, num_samples=19, num_steps=4)
    predictor = packed(trained_looking(MIDDLE))
    one, three = (
        FastImagination(predictor, z, past, num_threads=n)(candidates, every_step=True)
        for n in (1, 3)
    )
    torch.testing.assert_close(one, three, atol=1e-6, rtol=1e-6)


def test_memory_kept_for_the_next_call_does_not_reach_into_it():
    z, past, candidates = moment(MIDDLE, num_cases=2, num_frames=2, num_samples=9, num_steps=4)
    imagine = FastImagination(packed(trained_looking(MIDDLE)), z, past, num_threads=2)
    first = imagine(candidates, every_step=True)
    kept = first.clone()
    other = imagine(candidates + 1, every_step=True)
    assert torch.equal(first, kept)
    assert not torch.equal(other, kept)
    assert torch.equal(imagine(candidates, every_step=True), kept)


def test_one_candidate_is_imagined_too():
    z, past, candidates = moment(MIDDLE, num_cases=2, num_frames=3, num_samples=1, num_steps=5)
    model = trained_looking(MIDDLE)
    found = FastImagination(packed(model), z, past, num_threads=1)(candidates, every_step=False)
    expected = PlainImagination(model, z, past)(candidates, every_step=False)
    assert relative_error(found, expected) < 1e-5


def test_rows_for_all_cases_at_once_give_the_same_latents():
    """What a GPU records (lewm/planning/fastplan_cuda.py)."""
    z, past, candidates = moment(MIDDLE, num_cases=3, num_frames=3, num_samples=4, num_steps=5)
    model = trained_looking(MIDDLE)
    predictor = packed(model)
    known = tuple(predictor.take_in(frames) for frames in z.unbind(dim=1))
    windows = known_windows(predictor, known, past.flatten(start_dim=2))
    every = Moment(known, windows).for_candidates(4)

    found = imagine_rows(
        predictor, every.known, every.windows, candidates.flatten(end_dim=1), every_step=True
    )

    expected = PlainImagination(model, z, past)(candidates, every_step=True)
    assert relative_error(found.reshape(expected.shape), expected) < 1e-5
    assert len(list(every.tensors())) == 3 + MIDDLE.predictor_depth * (1 + 1 + 2 + 1 + 0 + 1)


def test_the_callers_threads_stay_as_they_were():
    before = torch.get_num_threads()
    z, past, candidates = moment(tiny(), num_cases=1, num_frames=1, num_samples=4, num_steps=2)
    FastImagination(packed(trained_looking(tiny())), z, past, num_threads=2)(
        candidates, every_step=False
    )
    assert torch.get_num_threads() == before


def test_a_model_that_imagines_in_one_way_has_no_self_consistency():
    z, past, candidates = moment(tiny(), num_cases=1, num_frames=1, num_samples=4, num_steps=2)
    imagine = FastImagination(packed(trained_looking(tiny())), z, past, num_threads=1)
    with pytest.raises(LewmError, match="one block at a time"):
        imagine.self_consistency(candidates)


@pytest.mark.skipif(compiled() is None, reason="no C compiler here")
@pytest.mark.parametrize(("heads", "head_width"), [(1, 5), (3, 16)])
def test_the_compiled_rows_are_those_of_torch(heads, head_width):
    generator = torch.Generator().manual_seed(0)
    width = heads * head_width

    def rows(num_rows, stride=width):
        return torch.randn(num_rows, stride, generator=generator)[:, :width]

    by_torch, by_c = TorchRowwise(heads), make_rowwise(heads)
    found, expected = torch.empty(7, width), torch.empty(7, width)
    query, keys, values = rows(7, 2 * width), [rows(7), rows(1)], [rows(1), rows(7, 99), rows(7)]
    for rowwise, out in ((by_c, found), (by_torch, expected)):
        rowwise.attend(query, keys, values, out)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)

    x, branch, gate, scale, shift = (rows(7, 3 * width) for _ in range(5))
    for arguments in (
        (branch, gate, scale, shift),
        (None, None, scale, shift),
        (branch, gate, None, None),
    ):
        states = [x.clone(), x.clone()]
        by_c.add_and_normalize(states[0], *arguments, found)
        by_torch.add_and_normalize(states[1], *arguments, expected)
        torch.testing.assert_close(states[0], states[1], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_without_a_compiler_torch_does_it(monkeypatch):
    monkeypatch.setattr("lewm.planning.rowwise.compiled", lambda: None)
    assert isinstance(make_rowwise(2), TorchRowwise)


def test_a_broken_compiler_is_no_compiler(monkeypatch):
    monkeypatch.setattr("lewm.planning.rowwise._FLAGS", ("--no-such-flag",))
    assert compiled.__wrapped__() is None
