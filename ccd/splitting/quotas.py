"""How many pairs of each label every split should have: by shares, by numbers, or like the paper's Table II."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ccd.errors import InputError
from ccd.splitting.options import CCD, SPLITS, Quotas
from ccd.wording import number_of

Ints = npt.NDArray[np.int64]

# Xu et al. 2021 (arXiv:2109.00693), Table II: 12,252 pairs.
CCD_COUNTS = {
    ("train", "explicit"): 5779, ("train", "implicit"): 1070, ("train", "irrelevant"): 3445,
    ("dev", "explicit"): 542, ("dev", "implicit"): 110, ("dev", "irrelevant"): 323,
    ("test", "explicit"): 558, ("test", "implicit"): 106, ("test", "irrelevant"): 319,
}  # fmt: skip


Floats = npt.NDArray[np.float64]


def target_sizes(quotas: Quotas, labels: Sequence[str], totals: Ints, like: Floats, free: Ints | None = None) -> Ints:
    """Pairs wanted [splits, labels], of SPLITS: `totals` [labels] are the labelled pairs, `like` [labels] all pairs.

    Dev and test are to look like all that was collected: `totals` say how large they are, `like` how they divide by
    label. With `free` [labels], the pairs that may be there, they are no larger than `fair_size` allows. Each number is
    rounded up or down, and so are the sums of rows and columns. Raises CcdError where dev and test ask for more pairs
    than there are, or where labels are not the paper's.

    >>> half = Quotas({"train": 0.5, "dev": 0.25, "test": 0.25})
    >>> target_sizes(half, ["a", "b"], np.array([8, 8]), np.array([6.0, 2.0])).tolist()
    [[2, 6], [3, 1], [3, 1]]
    """
    if quotas.like == CCD:
        return rounded(_like_ccd(labels, totals))
    pairs = int(totals.sum())
    if quotas.counts is not None:
        sizes = np.array([quotas.counts[name] for name in SPLITS[1:]])
        if sizes.sum() > pairs:
            asked = " and ".join(f"{name} = {quotas.counts[name]:,}" for name in SPLITS[1:])
            raise InputError(
                f"[splits] {asked} are more than the {number_of(pairs, 'pair')} with a label; ask for fewer"
            )
    else:
        sizes = rounded(np.array([[quotas.shares[name] * pairs] for name in SPLITS]))[1:, 0]
    like = like if like.sum() else totals.astype(float)
    if free is not None and sizes.sum() > (most := fair_size(like, free)):
        sizes = rounded(sizes[:, None] * most / sizes.sum())[:, 0]
    held_out = rounded(np.outer(sizes, like / max(like.sum(), 1)))
    return np.concatenate([np.maximum(totals - held_out.sum(axis=0), 0)[None], held_out])


def fair_size(like: Floats, free: Ints) -> int:
    """Return the most pairs that can have the label shares of `like` [labels], up to rounding, by the `free` [labels].

    >>> fair_size(np.array([90.0, 10.0]), np.array([400, 12]))
    120
    """
    with np.errstate(divide="ignore"):
        return int(np.ceil(np.min(np.maximum(free, 0.5) / (like / like.sum()))))


def rounded(exact: npt.NDArray[np.float64]) -> Ints:
    """Whole numbers [rows, columns]: each cell, each row's and each column's sum is that of `exact`, up or down.

    Of all such tables one with the least sum of what was cut off; there always is one (controlled rounding: Cox, 1987,
    Journal of the American Statistical Association 82). A transport problem, whose vertices are whole.

    >>> rounded(np.array([[0.5, 0.5], [0.5, 0.5]])).sum(axis=0).tolist()
    [1, 1]
    """
    from scipy.optimize import linprog

    exact = np.round(exact, 9)
    low = np.floor(exact)
    cut = exact - low
    rows, columns = exact.shape
    sums = np.concatenate([np.repeat(np.eye(rows), columns, axis=1), np.tile(np.eye(columns), rows)])
    about = np.round(np.concatenate([cut.sum(axis=1), cut.sum(axis=0)]), 6)
    solved = linprog(
        -cut.ravel(),
        A_ub=np.concatenate([sums, -sums]),
        b_ub=np.concatenate([np.ceil(about), -np.floor(about)]),
        bounds=[(0, 1 if each else 0) for each in cut.ravel()],
        method="highs-ds",
    )
    return np.asarray(low + np.round(solved.x.reshape(exact.shape)), dtype=np.int64)


def _like_ccd(labels: Sequence[str], totals: Ints) -> npt.NDArray[np.float64]:
    """Return the paper's share of each label in each split, times the pairs of that label here [splits, labels]."""
    known = {label for _, label in CCD_COUNTS}
    if not set(labels) <= known:
        raise InputError(
            f"--like ccd: the paper's labels are {', '.join(sorted(known))}, here are {', '.join(labels)}; "
            "write shares or numbers in [splits] of campaign.toml"
        )
    table = np.array([[CCD_COUNTS[split, label] for label in labels] for split in SPLITS], dtype=float)
    return np.asarray(table / table.sum(axis=0) * totals)
