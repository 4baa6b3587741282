"""What to judge next: strategies that rank a pool of pairs, and batches made from their scores.

A strategy is a small class with one method, `score`. Strategies need numpy alone, and a million pairs take seconds.
"""

from model.acquisition.anchor import Anchor
from model.acquisition.badge import Badge
from model.acquisition.batch import JudgingBatch, batch
from model.acquisition.boundary import Boundary
from model.acquisition.clusters import cluster
from model.acquisition.pool import NEVER, Labelled, Pool, Strategy
from model.acquisition.profile import Profile
from model.acquisition.relabel import Relabel
from model.acquisition.streams import StreamGap
from model.acquisition.uncertainty import Entropy, Implicit, LeastConfidence, Margin, Random

_ALL: tuple[type[Strategy], ...] = (
    *(Random, Margin, Entropy, LeastConfidence, Implicit),
    *(Boundary, Anchor, StreamGap, Badge, Profile, Relabel),
)

STRATEGIES: dict[str, type[Strategy]] = {strategy.name: strategy for strategy in _ALL}
"""Every strategy by its name; `STRATEGIES[name](target=1, seed=0)` makes one."""

__all__ = ["NEVER", "STRATEGIES", "JudgingBatch", "Labelled", "Pool", "Strategy", "batch", "cluster"]
