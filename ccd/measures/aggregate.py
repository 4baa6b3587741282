"""One label for each task, by the name of a method."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ccd.errors import InputError
from ccd.measures.aggregation import Aggregator, MajorityVote, MeanScore, WeightedMajority
from ccd.measures.dawid_skene import DawidSkene
from ccd.measures.ties import ADJUDICATE


def aggregator(
    method: str = "majority", labels: Sequence[Any] = (), *, tie_rule: str = ADJUDICATE, required: int = 1
) -> Aggregator:
    """Return the aggregator of a method. Raises InputError for a name that is none."""
    if method == "mean":
        return MeanScore(required=required)
    if method == "dawid-skene":
        return DawidSkene(labels=labels, tie_rule=tie_rule, required=required)
    if method not in ("majority", "weighted"):
        raise InputError(f"method {method!r} is unknown; write majority, weighted, dawid-skene or mean")
    return (MajorityVote if method == "majority" else WeightedMajority)(labels, tie_rule=tie_rule, required=required)


def aggregate(
    df: pd.DataFrame,
    method: str = "majority",
    *,
    labels: Sequence[Any] = (),
    tie_rule: str = ADJUDICATE,
    required: int = 1,
) -> pd.DataFrame:
    """Return one label for each task of the judgments `df`, one row a judgment: task, worker, label.

    The frame has a row a task, sorted: `label` (None where nothing is settled), `resolved_by` (how, as the aggregator
    says it), and the number of votes for each label. `method`: majority, weighted (by each worker's agreement with the
    others), dawid-skene (Dawid and Skene 1979) or mean (of scores). `labels` in their order (empty: those that occur);
    `tie_rule` as in campaign.toml; tasks with fewer than `required` judgments stay open. Raises InputError for rows
    that are no judgments.

    >>> votes = pd.DataFrame({"task": [1, 1, 1, 2], "worker": list("abca"), "label": ["yes", "yes", "no", "no"]})
    >>> aggregate(votes)[["label", "resolved_by"]].to_dict("list")
    {'label': ['yes', 'no'], 'resolved_by': ['majority', 'unanimous']}
    """
    found = aggregator(method, labels, tie_rule=tie_rule, required=required).fit(df)
    settled = pd.DataFrame({"label": found.labels_, "resolved_by": found.table_["resolved_by"]})
    return settled.join(found.table_.drop(columns=["resolved_by", *(["mean"] if method == "mean" else [])]))
