from dataclasses import replace

import pytest
import torch

from lewm.adapter import AuditableModel
from lewm.build import new_model
from lewm.config import small, tiny
from lewm.data.windows import ActionStats
from lewm.planning import kernel_memory, plan_kernels
from lewm.planning.fastplan import FastImagination
from lewm.planning.imagination import PlainImagination
from lewm.planning.linears import packing_works
from lewm.planning.plan_config import PlanConfig
from lewm.planning.plan_kernels import PlanKernels


@pytest.fixture(autouse=True)
def nothing_measured_before(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(kernel_memory, "_answers", {})


MEDIUM = replace(small(), predictor_width=128, predictor_depth=3, predictor_mlp_width=1024)
"""Above a million parameters in the predictor, where it is measured."""


def frozen(config):
    return new_model(config, seed=0).eval().requires_grad_(False)


def start(config, num_samples=6):
    generator = torch.Generator().manual_seed(0)
    blocks = (config.block_size, config.action_width)
    z = torch.randn(1, 1, config.latent_width, generator=generator)
    candidates = torch.randn(1, num_samples, 4, *blocks, generator=generator)
    return z, torch.zeros(1, 0, *blocks), candidates


def test_the_smallest_models_are_imagined_plainly_without_measurement(monkeypatch):
    monkeypatch.setattr(plan_kernels, "_pays", lambda *_: pytest.fail("measured"))
    kernels = PlanKernels()
    z, past, _ = start(tiny())
    assert isinstance(kernels(frozen(tiny()), z, past), PlainImagination)
    assert kernels.kernel_path == "plain"


@pytest.mark.parametrize(("pays", "kind"), [(True, FastImagination), (False, PlainImagination)])
def test_other_models_take_what_the_measurement_says(monkeypatch, pays, kind):
    monkeypatch.setattr(plan_kernels, "_pays", lambda *_: pays)
    z, past, _ = start(MEDIUM)
    assert isinstance(PlanKernels()(frozen(MEDIUM), z, past), kind)


@pytest.mark.parametrize("gain", [5.0, 0.2])
def test_what_the_clock_said_once_is_taken_by_every_later_process(monkeypatch, gain):
    monkeypatch.setattr(plan_kernels, "speedup", lambda *_, **__: gain)
    model = frozen(MEDIUM)
    first = PlanKernels(num_threads=1).path_for(model)

    monkeypatch.setattr(plan_kernels, "speedup", lambda *_, **__: 1 / gain)
    again = PlanKernels(num_threads=1).path_for(model)
    monkeypatch.setattr(kernel_memory, "_answers", {})  # as in another process
    elsewhere = PlanKernels(num_threads=1).path_for(model)

    assert first.split(",")[0] == ("packed" if gain > 1 else "plain")
    assert first == again == elsewhere


def test_another_number_of_threads_is_another_question(monkeypatch):
    gains = iter([5.0, 0.2])
    monkeypatch.setattr(plan_kernels, "speedup", lambda *_, **__: next(gains))
    model = frozen(MEDIUM)

    assert PlanKernels(num_threads=1).path_for(model).startswith("packed")
    assert PlanKernels(num_threads=2).path_for(model) == "plain"


def test_the_path_says_precision_library_rows_and_threads():
    kernels = PlanKernels(num_threads=2, choice="packed")
    z, past, _ = start(tiny())
    kernels(frozen(tiny()), z, past)
    assert kernels.kernel_path.startswith("packed, float32 by ")
    assert kernels.kernel_path.endswith("rows, 2 threads")


def test_a_changed_weight_is_seen_by_the_next_plan():
    model = frozen(small())
    z, past, candidates = start(small())
    kernels = PlanKernels(num_threads=1, choice="packed")
    before = kernels(model, z, past)(candidates, every_step=False)

    model.pred_proj.net[3].bias.add_(1.0)

    after = kernels(model, z, past)(candidates, every_step=False)
    expected = PlainImagination(model, z, past)(candidates, every_step=False)
    assert (after - before).abs().max() > 0.1
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-5)


def test_another_model_around_the_same_tensors_is_prepared_anew():
    z, past, candidates = start(small())
    model = frozen(small())
    torch.nn.init.normal_(model.predictor.transformer.layers[0].adaLN_modulation[1].weight)
    wider = replace(small(), predictor_heads=2, predictor_head_width=32)
    other = frozen(wider)
    other.load_state_dict(model.state_dict(), assign=True)
    kernels = PlanKernels(num_threads=1, choice="packed")
    for one in (model, other):
        found = kernels(one, z, past)(candidates, every_step=False)
        expected = PlainImagination(one, z, past)(candidates, every_step=False)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_an_unchanged_model_is_packed_once(monkeypatch):
    packed = []
    pack = plan_kernels._pack
    monkeypatch.setattr(plan_kernels, "_pack", lambda *a: packed.append(1) or pack(*a))
    model, (z, past, _) = frozen(tiny()), start(tiny())
    kernels = PlanKernels(num_threads=1, choice="packed")
    for _ in range(3):
        kernels(model, z, past)
    assert packed == [1]


@pytest.mark.skipif(not packing_works(), reason="this torch has no packed linear")
def test_bfloat16_is_near_and_says_so():
    model, (z, past, candidates) = frozen(small()), start(small())
    kernels = PlanKernels(num_threads=1, precision="bfloat16")
    found = kernels(model, z, past)(candidates, every_step=False)
    expected = PlainImagination(model, z, past)(candidates, every_step=False)
    error = (found - expected).abs().max() / expected.abs().max()
    assert 1e-6 < error < 5e-2
    assert "bfloat16" in kernels.kernel_path


def test_a_model_to_be_audited_names_its_path():
    config = tiny()
    stats = ActionStats(mean=(0.0, 0.0), std=(1.0, 1.0))
    model = AuditableModel(frozen(config), stats, name="tiny", plan_config=PlanConfig())
    assert model.kernel_path == "plain"

    model.imagination = PlanKernels(num_threads=1, choice="packed")
    assert model.kernel_path.startswith("packed, float32 by ")
