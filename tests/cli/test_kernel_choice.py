"""Rows rest on how a model is imagined: another way of computing is another cell."""

from types import SimpleNamespace

from envelope.cli.identity import identify, model_digest
from lewm.adapter import load_model
from lewm.planning.plan_kernels import PlanKernels
from lewm.pretrained import bundled
from perturbations.cells.runner import CellKey


def test_cells_of_another_kernel_path_have_other_ids():
    model = load_model(bundled("two_room"))
    state = identify(model)
    before = model_digest(state, model)

    model.imagination = PlanKernels(num_threads=1, choice="packed")
    after = model_digest(state, model)

    ids = {
        CellKey("planning", "model", {}, cases="c", seed=0, identity={"model": digest}).id
        for digest in (before, after)
    }
    assert len(ids) == 2


def test_a_model_of_another_adapter_computes_in_one_way():
    model = load_model(bundled("two_room"))
    state = identify(model)

    assert model_digest(state, SimpleNamespace()) == model_digest(state, model)
