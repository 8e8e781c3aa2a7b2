"""From a configuration to a model."""

import torch

from lewm.config import ModelConfig
from lewm.model import LeWM
from lewm.prefix import FastLeWM
from lewm.tokens import TokenWM

WorldModelModule = LeWM | FastLeWM | TokenWM


def build(config: ModelConfig) -> WorldModelModule:
    """The model that `config` describes, its weights drawn from the global generator."""
    if config.predictor == "tokens":
        return TokenWM(config)
    return FastLeWM(config) if config.predictor == "prefix" else LeWM(config)


def new_model(config: ModelConfig, *, seed: int) -> WorldModelModule:
    """A model with weights drawn from `seed`; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(config)
