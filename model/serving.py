"""A network that answers at once: the newest of a campaign, and a newer one in its place as soon as that is whole."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ccd.errors import CcdError, InputError
from ccd.protocol import Protocol
from model.checkpoint import CONFIG, METRICS, WEIGHTS, Checkpoint, load
from model.data import Loader, Pairs, features_of
from model.encoding import Encoders
from model.features import Features, Kind, text_key
from model.prediction import KINDS, Scorer, question_for, version_of
from model.usefulness import read, warning

LOOK = 2.0  # seconds between looks for a newer network


@dataclass(frozen=True)
class Content:
    """What a network is asked about: a text as models see it; a photo, by its key (the SHA-256) and its file."""

    text: str
    image: str
    photo: Path


@dataclass(frozen=True)
class Answer:
    """The likeliest label, and its probability at the network's temperature."""

    label: str
    score: float


class Ready:
    """One trained network with its weights in memory. `folder` is the campaign's, with `features/`.

    `version` is the name of the network's folder, `model` that in the zoo. Raises CcdError where the network or its
    features are not whole.
    """

    def __init__(self, checkpoint: Checkpoint, folder: Path, device: str) -> None:
        self.version = version_of(checkpoint)
        self.model = checkpoint.model
        self._device = device
        self._root = folder / "features"
        self._used = checkpoint.config["features"]
        self._encoders = Encoders(self._used["regions"]["line"], self._used["words"]["line"], folder)
        self._scorer = Scorer(checkpoint, device)
        self._caches: dict[Kind, Features] = {kind: self._features(kind, {}) for kind in KINDS}
        self._turn = threading.Lock()

    def answer(self, contents: Sequence[Content]) -> list[Answer | None]:
        """Return what the network says of each; None where a photo cannot be read.

        Features that are not in the cache are made, and stay there. One call after the other: two would write the
        same features, and share the processor anyway.
        """
        keys = [content.image for content in contents], [text_key(content.text) for content in contents]
        items: dict[Kind, dict[str, str]] = {
            "regions": {content.image: str(content.photo) for content in contents},
            "words": {key: content.text for key, content in zip(keys[1], contents, strict=True)},
        }
        places = tuple(map(str, range(len(contents))))
        pairs = Pairs(places, np.array(keys[0], "S64"), np.array(keys[1], "S64"), np.zeros(len(contents), np.int64))
        with self._turn:
            for kind in KINDS:
                if (self._caches[kind].find(list(items[kind])) < 0).any():
                    self._caches[kind] = self._features(kind, items[kind])
            loader = Loader(pairs, self._caches["regions"], self._caches["words"], self._device)
            found = self._scorer.score(loader)
            for cache in self._caches.values():
                cache.let_go()
        answers: list[Answer | None] = [None] * len(contents)
        for place, chances, best in zip(found.ids, found.probabilities, found.best, strict=True):
            answers[int(place)] = Answer(found.labels[best], float(chances[best]))
        return answers

    def _features(self, kind: Kind, items: dict[str, str]) -> Features:
        quiet = lambda name, total: lambda number: None  # noqa: E731
        return features_of(kind, items, self._encoders, self._root, quiet, self._used[kind]["cache"])


class Serving:
    """The newest network of a campaign that is whole; looked for by a thread, so that whoever asks never waits for it.

    One that is not whole, such as a copy under way, is passed over and looked at again when its files change; the one
    before answers on. Only the first question of the `protocol` is answered: a network of another, or of other labels,
    is passed over too. `say` gets a line for each network that is taken, or passed over and why.

    >>> serving = Serving(campaign.folder, campaign.protocol, "cpu", print)  # doctest: +SKIP
    >>> serving.start()  # doctest: +SKIP
    >>> serving.ready.answer([Content("what a dog", key, photo)])  # doctest: +SKIP
    [Answer(label='explicit', score=0.83)]
    """

    def __init__(self, folder: Path, protocol: Protocol, device: str, say: Callable[[str], None]) -> None:
        self.ready: Ready | None = None
        self._folder = folder
        self._protocol = protocol
        self._device = device
        self._say = say
        self._passed: dict[Path, object] = {}  # the files of networks that were not whole, as they were seen
        self._ended = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._watching.start()

    def stop(self) -> None:
        """End looking, after the network that is being loaded."""
        self._ended.set()
        self._watching.join()

    def look(self) -> None:
        """Take the newest network, where it is another than the one that answers."""
        for folder in _newest_first(self._folder / "models"):
            if self.ready and folder.name == self.ready.version:
                return
            files = _files(folder)
            if self._passed.get(folder) == files:
                continue
            try:
                self.ready = self._load(folder)
            except Exception as error:  # whatever is wrong with a newer network, the one before answers on
                self._passed[folder] = files
                told = str(error) if isinstance(error, CcdError) else f"{folder}: {type(error).__name__}: {error}"
                answers = f"{self.ready.version} answers on" if self.ready else "no network answers yet"
                self._say(f"{told}; {answers}")
            else:
                doubt = warning(read(folder.parent, folder.name))
                self._say(f"{folder.name} answers" + (f". {doubt}" if doubt else ""))
                return

    def _load(self, folder: Path) -> Ready:
        checkpoint = load(folder)
        question = question_for(checkpoint, self._protocol)
        if question != self._protocol.question:
            raise InputError(
                f"{folder}: answers the question {question.name}, and desks show {self._protocol.question.name}; "
                "train a network on that one"
            )
        return Ready(checkpoint, self._folder, self._device)

    def _watch(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):  # a folder that goes away under our eyes
                self.look()
            self._ended.wait(LOOK)


def _newest_first(models: Path) -> list[Path]:
    found = {path.parent: path.stat().st_mtime_ns for path in models.glob(f"[!.]*/{METRICS}")}
    return sorted(found, key=lambda folder: found[folder], reverse=True)


def _files(folder: Path) -> object:
    """Return what changes when a file of the network does."""
    there = [folder / name for name in (CONFIG, METRICS, WEIGHTS) if (folder / name).is_file()]
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in there]
