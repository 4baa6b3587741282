"""Whole groups into splits, so that their sizes and labels come near to what is wanted."""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

FREE = -1
LARGEST = 20  # a group of more than a twentieth of dev or test goes there only where smaller ones cannot fill it


def place(counts: Ints, held: Ints, wanted: Ints, order: npt.NDArray[np.uint64]) -> tuple[Ints, Ints]:
    """Return the split of each group [groups], and the pairs so placed [splits, labels].

    `counts` [groups, labels] are the pairs of each group; `held` [groups] is a split that a group must have, or FREE;
    `wanted` [splits, labels]; split 0 takes what no other wants. First, in `order` (a number for each group), each
    group goes where it fits whole, so that groups of every size have their chance to be in the smaller splits. Then
    groups are moved while that brings the sizes of two splits nearer to what is wanted, each time the move that is best
    for the labels. So, if one split is short of pairs and another has too many, no group of the latter is small enough
    to bring both nearer: sizes are met within one group.

    >>> chosen, got = place(np.ones((4, 1), int), np.full(4, FREE), np.array([[2], [1], [1]]), np.arange(4)[::-1])
    >>> chosen.tolist(), got.tolist()
    ([0, 0, 2, 1], [[2], [1], [1]])
    """
    chosen = held.copy()
    free = np.flatnonzero((held == FREE) & (counts.sum(axis=1) > 0))
    free = free[np.argsort(order[free], kind="stable")]
    _fit(counts, chosen, wanted, free.tolist())
    chosen[chosen == FREE] = 0
    got = np.zeros_like(wanted)
    np.add.at(got, chosen, counts)
    _even_out(counts, chosen, free, wanted, got)
    return chosen, got


def too_large(counts: Ints, held: Ints, chosen: Ints, wanted: Ints) -> npt.NDArray[np.bool_]:
    """Which groups [groups] are in split 0 because they are too large for any other (see LARGEST).

    >>> counts = np.array([[3], *[[1]] * 17])
    >>> chosen, _ = place(counts, np.full(18, FREE), np.array([[12], [4], [4]]), np.arange(18, dtype=np.uint64))
    >>> too_large(counts, np.full(18, FREE), chosen, np.array([[12], [4], [4]])).tolist()[:2]
    [True, False]
    """
    largest = max((max(1, int(size) // LARGEST) for size in wanted[1:].sum(axis=1)), default=0)
    return np.asarray((held == FREE) & (chosen == 0) & (counts.sum(axis=1) > largest))


def _fit(counts: Ints, chosen: Ints, wanted: Ints, order: list[int]) -> None:
    """Put groups, in this order, into the split but 0 that is emptiest, where they fit whole: label by label."""
    left = wanted.copy()
    np.subtract.at(left, chosen[chosen != FREE], counts[chosen != FREE])
    sizes = [max(int(size), 0) for size in wanted.sum(axis=1)]
    room = [int(row.sum()) for row in left]
    missing = left.tolist()
    for g in order:
        if max(room[1:], default=0) <= 0:
            return
        group = counts[g].tolist()
        size = sum(group)
        fits = [
            s
            for s in range(1, len(sizes))
            if size <= min(room[s], max(1, sizes[s] // LARGEST))
            and all(n <= m for n, m in zip(group, missing[s], strict=True) if n)
        ]
        if fits:
            s = max(fits, key=lambda s: room[s] / sizes[s])
            chosen[g] = s
            room[s] -= size
            missing[s] = [m - n for n, m in zip(group, missing[s], strict=True)]


def _even_out(counts: Ints, chosen: Ints, free: Ints, wanted: Ints, got: Ints) -> None:
    """Move free groups while that lessens the squared distance of the sizes to those wanted."""
    splits = range(len(wanted))
    size = counts.sum(axis=1)
    while True:
        short = wanted - got
        missing = short.sum(axis=1)
        best: tuple[float, int, int] | None = None
        for here in splits:
            mine = free[chosen[free] == here]
            for there in splits:
                gap = missing[there] - missing[here]
                small = mine[size[mine] < gap]
                if not len(small):
                    continue
                gain = (counts[small] * (short[there] - short[here] - counts[small])).sum(axis=1) / size[small]
                at = int(gain.argmax())
                if best is None or gain[at] > best[0]:
                    best = float(gain[at]), int(small[at]), there
        if best is None:
            return
        _, group, there = best
        got[chosen[group]] -= counts[group]
        got[there] += counts[group]
        chosen[group] = there
