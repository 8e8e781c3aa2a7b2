"""Losses of the reference beside ours, on the same latents: prints the differences as JSON."""

import json

import tests.reference.torchvision_schemas  # noqa: F401

# isort: split
import torch
from stable_worldmodel.wm.loss import PLDMLoss, SIGReg

from lewm.training import regularizers
from lewm.training.sigreg import sigreg


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    z = 0.7 * torch.randn(32, 4, 12, generator=generator)
    theirs = PLDMLoss()(z)
    pairs = {
        "std_loss": regularizers.variance_term,
        "cov_loss": regularizers.covariance_term,
        "std_t_loss": regularizers.temporal_variance_term,
        "temp_align_loss": regularizers.similarity_term,
    }
    found = {name: abs((theirs[name] - ours(z)).item()) for name, ours in pairs.items()}

    latents = z.clone().requires_grad_()
    torch.manual_seed(3)
    expected = SIGReg(17, 64)(latents.transpose(0, 1))
    (grad,) = torch.autograd.grad(expected, latents)
    torch.manual_seed(3)
    directions = torch.randn(12, 64)
    ours = sigreg(latents, directions / directions.norm(dim=0))
    (our_grad,) = torch.autograd.grad(ours, latents)
    found["sigreg"] = abs((expected - ours).item())
    found["sigreg_gradient"] = (grad - our_grad).abs().max().item()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
