"""The recorded graph on a GPU against the plain imagination on a processor."""

import pytest
import torch

from lewm.adapter import AuditableModel
from lewm.data.windows import ActionStats
from lewm.planning.imagination import PlainImagination
from lewm.planning.plan_config import PlanConfig
from lewm.planning.plan_kernels import PlanKernels
from tests.lewm.test_fastplan import MIDDLE, moment, relative_error, trained_looking

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def both(precision, *, num_cases, num_frames, every_step, kernels=None):
    model = trained_looking(MIDDLE)
    z, past, candidates = moment(
        MIDDLE, num_cases=num_cases, num_frames=num_frames, num_samples=32, num_steps=5
    )
    expected = PlainImagination(model, z, past)(candidates, every_step=every_step)
    kernels = kernels or PlanKernels(precision=precision)
    imagine = kernels(trained_looking(MIDDLE).cuda(), z.cuda(), past.cuda())
    first = imagine(candidates.cuda() + 1, every_step=every_step)
    found = imagine(candidates.cuda(), every_step=every_step)
    assert not torch.equal(first, found)
    return found.cpu(), expected


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("num_frames", [1, 2, 3])
@pytest.mark.parametrize("num_cases", [1, 3])
def test_a_replayed_graph_gives_the_latents_of_a_processor(num_cases, num_frames, every_step):
    found, expected = both(
        "float32", num_cases=num_cases, num_frames=num_frames, every_step=every_step
    )
    assert relative_error(found, expected) < 1e-4


@pytest.mark.parametrize(("precision", "limit"), [("tf32", 1e-2), ("bfloat16", 5e-2)])
def test_lower_precision_is_near(precision, limit):
    found, expected = both(precision, num_cases=2, num_frames=3, every_step=False)
    assert relative_error(found, expected) < limit


def test_a_graph_serves_the_next_plan_from_another_moment():
    model = trained_looking(MIDDLE)
    on_gpu, kernels = trained_looking(MIDDLE).cuda(), PlanKernels()
    z, past, candidates = moment(MIDDLE, num_cases=2, num_frames=3, num_samples=8, num_steps=4)
    for shift in (0.0, 0.5):
        imagine = kernels(on_gpu, z.cuda() + shift, past.cuda() + shift)
        found = imagine(candidates.cuda(), every_step=False)
        expected = PlainImagination(model, z + shift, past + shift)(candidates, every_step=False)
        assert relative_error(found.cpu(), expected) < 1e-4


def test_a_model_on_a_gpu_names_its_graph():
    stats = ActionStats(mean=(0.0, 0.0), std=(1.0, 1.0))
    module = trained_looking(MIDDLE).cuda()
    model = AuditableModel(module, stats, name="gpu", plan_config=PlanConfig())
    model.imagine(torch.zeros(1, MIDDLE.latent_width, device="cuda"))
    assert model.kernel_path == "cuda graph, float32"
