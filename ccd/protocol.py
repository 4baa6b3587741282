"""An annotation protocol: the questions asked of every image-text pair, their categories and guidelines.

A protocol is one TOML file, shipped in `ccd/protocols/` or a person's own; `docs/protocol.md` explains its entries.
Everything that shows, checks or counts labels takes them from here.
"""

import functools
import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from ccd.errors import InputError, as_path
from ccd.files.regular import MOST_TEXT, read_regular
from ccd.protocol_file import Choice, ProtocolFile, tables_at
from ccd.validation import shown, validate

Kind = Literal["choice", "score"]
Level = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True)
class Category:
    """One answer of a choice question. `id` is the class index in models and releases, from 0."""

    name: str  # slug: what is stored
    id: int
    title: str  # what the annotator reads
    hotkey: str  # a-z or 0-9
    colour: str  # "#rrggbb"
    guideline: str
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """What is asked of a pair: one of `categories`, or a number from `minimum` to `maximum` (0.0 for a choice).

    `level` is the level of measurement (Stevens 1946) that agreement uses; a score is always "interval".
    """

    name: str
    title: str
    kind: Kind
    categories: tuple[Category, ...] = ()  # by id; none for a score
    minimum: float = 0.0
    maximum: float = 0.0
    step: float = 0.0
    level: Level = "nominal"

    @property
    def labels(self) -> tuple[str, ...]:
        """The categories' names, in id order; empty for a score."""
        return tuple(category.name for category in self.categories)

    def category(self, name: str) -> Category:
        """Return the category of that name. Raises CcdError where there is none."""
        for category in self.categories:
            if category.name == name:
                return category
        raise InputError(
            f"question {self.name!r} has no category {name!r}; it has {', '.join(self.labels) or 'a score'}"
        )

    def problem(self, answer: object) -> str | None:
        """Why `answer` is no answer to this question, or None."""
        if self.kind == "choice":
            if isinstance(answer, str) and answer in self.labels:
                return None
            return f"{self.name}: {shown(answer)} is none of {', '.join(self.labels)}"
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return f"{self.name}: {shown(answer)} is not a number"
        if not self.minimum <= answer <= self.maximum:  # nan is not either
            return f"{self.name}: {shown(answer)} is not from {self.minimum:g} to {self.maximum:g}"
        return None


@dataclass(frozen=True)
class Protocol:
    """A protocol, checked: names, ids and hotkeys are unique and every text is there.

    >>> ccd = load("ccd")
    >>> ccd.labels
    ('irrelevant', 'implicit', 'explicit')
    >>> ccd.problem({"relation": "implicit"}) is None
    True
    """

    name: str
    title: str
    reference: str  # the full citation
    year: int
    guideline: str
    cannot_judge: str  # its hotkey
    questions: tuple[Question, ...]

    @property
    def question(self) -> Question:
        """The primary question: the first one."""
        return self.questions[0]

    @property
    def labels(self) -> tuple[str, ...]:
        """The primary question's labels, in id order."""
        return self.question.labels

    def by_name(self, question: str) -> Question:
        """Return the question of that name. Raises CcdError where there is none."""
        for candidate in self.questions:
            if candidate.name == question:
                return candidate
        names = ", ".join(q.name for q in self.questions)
        raise InputError(f"protocol {self.name!r} has no question {question!r}; it has {names}")

    def problem(self, answers: Mapping[str, object]) -> str | None:
        """Why `answers` ({question: label or score}) are not this protocol's, or None where they are."""
        for name in answers:
            if all(name != question.name for question in self.questions):
                return f"{name}: not a question of protocol {self.name}"
        for question in self.questions:
            if question.name not in answers:
                return f"{question.name}: not answered"
            if (problem := question.problem(answers[question.name])) is not None:
                return problem
        return None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the whole content; the same on every machine, whatever the TOML's layout."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def of_dict(content: Mapping[str, Any]) -> Protocol:
    """Return the protocol of which this is `dataclasses.asdict`, as revisions and protocol.json store it.

    >>> of_dict(asdict(load("ccd"))) == load("ccd")
    True
    """
    questions = []
    for question in content["questions"]:
        categories = (Category(**each | {"examples": tuple(each["examples"])}) for each in question["categories"])
        questions.append(Question(**question | {"categories": tuple(categories)}))
    return Protocol(**dict(content) | {"questions": tuple(questions)})


def shipped() -> tuple[str, ...]:
    """Names of the protocols that come with the toolkit, sorted."""
    files = resources.files("ccd").joinpath("protocols").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def source(name_or_path: str, folder: Path = Path()) -> tuple[str, str]:
    """Return the TOML text of a protocol, and where it stands; arguments and errors of `load`."""
    if name_or_path in shipped():
        file = resources.files("ccd").joinpath("protocols", f"{name_or_path}.toml")
        return file.read_text(encoding="utf-8"), f"protocol {name_or_path}"
    path = folder / name_or_path
    where = f"protocol {path}"
    try:
        text = read_regular(path, MOST_TEXT).decode("utf-8-sig")  # some editors put a byte order mark first
        return text, where
    except FileNotFoundError:
        raise InputError(
            f"{where}: no such file; name a TOML file or a shipped protocol: {', '.join(shipped())}"
        ) from None
    except IsADirectoryError:
        raise InputError(f"{where}: a folder; name the TOML file in it") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 text (byte {error.start}); save the file as UTF-8") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{where}: cannot be read ({error}); check the path and its rights") from None


def load(name_or_path: str | os.PathLike[str], folder: str | os.PathLike[str] = ".") -> Protocol:
    """Return a shipped protocol by its name, or one from a TOML file (a path relative to `folder`).

    Raises CcdError, one line with file, question, category, entry and remedy, for whatever is wrong in the file.

    >>> load("kruk2019-semiotic").labels
    ('divergent', 'parallel', 'additive')
    """
    name = as_path(name_or_path, "the protocol")
    return parse(*source(str(name), as_path(folder, "the protocol's folder")))


def parse(text: str, where: str) -> Protocol:
    """Return the protocol in a TOML text; `where` starts every error. Raises CcdError as `load` does."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of more digits than Python reads
        raise InputError(f"{where}: not valid TOML ({error}); mend that place") from None
    found = validate(ProtocolFile, data, where, functools.partial(tables_at, data))
    questions = tuple(
        Question(
            **{name: value for name, value in each if name != "categories"},
            categories=tuple(Category(**dict(category)) for category in sorted(each.categories, key=lambda one: one.id))
            if isinstance(each, Choice)
            else (),
        )
        for each in found.questions
    )
    protocol = Protocol(**dict(found) | {"questions": questions})
    _unique_hotkeys(protocol, where)
    return protocol


def _unique_hotkeys(protocol: Protocol, where: str) -> None:
    """All questions are asked on one page, so a key may stand for one thing only."""
    taken = {protocol.cannot_judge: "cannot_judge"}
    for question in protocol.questions:
        for category in question.categories:
            place = f"question {question.name!r}, category {category.name!r}"
            if category.hotkey in taken:
                other = taken[category.hotkey]
                raise InputError(
                    f"{where}, {place}: hotkey {category.hotkey!r} is also that of {other}; choose another"
                )
            taken[category.hotkey] = place
