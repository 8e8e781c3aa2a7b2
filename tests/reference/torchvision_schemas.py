"""Makes torchvision importable beside a CPU build of torch, before `stable_worldmodel` is imported.

torchvision's compiled operators are linked to CUDA and cannot be loaded here; its Python part only
needs two operator schemas to exist.
"""

import torch

_library = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _library.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
