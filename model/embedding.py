"""What a network's last layers see of a pair, as a few numbers: by these, pairs are near each other or far apart."""

from types import TracebackType
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from model.batch import Batch
from model.masked import masked_mean

WIDTH = 64


class LastSeen:
    """Looks on while the network runs: the inputs of every linear layer that ends in the C labels, side by side.

    Of AnANet that is what its association net compares and the hidden layer of its alignment net. A network without
    such a layer has mean regions beside mean words. What is wider than WIDTH is projected by a fixed Gaussian matrix,
    which keeps distances nearly as they are (Johnson & Lindenstrauss, 1984).

    >>> with LastSeen(network, labels=3) as seen:  # doctest: +SKIP
    ...     logits = network(batch).logits
    ...     seen.embedding(batch)  # fp32 [B, 64]
    """

    def __init__(self, network: nn.Module, labels: int) -> None:
        self._last = [part for part in network.modules() if isinstance(part, nn.Linear) and part.out_features == labels]
        self._inputs: list[Tensor] = []
        self._projection: Tensor | None = None

    def __enter__(self) -> Self:
        self._hooks = [layer.register_forward_pre_hook(self._look) for layer in self._last]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for hook in self._hooks:
            hook.remove()

    def _look(self, layer: nn.Module, inputs: tuple[Tensor]) -> None:
        self._inputs.append(inputs[0])

    def embedding(self, batch: Batch) -> Tensor:
        """[B, e] of the batch that went through the network last; e is WIDTH, or less of a narrow network."""
        parts = self._inputs or [
            masked_mean(batch.regions, batch.region_mask),
            masked_mean(batch.words, batch.word_mask),
        ]
        wide = torch.cat([part.float() for part in parts], -1)
        self._inputs = []
        if wide.shape[1] <= WIDTH:
            return wide
        if self._projection is None:
            drawn = np.random.default_rng(0).normal(0, WIDTH**-0.5, (wide.shape[1], WIDTH))
            self._projection = torch.from_numpy(drawn).to(wide)
        with torch.autocast(wide.device.type, enabled=False):
            return wide @ self._projection
