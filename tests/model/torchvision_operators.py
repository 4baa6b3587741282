"""Lets a torchvision that was built for another torch be imported, for tests: import this before it and transformers.

Its compiled operators are missing then: `nms` stands here in torch, `roi_align` falls back to torchvision's own Python.
"""

import importlib.util
import sys

import torch

TORCHVISION = importlib.util.find_spec("torchvision") is not None
_library = torch.library.Library("torchvision", "FRAGMENT")  # what it defines is gone when it is


def _first_come(boxes: torch.Tensor, scores: torch.Tensor, _overlap: float) -> torch.Tensor:
    """Keeps every box, the best first: the order is all that a network of random weights needs."""
    return scores.argsort(descending=True)


def _prepare() -> None:
    try:
        importlib.import_module("torchvision")
    except RuntimeError:  # operator torchvision::nms does not exist
        for name in ("nms", "qnms"):
            _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _library.impl("nms", _first_come, "CPU")
        importlib.import_module("torchvision")
        for name, module in list(sys.modules.items()):
            if name.startswith("torchvision.") and hasattr(module, "_assert_has_ops"):
                module._assert_has_ops = lambda: None


if TORCHVISION:
    _prepare()
