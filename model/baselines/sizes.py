"""What every baseline is made of: the widths of its inputs and the number of labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sizes:
    """Widths of a region, a word and a similarity profile (0 where the encoders share no space), and labels."""

    region_width: int
    word_width: int
    labels: int = 3
    profile_width: int = 0

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Sizes":
        """Return what `dataclasses.asdict` made of it, also after a way through JSON."""
        return cls(**values)
