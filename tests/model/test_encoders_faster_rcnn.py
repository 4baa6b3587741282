"""Faster R-CNN: the arithmetic on a stand-in, the real network where a torchvision is there, the line where none is."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ccd.errors import CcdError
from model.encoders import region_encoder
from model.encoders.faster_rcnn import WEIGHTS, top_boxes
from tests.model.pictures import photo
from tests.model.torchvision_operators import TORCHVISION


class StandIn:
    """What `top_boxes` asks of torchvision's detector, with four proposals an image and features that say which."""

    boxes = torch.tensor([[0, 0, 50, 40], [1, 1, 50, 40], [60, 10, 90, 50], [0, 0, 100, 50.0]])
    logits = torch.tensor([[0.0, 3, 0], [0.0, 2, 0], [0.0, 0, 5], [9.0, 0, 0]])  # background, and two classes

    def __init__(self) -> None:
        self.roi_heads = self

    def transform(self, images: list[torch.Tensor]) -> tuple["StandIn", None]:
        self.tensors, self.image_sizes = torch.stack(images), [(50, 100)] * len(images)
        return self, None

    def backbone(self, tensors: torch.Tensor) -> torch.Tensor:
        return tensors

    def rpn(self, _images: object, maps: torch.Tensor) -> tuple[list[torch.Tensor], dict[str, float]]:
        return [self.boxes] * len(maps), {}

    def box_roi_pool(self, maps: torch.Tensor, proposals: list[torch.Tensor], _sizes: object) -> torch.Tensor:
        return torch.cat([boxes + image.mean() for boxes, image in zip(proposals, maps, strict=True)])

    def box_head(self, pooled: torch.Tensor) -> torch.Tensor:
        return pooled

    def box_predictor(self, features: torch.Tensor) -> tuple[torch.Tensor, None]:
        return self.logits.repeat(len(features) // 4, 1), None


def test_faster_rcnn_keeps_the_best_boxes_that_stand_apart() -> None:
    first, second = top_boxes(StandIn(), [torch.zeros(3, 50, 100), torch.ones(3, 50, 100)])
    # The second box is nearly the first; the last, all of the image, is background but no double.
    np.testing.assert_allclose(first.boxes, [[0.6, 0.2, 0.9, 1], [0, 0, 0.5, 0.8], [0, 0, 1, 1]])
    expected = StandIn.logits.softmax(-1)[[2, 0, 3], 1:].amax(-1)
    np.testing.assert_allclose(first.scores, expected, rtol=1e-6)
    np.testing.assert_allclose(second.features, first.features + 1)


def test_without_torchvision_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(CcdError) as caught:
        region_encoder("faster-rcnn", tmp_path)
    assert "--index-url https://download.pytorch.org/whl/cpu" in str(caught.value)
    assert "take the encoder detr" in str(caught.value)


@pytest.mark.skipif(not TORCHVISION, reason="torchvision is not installed")
def test_the_real_network_gives_36_boxes(tmp_path: Path) -> None:
    from torchvision.models.detection import fasterrcnn_resnet50_fpn_v2

    with pytest.raises(CcdError, match=f"curl --create-dirs -o .*{WEIGHTS}"):
        region_encoder("faster-rcnn:none.pth", tmp_path)
    torch.manual_seed(1)
    network = fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    encoder = region_encoder("faster-rcnn:w.pth@96", tmp_path)
    found = encoder.encode([encoder.prepare(photo(tmp_path / f"{i}.png", i, (90, 60 + 20 * i))) for i in range(2)])
    for regions in found:
        assert regions.features.shape == (len(regions.scores), 1024)
        assert 0 < len(regions.scores) <= 36
        assert (np.diff(regions.scores) <= 0).all()
        assert (regions.boxes[:, 2:] >= regions.boxes[:, :2]).all()
        assert regions.boxes.max() <= 1
