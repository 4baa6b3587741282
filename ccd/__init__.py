"""The dataset itself: judgments, labels, agreement, splits and releases of image-text pairs, from a notebook.

>>> import ccd, pandas as pd
>>> votes = pd.DataFrame({"task": [1, 1, 1], "worker": list("abc"), "label": ["yes", "yes", "no"]})
>>> ccd.aggregate(votes)["label"].to_dict()
{1: 'yes'}
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccd.campaign.campaign import Campaign
    from ccd.errors import CcdError, DataDamage, EnvironmentFailure, InputError, ServerError
    from ccd.measures.aggregate import aggregate
    from ccd.measures.aggregation import MajorityVote, MeanScore, WeightedMajority
    from ccd.measures.agreement import agreement
    from ccd.measures.dawid_skene import DawidSkene
    from ccd.protocol import load as load_protocol
    from ccd.release.load import load_release
    from ccd.splitting.split import split

__version__ = "0.1.0"

__all__ = [
    "Campaign",
    "CcdError",
    "DataDamage",
    "DawidSkene",
    "EnvironmentFailure",
    "InputError",
    "MajorityVote",
    "MeanScore",
    "ServerError",
    "WeightedMajority",
    "aggregate",
    "agreement",
    "load_protocol",
    "load_release",
    "split",
]

_MODULES = {
    "Campaign": "ccd.campaign.campaign",
    **dict.fromkeys(("CcdError", "DataDamage", "EnvironmentFailure", "InputError", "ServerError"), "ccd.errors"),
    **dict.fromkeys(("MajorityVote", "MeanScore", "WeightedMajority"), "ccd.measures.aggregation"),
    "DawidSkene": "ccd.measures.dawid_skene",
    "aggregate": "ccd.measures.aggregate",
    "agreement": "ccd.measures.agreement",
    "load_protocol": "ccd.protocol",
    "load_release": "ccd.release.load",
    "split": "ccd.splitting.split",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import ccd` itself loads neither pandas nor SQLAlchemy."""
    if name not in _MODULES:
        raise AttributeError(f"module 'ccd' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), {"load_protocol": "load"}.get(name, name))


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
