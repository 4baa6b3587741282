"""Regions of a convolutional network that is given as plain arrays: a .npz of weights and a JSON of its steps.

For where nothing can be downloaded. `X.npz` holds `<name>.weight` and `<name>.bias` of each convolution, and
`X_spec.json` (or the only other `*.json` that the folder has) the steps in order: `conv` (name, stride, groups, and the
clamp lo, hi that stands for the activation; padded as TensorFlow's SAME), `add`, `avg` (over the map) and `flat`. What
goes into `avg` is the map of features; convolutions after it are the classifier, which then scores the regions.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from ccd.errors import InputError, damaged
from ccd.files.regular import MOST_TEXT, read_json
from model.encoders.digest import file_digest
from model.encoders.packed import read_npz
from model.encoders.patches import GRID, pooled
from model.encoders.pixels import Pixels
from model.encoders.pretrained import DEVICE
from model.encoders.protocol import Regions

SIDE = 224


class Arrays:
    """`arrays:X.npz`: 6 x 6 regions; the score is the highest class probability that the classifier gives a cell."""

    space = None

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        spec = weights.with_name(f"{weights.stem}_spec.json")
        try:
            if not spec.is_file():
                (spec,) = weights.parent.glob("*.json")
            plan = read_json(spec, MOST_TEXT)
            scale, zero = float(plan["input"]["scale"]), float(plan["input"]["zero_point"])
            self._first: int = plan["input"]["tensor"]
            average = [step["op"] for step in plan["ops"]].index("avg")
            self._steps: list[dict[str, Any]] = plan["ops"][:average]
            self._classifier = [step for step in plan["ops"][average:] if step["op"] == "conv"]
            self._map: int = plan["ops"][average]["in"][0]
            self._arrays = {name: torch.from_numpy(array).to(DEVICE) for name, array in read_npz(weights).items()}
            needed = {f"{s['name']}.{part}" for s in plan["ops"] if s["op"] == "conv" for part in ("weight", "bias")}
            if missing := sorted(needed - self._arrays.keys()):
                raise KeyError(missing[0])
            self._pixels = Pixels(SIDE, (zero / 255,) * 3, (1 / (255 * scale),) * 3)  # (value - zero) * scale
            names = [step["name"] for step in self._steps if step["op"] == "conv" and step["out"] == self._map]
            self.width = int(self._arrays[f"{names[0]}.bias"].numel())
        except Exception as error:  # a spec may lack anything
            raise InputError(f"{weights}: no network as arrays with its spec beside it ({error}); see docs") from None
        self.fingerprint = {"encoder": "arrays", "version": 1, "grid": GRID, **self._pixels.fingerprint}
        self.fingerprint |= {"weights": file_digest(weights), "spec": file_digest(spec)}

    def prepare(self, photo: Path) -> Tensor:
        """[3, 224, 224]."""
        return self._pixels.read(photo)

    @torch.inference_mode()
    def encode(self, prepared: Sequence[Tensor]) -> list[Regions]:
        """36 regions an image."""
        with damaged(self._weights, "its spec and its arrays do not fit each other"):
            map_ = self.map(torch.stack(list(prepared)).to(DEVICE))
            cells = torch.nn.functional.adaptive_avg_pool2d(map_, GRID)
            scores = self.classify(cells).softmax(1).amax(1).flatten(1) if self._classifier else None
            return pooled(map_, scores)

    def map(self, pixels: Tensor) -> Tensor:
        """The network before its average: [B, 3, side, side] to [B, d, h, w]."""
        tensors = {self._first: pixels}
        last_use = {source: number for number, step in enumerate(self._steps) for source in step["in"]}
        for number, step in enumerate(self._steps):
            inputs = [tensors[source] for source in step["in"]]
            if step["op"] not in ("conv", "add"):
                raise InputError(f"the spec's step {step['op']!r} is unknown; known: conv, add, avg, flat")
            tensors[step["out"]] = self._convolve(step, inputs[0]) if step["op"] == "conv" else inputs[0] + inputs[1]
            for source in step["in"]:
                if last_use[source] == number:  # memory of the maps that are still needed only
                    del tensors[source]
        return tensors[self._map]

    def classify(self, map_: Tensor) -> Tensor:
        """Class scores of each cell: [B, d, h, w] to [B, C, h, w]; without a classifier the features themselves."""
        for step in self._classifier:
            map_ = self._convolve(step, map_)
        return map_

    def _convolve(self, step: dict[str, Any], x: Tensor) -> Tensor:
        weight, bias = self._arrays[f"{step['name']}.weight"], self._arrays[f"{step['name']}.bias"]
        stride = step["stride"]
        edges: list[int] = []
        for axis in (3, 2):  # SAME: as many outputs as strides begin in the input, the odd pixel goes after
            missing = max((-(-x.shape[axis] // stride) - 1) * stride + weight.shape[axis] - x.shape[axis], 0)
            edges += [missing // 2, missing - missing // 2]
        return conv2d(pad(x, edges), weight, bias, stride, groups=step["groups"]).clamp(step["lo"], step["hi"])
