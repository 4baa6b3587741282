"""Regions as the paper has them: the 36 best boxes of Faster R-CNN, each with the features of its box head.

Ren et al., 2015, in torchvision's `fasterrcnn_resnet50_fpn_v2`, trained on COCO's 91 classes; 1,024 features a box. The
only encoder that needs torchvision, which is no dependency as it must be built for the very torch that is there.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccd.errors import EnvironmentFailure, InputError
from model.encoders.photo import open_rgb
from model.encoders.pretrained import DEVICE, digest
from model.encoders.protocol import Regions, best_first

WEIGHTS = "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth"
PROPOSALS = 300  # that are scored; the paper keeps 36 of them
OVERLAP = 0.5  # of two boxes, above which the weaker one goes: torchvision's own limit


class FasterRcnn:
    """`faster-rcnn`: the score is the highest probability of a class that is not the background."""

    space = None

    def __init__(self, weights: Path | None, side: int = 224) -> None:
        self._detector = _detector(weights or Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS, side)
        self._side = side
        self.width = 1024
        self.fingerprint = {"encoder": "faster-rcnn", "version": 1, "side": side, "proposals": PROPOSALS}
        self.fingerprint |= {"overlap": OVERLAP, "backend": "pil", "weights": digest(self._detector)}

    def prepare(self, photo: Path) -> Tensor:
        """[3, h, w], values from 0 to 1, the shorter side `side` pixels long."""
        image = open_rgb(photo, 2 * self._side)
        scale = self._side / min(image.size)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        return torch.from_numpy(np.asarray(image.resize(size), np.float32) / 255).permute(2, 0, 1)

    @torch.inference_mode()
    def encode(self, prepared: Sequence[Tensor]) -> list[Regions]:
        """At most 36 regions an image."""
        return top_boxes(self._detector, [pixels.to(DEVICE) for pixels in prepared])


def top_boxes(detector: Any, images: list[Tensor]) -> list[Regions]:
    """Box-head features of the best boxes: the steps of torchvision's GeneralizedRCNN up to its class scores.

    The proposals stand as boxes: the classes' own corrections would give each of them 91.
    """
    resized, _ = detector.transform(images)
    maps = detector.backbone(resized.tensors)
    proposals, _ = detector.rpn(resized, maps)
    pooled = detector.roi_heads.box_roi_pool(maps, proposals, resized.image_sizes)
    features = detector.roi_heads.box_head(pooled)
    classes, _ = detector.roi_heads.box_predictor(features)
    scores = classes.softmax(-1)[:, 1:].amax(-1)  # class 0 is the background
    counts = [len(boxes) for boxes in proposals]
    found = []
    for boxes, feature, score, (height, width) in zip(
        proposals, features.split(counts), scores.split(counts), resized.image_sizes, strict=True
    ):
        kept = _apart(boxes, score)
        relative = (boxes[kept] / boxes.new_tensor([width, height, width, height])).clamp(0, 1)
        found.append(best_first(*(part.float().cpu().numpy() for part in (feature[kept], relative, score[kept]))))
    return found


def _apart(boxes: Tensor, scores: Tensor) -> Tensor:
    """Return the indices of the boxes, best first, that overlap no better one by more than OVERLAP (IoU)."""
    order = scores.argsort(descending=True)
    boxes = boxes[order]
    area = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1)
    corner = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    other = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = (other - corner).clamp(min=0).prod(-1)
    overlaps = (shared > OVERLAP * (area[:, None] + area[None, :] - shared)).cpu().numpy()
    gone = np.zeros(len(boxes), bool)
    for place in range(len(boxes)):
        if not gone[place]:
            gone[place + 1 :] |= overlaps[place, place + 1 :]
    return order[torch.from_numpy(~gone).to(order.device)]


def _detector(weights: Path, side: int) -> Any:
    try:
        from torchvision.models.detection import fasterrcnn_resnet50_fpn_v2
    except Exception as error:  # a torchvision for another torch fails in several ways, RuntimeError among them
        version = torch.__version__.partition("+")[0]
        raise EnvironmentFailure(
            f"faster-rcnn needs a torchvision that fits torch {torch.__version__} ({str(error).splitlines()[0]}); "
            f"for a torch without CUDA: pip install torch=={version}+cpu torchvision "
            "--index-url https://download.pytorch.org/whl/cpu; or take the encoder detr"
        ) from None
    detector = fasterrcnn_resnet50_fpn_v2(
        weights=None, weights_backbone=None, min_size=side, rpn_post_nms_top_n_test=PROPOSALS
    )
    try:
        detector.load_state_dict(torch.load(weights, weights_only=True, map_location="cpu"))
    except FileNotFoundError:
        raise InputError(
            f"{weights}: no weights of Faster R-CNN; fetch them with "
            f"`curl --create-dirs -o {weights} https://download.pytorch.org/models/{WEIGHTS}`"
        ) from None
    except Exception as error:  # a broken download is no pickle, or another network's
        raise InputError(
            f"{weights}: no weights of fasterrcnn_resnet50_fpn_v2 ({type(error).__name__}); remove the file and fetch "
            "it again"
        ) from None
    return detector.eval().to(DEVICE)
