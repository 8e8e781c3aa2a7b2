"""Dropout left on in a model that is otherwise evaluated."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from lewm.layers import CausalAttention


@contextmanager
def dropout_on(model: nn.Module) -> Iterator[None]:
    """Every module that drops anything draws; all others, BatchNorm above all, stay as they are."""
    dropping = [m for m in model.modules() if isinstance(m, nn.Dropout | CausalAttention)]
    before = [module.training for module in dropping]
    try:
        for module in dropping:
            module.training = True
        yield
    finally:
        for module, was in zip(dropping, before, strict=True):
            module.training = was
