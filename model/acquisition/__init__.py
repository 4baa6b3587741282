"""What to judge next: strategies that rank a pool of pairs, and batches made from their scores.

A strategy is a small class with one method, `score`. Strategies need numpy alone, and a million pairs take seconds.
"""

from model.acquisition.batch import Batch, batch
from model.acquisition.clusters import cluster
from model.acquisition.pool import NEVER, Labelled, Pool, Strategy
from model.acquisition.uncertainty import Entropy, Implicit, LeastConfidence, Margin, Random

STRATEGIES: dict[str, type[Strategy]] = {
    each.name: each for each in (Random, Margin, Entropy, LeastConfidence, Implicit)
}
"""Every strategy by its name; `STRATEGIES[name](target=1, seed=0)` makes one."""

__all__ = ["NEVER", "STRATEGIES", "Batch", "Labelled", "Pool", "Strategy", "batch", "cluster"]
