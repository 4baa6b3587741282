"""What a split may be asked for: its sizes, and the links that keep pairs together."""

from collections.abc import Mapping
from dataclasses import dataclass

from ccd.errors import InputError

SPLITS = ("train", "dev", "test")


LINKS = ("image", "near_image", "near_text", "post", "author")  # what may tie two pairs, see ccd/splitting/leakage.py


DEFAULT_SHARES = {"train": 0.84, "dev": 0.08, "test": 0.08}


CCD = "ccd"  # the paper's own split, see ccd/splitting/quotas.py


@dataclass(frozen=True)
class Quotas:
    """How large splits are to be: shares that add up to 1, or, if there are `counts`, so many pairs in dev and test.

    `like` is "ccd" for the paper's split of each label: exactly its Table II on a set of that size, in proportion
    otherwise. Train gets what is left.
    """

    shares: Mapping[str, float]
    counts: Mapping[str, int] | None = None
    like: str | None = None

    def __post_init__(self) -> None:
        """Check what decides: `like`, or else the counts, or else the shares. Raises CcdError."""
        for name, each in (("shares", self.shares), ("counts", self.counts)):
            if not isinstance(each, Mapping) and not (name == "counts" and each is None):
                raise InputError(f"quotas with {name} {each!r}; write a number for each split, such as {{'dev': …}}")
        if self.like not in (None, CCD):
            raise InputError(f"quotas like {self.like!r}; write {CCD!r} or None")
        if self.like is None and self.counts is not None:
            wrong = set(self.counts) - set(SPLITS) or set(SPLITS[1:]) - set(self.counts)
            if wrong or not all(isinstance(number, int) and number >= 0 for number in self.counts.values()):
                raise InputError(
                    f"quotas with counts {dict(self.counts)}; write whole numbers of pairs for dev and test"
                )
        elif self.like is None:
            shares = dict(self.shares)
            if set(shares) != set(SPLITS) or not all(map(_is_share, shares.values())):
                raise InputError(
                    f"quotas with shares {shares}; write a share from 0 to 1 for each of {', '.join(SPLITS)}"
                )
            if not abs(sum(shares.values()) - 1) < 1e-6:
                raise InputError(f"quotas with shares {shares}, which add up to {sum(shares.values()):g}; make that 1")


def _is_share(share: object) -> bool:
    return isinstance(share, int | float) and 0 <= share <= 1  # nan is not
