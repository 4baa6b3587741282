"""Regions of a convolutional network as an ONNX file, which any exporter writes."""

from collections.abc import Sequence
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ccd.errors import InputError, damaged
from ccd.files.regular import check_regular
from model.encoders.digest import file_digest
from model.encoders.patches import GRID, pooled
from model.encoders.pixels import Pixels
from model.encoders.protocol import Regions

SIDE = 224  # where the file leaves its sides open
FORM = "its input must be photos [N, 3, side, side] of 32-bit floats, its first output a map [N, d, h, w]; see docs"


class Onnx:
    """`onnx:FILE`: 6 x 6 regions of the map that the file's first output gives.

    The input gets RGB photos, squeezed to its sides, with values from 0 to 1; means and deviations are the file's own.
    Where a second output has class scores of cells, [N, C, h, w], a region's score is its highest class probability,
    and otherwise its cosine with the mean. Runs on CUDA where onnxruntime has it. Raises InputError for any other file.
    """

    space = None

    def __init__(self, file: Path) -> None:
        self._file = file
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4  # what is wrong is said in one sentence
        known = onnxruntime.get_available_providers()
        providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in known]
        try:
            check_regular(file)
            self._session = onnxruntime.InferenceSession(str(file), options, providers=providers)
            (photos,) = self._session.get_inputs()
            _, colours, *sides = photos.shape
            side, other = (each if isinstance(each, int) else SIDE for each in sides)
            if (photos.type, colours) != ("tensor(float)", 3) or side != other:
                raise ValueError(f"its input is {photos.type} {photos.shape}")
            self._input, self._pixels = photos.name, Pixels(side)
            self.width = self._run(torch.zeros(1, 3, side, side))[0].shape[1]
        except Exception as error:  # onnxruntime's have no class of their own
            raise InputError(f"{file}: no network that can be used ({' '.join(str(error).split())}); {FORM}") from None
        self.fingerprint = {"encoder": "onnx", "version": 1, "grid": GRID, "file": file_digest(file)}
        self.fingerprint |= self._pixels.fingerprint

    def prepare(self, photo: Path) -> Tensor:
        """Return the photo's pixels: [3, side, side]."""
        return self._pixels.read(photo)

    def encode(self, prepared: Sequence[Tensor]) -> list[Regions]:
        """Return 36 regions a photo."""
        with damaged(self._file, "export it again"):
            map_, *scores = self._run(torch.stack(list(prepared)))
            best = adaptive_avg_pool2d(scores[0], GRID).softmax(1).amax(1).flatten(1) if scores else None
            return pooled(map_, best)

    def _run(self, pixels: Tensor) -> list[Tensor]:
        """Return the map [B, d, h, w], and class scores [B, C, h, w] where the file gives some."""
        found = [torch.from_numpy(output) for output in self._session.run(None, {self._input: pixels.numpy()})[:2]]
        if any(output.ndim != 4 or len(output) != len(pixels) for output in found):
            raise ValueError(f"its outputs are {[list(output.shape) for output in found]}")
        return found
