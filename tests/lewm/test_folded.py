from pathlib import Path

import numpy as np
import pytest
import torch

from lewm.adapter import AuditableModel, load_model
from lewm.checkpoints.checkpoint import load_checkpoint
from lewm.collection.collect import walk
from lewm.collection.policies import NoisyExpert
from lewm.evaluation import cases as case_files
from lewm.evaluation.closed_loop import model_actor, run_cases
from lewm.pretrained import bundled
from lewm.pretrained.recipe import FOLDER, PLAN, world

FOLDED = Path(__file__).parents[1] / "fixtures" / "folded.pt"


@pytest.fixture(scope="module")
def folded() -> AuditableModel:
    return load_model(FOLDED)


def latents(model: AuditableModel, states: np.ndarray) -> torch.Tensor:
    return model.encode(world().render(states))


def distance_rank_correlation(model: AuditableModel) -> float:
    """How well latent distance orders pairs of positions as true distance does."""
    rng = np.random.default_rng(0)
    one, other = (world().sample_states(rng, 200) for _ in range(2))
    latent = (latents(model, one) - latents(model, other)).square().sum(dim=-1).numpy()
    ranks = [np.argsort(np.argsort(values)) for values in (latent, world().distance(one, other))]
    return float(np.corrcoef(*ranks)[0, 1])


def test_the_folded_model_looks_healthy_in_training(folded):
    last = load_checkpoint(FOLDED).training["losses"][-1]
    states, _ = walk(world(), NoisyExpert(), episodes=range(80), length_env_steps=60, seed=7)
    z = latents(folded, states[:, ::20].reshape(-1, 2))
    spectrum = torch.linalg.eigvalsh(torch.cov(z.T))
    share = spectrum / spectrum.sum()
    effective_rank = torch.exp(-(share * share.log()).sum())

    assert last["prediction"] < 0.05
    assert last["sigreg"] < 1.5
    assert last["alarms"] == []
    assert 0.8 < z.std(dim=0).min() < z.std(dim=0).max() < 1.2
    assert effective_rank > 0.9 * folded.latent_width


def test_latent_distance_of_the_folded_model_says_little_about_the_way(folded):
    assert distance_rank_correlation(folded) < 0.6
    assert distance_rank_correlation(load_model(bundled("two_room"))) > 0.8


def test_the_folded_model_cannot_plan(folded):
    tuning = case_files.load(FOLDER / "cases_tuning.json")
    few = case_files.Cases(tuning.starts[:16], tuning.goals[:16], tuning.origin, 0)

    solved = run_cases(
        world(),
        few,
        model_actor(folded, PLAN),
        budget_env_steps=50,
        execute_env_steps=25,
        seed=0,
    )

    assert solved.mean() <= 0.4
