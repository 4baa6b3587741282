"""Every network by the name that `ccd train --model` takes."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import nn

from ccd.errors import InputError
from model.ananet import AnANet, AnANetConfig
from model.baselines.chance import Guess, Majority, StratifiedGuess
from model.baselines.comemory import CoMemory
from model.baselines.dcnn import DCNN
from model.baselines.deep_classifier import DeepClassifier
from model.baselines.image_only import ImageOnly
from model.baselines.inception_lstm import InceptionLSTM
from model.baselines.profile_regression import ProfileRegression
from model.baselines.scan import Scan
from model.baselines.sizes import Sizes
from model.baselines.text_only import TextOnly
from model.baselines.tfn import TensorFusion
from model.paper import Paper, PaperConfig

Config: TypeAlias = AnANetConfig | PaperConfig | Sizes


@dataclass(frozen=True)
class Entry:
    """How a network is made of its config, the config of data of given sizes, and one that was stored."""

    network: Callable[[Any], nn.Module]
    config: Callable[[Sizes], Config]
    stored: Callable[[Mapping[str, Any]], Config]


def _baseline(network: Callable[[Sizes], nn.Module]) -> Entry:
    return Entry(network, lambda sizes: sizes, Sizes.from_dict)


def _paper(*, streams: bool) -> Entry:
    return Entry(
        Paper,
        lambda s: PaperConfig(s.region_width, s.word_width, s.labels, association=streams, alignment=streams),
        PaperConfig.from_dict,
    )


def _ananet(sizes: Sizes) -> AnANetConfig:
    one_space = sizes.profile_width > 0
    return AnANetConfig(sizes.region_width, sizes.word_width, sizes.labels, shared_space=one_space)


ZOO: dict[str, Entry] = {
    "ananet": Entry(AnANet, _ananet, AnANetConfig.from_dict),
    "paper": _paper(streams=True),
    "random": _baseline(Guess),
    "stratified": _baseline(StratifiedGuess),
    "majority": _baseline(Majority),
    "text": _baseline(TextOnly),
    "image": _baseline(ImageOnly),
    "concatenation": _paper(streams=False),  # Table IV, rows 7 and 8: Linear([mean V; mean T])
    "similarity": _baseline(ProfileRegression),
    "tfn": _baseline(TensorFusion),
    "comemory": _baseline(CoMemory),
    "scan": _baseline(Scan),
    "inception-lstm": _baseline(InceptionLSTM),
    "dcnn": _baseline(DCNN),
    "deep-classifier": _baseline(DeepClassifier),
}


def config_of(name: str, sizes: Sizes) -> Config:
    """Return the default config of the named network for data of these sizes. Raises CcdError for an unknown name."""
    return _entry(name).config(sizes)


def make(name: str, config: Config) -> nn.Module:
    """Return the network, with fresh weights of torch's global seed. Raises CcdError where the data does not suit it.

    >>> network = make("tfn", config_of("tfn", Sizes(region_width=1024, word_width=968)))
    """
    return _entry(name).network(config)


def stored_config(name: str, values: Mapping[str, Any]) -> Config:
    """Return the config that `dataclasses.asdict` made these values of. Raises CcdError where they are of another."""
    try:
        return _entry(name).stored(values)
    except (TypeError, KeyError):
        known = [field.name for field in dataclasses.fields(_entry(name).config(Sizes(1, 1)))]
        raise InputError(f"a stored {name} has {sorted(values)}, this toolkit knows {known}; train it again") from None


def _entry(name: str) -> Entry:
    if name not in ZOO:
        raise InputError(f"{name!r} is no network; known: {', '.join(ZOO)}")
    return ZOO[name]
