"""What a tie does. It is always named, in campaign.toml or by the caller; chance and the order of labels never decide.

`adjudicate` leaves a tied pair open, `drop` gives it no label, `expert` takes the one of the tied labels that the
experts voted for, `rule:<label>,<label>,…` takes the first of the tied labels in that order.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ccd.errors import InputError

ADJUDICATE = "adjudicate"
EXPERT = "expert"
DROP = "drop"
RULE = "rule:"

OPEN = "open"  # resolved_by of a tie that nothing has broken yet
DROPPED = "dropped"

EQUAL = 1e-9  # scores that differ by this share are the same: weights and probabilities carry rounding errors


def check_tie_rule(tie_rule: str, labels: Sequence[Any] = ()) -> None:
    """Raise CcdError where this is no tie rule, or names a label that is not among `labels` (empty: any may be).

    >>> check_tie_rule("rule:implicit,explicit")
    """
    order = _order(tie_rule)
    known = tie_rule in (ADJUDICATE, EXPERT, DROP) or tie_rule.startswith(RULE)
    wrong = labels and not set(order) <= set(map(str, labels))
    if not known or wrong or not all(order) or len(set(order)) < len(order):
        which = f"labels once each out of {', '.join(map(str, labels))}" if labels else "labels once each"
        raise InputError(f"tie_rule is {tie_rule!r}; write adjudicate, expert, drop, or rule: and {which}")


def leaders(scores: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which labels lead in each row of `scores` [rows, labels]: one, or those that tie; none where all are 0."""
    top = scores.max(axis=1, keepdims=True, initial=0)
    return np.asarray((scores >= top * (1 - EQUAL)) & (top > 0))


def winner(scores: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
    """Return the label that leads alone in each row of `scores` [rows, labels], as its column; -1 where none does."""
    ahead = leaders(scores)
    first = ahead.argmax(axis=1) if ahead.size else np.zeros(len(ahead), dtype=np.int64)
    return np.where(ahead.sum(axis=1) == 1, first, -1).astype(np.int8)


def settle_scores(
    scores: npt.NDArray[Any],
    way: str,
    labels: Sequence[Any],
    tie_rule: str,
    expert_votes: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.object_]]:
    """Return the label of each row of `scores` [rows, labels] and how it came about; `way` is the name of a lead.

    `expert_votes` [rows, labels] counts what the experts said. Returns the label's place (-1: none) [rows], and
    `resolved_by` [rows]: `way`, or for ties the rule, expert, dropped or open. Raises as check_tie_rule does.

    >>> nobody = np.zeros((2, 3), dtype=np.int64)
    >>> chosen, resolved = settle_scores(np.array([[1, 0, 1], [2, 1, 0]]), "majority", "abc", "rule:b,c", nobody)
    >>> chosen.tolist(), resolved.tolist()
    ([2, 0], ['rule:b,c', 'majority'])
    """
    check_tie_rule(tie_rule, labels)
    ahead = leaders(scores)
    chosen = winner(scores)
    resolved = np.full(len(scores), way, dtype=object)
    tied = np.flatnonzero(chosen < 0)
    chosen[tied] = (
        winner(expert_votes[tied] * ahead[tied]) if tie_rule == EXPERT else _first(ahead[tied], tie_rule, labels)
    )
    resolved[tied] = np.where(chosen[tied] >= 0, tie_rule, DROPPED if tie_rule == DROP else OPEN)
    return chosen, resolved


def _first(tied: npt.NDArray[np.bool_], tie_rule: str, labels: Sequence[Any]) -> npt.NDArray[np.int8]:
    """Return the first of the tied labels in the rule's order, for each row of `tied` [rows, labels].

    -1 where none is.
    """
    chosen = np.full(len(tied), -1, dtype=np.int8)
    names = list(map(str, labels))
    for label in reversed(_order(tie_rule)):
        column = names.index(label)
        chosen[tied[:, column]] = column
    return chosen


def _order(tie_rule: str) -> list[str]:
    """Return the labels of a `rule:…`, in its order."""
    return [name.strip() for name in tie_rule.removeprefix(RULE).split(",")] if tie_rule.startswith(RULE) else []
