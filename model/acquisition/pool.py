"""What a ranking is made from: the pool of pairs as a model sees them, the pairs labelled so far, and a strategy."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ccd.errors import InputError

Floats = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

NEVER = -np.inf  # the score of a pair that is not to be judged

_REMEDIES = {
    "probabilities": "run `ccd predict`, or rank by `random` or `profile`",
    "association": "run `ccd predict` with a network of two streams, such as ananet, or choose another strategy",
    "alignment": "run `ccd predict` with a network of two streams, such as ananet, or choose another strategy",
    "profiles": "name encoders of one space in [encoders] (docs/encoders.md) and run `ccd encode`; where there are "
    "predictions, train and predict anew",
    "judgments": "draw, push, pull and settle a round first",
}


@dataclass(frozen=True)
class Pool:
    """N pairs, judged and not: `ids`, and arrays with a row a pair.

    `embeddings` [N, e] is what the network's last layers see of a pair; `groups` [N] is the same number for pairs that
    count as one, as picture and text are both alike, and nobody else's; `clusters` [N] as
    `model.acquisition.clusters.cluster` gives them. What only some models or campaigns have is None elsewhere:
    `probabilities` [N, C], calibrated; `association` and `alignment` [N, C], each stream's own probabilities;
    `profiles` [N, 28]; `judgments` [N, C], how often each label was given.
    """

    ids: Sequence[str]
    embeddings: Floats
    groups: Ints
    clusters: Ints
    probabilities: Floats | None = None
    association: Floats | None = None
    alignment: Floats | None = None
    profiles: Floats | None = None
    judgments: Ints | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def need(self, what: str) -> Floats:
        """Return the array of that name. Raises CcdError where the pool has none, with the remedy."""
        array: Floats | None = getattr(self, what)
        if array is None:
            raise InputError(f"this ranking needs {what}, and there are none; {_REMEDIES[what]}")
        return array


@dataclass(frozen=True)
class Labelled:
    """The M pairs of a pool that have a label: their `rows` in the pool [M] and their label ids [M]."""

    rows: Ints
    labels: Ints

    def of(self, label: int) -> Ints:
        """Return the rows with that label."""
        return np.asarray(self.rows[self.labels == label])


@dataclass(frozen=True)
class Strategy(ABC):
    """What to judge first, to find pairs of the label with the id `target` (in CCD: 1, implicit).

    `seed` makes what is drawn repeatable. `prevalence` [C], where it is known, corrects probabilities of a network that
    was trained on ranked pairs, whose shares are not the pool's: see `corrected`.

    >>> STRATEGIES["margin"](target=1).score(pool, labelled)  # doctest: +SKIP
    array([-0.1, -0.8, -0.4])
    """

    target: int = 1
    seed: int = 0
    prevalence: tuple[float, ...] | None = None

    name: ClassVar[str]
    again: ClassVar[bool] = False  # True where pairs that are judged already may be judged once more

    @abstractmethod
    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a number a pair [N]: higher is judged first, NEVER not at all."""

    def corrected(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return the pool's probabilities [N, C], from the labelled pairs' shares to `prevalence` where that is given.

        p'(c) is in proportion to p(c) · prevalence(c) / share(c). Saerens, Latinne and Decaestecker (2002), "Adjusting
        the outputs of a classifier to new a priori probabilities", Neural Computation 14(1), eq. 2.4.
        """
        found = pool.need("probabilities")
        if self.prevalence is None or not len(labelled.rows):
            return found
        counts = np.bincount(labelled.labels, minlength=found.shape[1]) + 0.5  # no label's share is nought
        moved = found * (np.asarray(self.prevalence) * counts.sum() / counts).astype(np.float32)
        return np.asarray(moved / moved.sum(axis=1, keepdims=True))
