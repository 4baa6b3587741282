"""An annotation protocol: the questions asked of every image-text pair, their categories and guidelines.

A protocol is one TOML file, shipped in `ccd/protocols/` or a person's own; `docs/protocol.md` explains its entries.
Everything that shows, checks or counts labels takes them from here.
"""

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

from ccd.errors import CcdError, InputError, as_path
from ccd.files.regular import MOST_TEXT, read_regular

Kind = Literal["choice", "score"]
Level = Literal["nominal", "ordinal", "interval"]

_RESERVED = {"cannot_judge": "the answer that every protocol has already"} | dict.fromkeys(
    ("nan", "null", "true", "false"), "no label to programs that read tables"
)
_SLUG = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
_LARGEST = 1e9  # of a score's ends
_T = TypeVar("_T")


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
        """The category of that name. Raises CcdError where there is none."""
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
            return f"{self.name}: {_short(answer)} is none of {', '.join(self.labels)}"
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return f"{self.name}: {_short(answer)} is not a number"
        if not self.minimum <= answer <= self.maximum:  # nan is not either
            return f"{self.name}: {_short(answer)} is not from {self.minimum:g} to {self.maximum:g}"
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
        """The question of that name. Raises CcdError where there is none."""
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
    """The TOML text of a protocol, and where it stands; arguments and errors of `load`."""
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
    """A shipped protocol by its name, or one from a TOML file (a path relative to `folder`).

    Raises CcdError, one line with file, question, category, entry and remedy, for whatever is wrong in the file.

    >>> load("kruk2019-semiotic").labels
    ('divergent', 'parallel', 'additive')
    """
    name = as_path(name_or_path, "the protocol")
    return parse(*source(str(name), as_path(folder, "the protocol's folder")))


def parse(text: str, where: str) -> Protocol:
    """The protocol in a TOML text; `where` starts every error. Raises CcdError as `load` does."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of more digits than Python reads
        raise InputError(f"{where}: not valid TOML ({error}); mend that place") from None
    table = _Table(data, where)
    protocol = Protocol(
        name=table.slug(),
        title=table.line("title"),
        reference=table.line("reference"),
        year=_year(table),
        guideline=table.prose("guideline"),
        cannot_judge=table.hotkey("cannot_judge", default="0"),
        questions=tuple(_question(part) for part in table.parts("questions", "question")),
    )
    table.no_more()
    _unique(where, "question", [question.name for question in protocol.questions])
    _unique(where, "question title", [question.title for question in protocol.questions])
    _unique_hotkeys(protocol, where)
    return protocol


def _year(table: "_Table") -> int:
    if not 1000 <= (year := table.take("year", int)) <= 9999:
        raise table.wrong(f"year is {_short(year)}; write its four digits")
    return year


def _question(table: "_Table") -> Question:
    name, title = table.slug(), table.line("title")
    kind = table.one_of("kind", ("choice", "score"), "choice")
    if kind == "score":
        question = Question(name, title, "score", (), *_scale(table), level="interval")
    else:
        level: Level = "ordinal" if table.one_of("level", ("nominal", "ordinal"), "nominal") == "ordinal" else "nominal"
        question = Question(name, title, "choice", _categories(table), level=level)
    table.no_more()
    return question


def _scale(table: "_Table") -> tuple[float, float, float]:
    if (level := table.one_of("level", ("nominal", "ordinal", "interval"), "interval")) != "interval":
        raise table.wrong(f'level is {level!r}; a score is always "interval"')
    minimum, maximum, step = (table.number(key) for key in ("minimum", "maximum", "step"))
    if not minimum < maximum:
        raise table.wrong(f"minimum {minimum:g} is not below maximum {maximum:g}; swap or change them")
    if not 0 < step <= maximum - minimum:
        raise table.wrong(f"step is {step:g}; write a number above 0 and at most {maximum - minimum:g}")
    return minimum, maximum, step


def _categories(table: "_Table") -> tuple[Category, ...]:
    categories = [_category(part) for part in table.parts("categories", "category")]
    if len(categories) < 2:
        raise table.wrong("one category only; a choice needs at least 2")
    _unique(table.where, "category", [category.name for category in categories])
    _unique(table.where, "category title", [category.title for category in categories])
    ids = sorted(category.id for category in categories)
    if ids != list(range(len(ids))):
        raise table.wrong(f"category ids are {', '.join(map(str, ids))}; number them 0 to {len(ids) - 1}, each once")
    return tuple(sorted(categories, key=lambda category: category.id))


def _category(table: "_Table") -> Category:
    category = Category(
        name=table.slug(),
        id=table.take("id", int),
        title=table.line("title"),
        hotkey=table.hotkey("hotkey"),
        colour=table.colour("colour"),
        guideline=table.prose("guideline"),
        examples=table.lines("examples"),
    )
    table.no_more()
    return category


def _unique(where: str, what: str, names: list[str]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise InputError(f"{where}: {what} {name!r} is there twice; give each its own")


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


class _Table:
    """A table of the TOML file, taken entry by entry; `where` says in every error where it stands."""

    def __init__(self, entries: Mapping[str, Any], where: str) -> None:
        self.where = where
        self._entries = dict(entries)
        self._known: list[str] = []

    def wrong(self, what: str) -> CcdError:
        return InputError(f"{self.where}: {what}")

    def take(self, key: str, kind: type[_T], default: _T | None = None) -> _T:
        self._known.append(key)
        value = self._entries.pop(key, default)
        if value is None:
            raise self.wrong(f"{key} is missing; add it ({_KINDS[kind]})")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong(f"{key} is {_short(value)}; it must be {_KINDS[kind]}")
        return value

    def matching(self, key: str, fits: Callable[[str], object], form: str, default: str | None = None) -> str:
        value = self.take(key, str, default)
        if not fits(value):
            raise self.wrong(f"{key} is {_short(value)}; write {form}")
        self._readable(key, value)
        return value

    def _readable(self, key: str, value: str) -> None:
        """Raise where a text holds what no page of Label Studio can (XML 1.0, section 2.2)."""
        if odd := _NO_XML.search(value):
            raise self.wrong(f"{key} holds the control character U+{ord(odd[0]):04X}; take it out")

    def slug(self) -> str:
        name = self.matching("name", _SLUG.fullmatch, "small letters and digits, a letter first, joined by - or _")
        if name in _RESERVED:
            raise self.wrong(f"name {name!r} is {_RESERVED[name]}; choose another")
        return name

    def line(self, key: str) -> str:
        return " ".join(self.matching(key, str.strip, "a text that is not empty").split())

    def prose(self, key: str) -> str:
        """Paragraphs: a blank line parts them, other line breaks are the editor's."""
        paragraphs = re.split(r"\n\s*\n", self.matching(key, str.strip, "a text that is not empty").strip())
        return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)

    def lines(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, [])
        for value in values:
            if not isinstance(value, str) or not value.strip():
                raise self.wrong(f"{key} holds {_short(value)}; every entry must be a text that is not empty")
            self._readable(key, value)
        return tuple(" ".join(value.split()) for value in values)

    def hotkey(self, key: str, default: str | None = None) -> str:
        # Label Studio reads "+" and "," in a hotkey as joins, and does not tell A from a.
        return self.matching(key, re.compile("[a-z0-9]").fullmatch, "one small letter a-z or one digit", default)

    def colour(self, key: str) -> str:
        return self.matching(key, re.compile("#[0-9a-fA-F]{6}").fullmatch, 'a colour such as "#1a7f37"').lower()

    def one_of(self, key: str, values: tuple[str, ...], default: str) -> str:
        return self.matching(key, values.__contains__, "one of " + ", ".join(values), default)

    def number(self, key: str) -> float:
        if type(self._entries.get(key)) is int and abs(self._entries[key]) <= _LARGEST:
            self._entries[key] = float(self._entries[key])
        value = self.take(key, float)
        if not abs(value) <= _LARGEST:  # nan too
            raise self.wrong(f"{key} is {value}; it must be {_KINDS[float]}")
        return value

    def parts(self, key: str, what: str) -> "list[_Table]":
        """The tables of an array of tables, each placed by its name or, where it has none, its number."""
        tables = self.take(key, list)
        if not tables or not all(isinstance(table, dict) for table in tables):
            raise self.wrong(f"{key} must be tables; start each {what} with its own {_HEADERS[key]} line")
        return [
            _Table(table, f"{self.where}, {what} {table['name']!r}" if _named(table) else f"{self.where}, {what} {n}")
            for n, table in enumerate(tables, 1)
        ]

    def no_more(self) -> None:
        for key in self._entries:
            raise self.wrong(f"unknown entry {_short(key)}; known here: {', '.join(self._known)}")


_NO_XML = re.compile("[^\t\n\r -\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS: dict[type, str] = {
    str: "a text in quotes",
    int: "a whole number",
    float: "a number from -1e9 to 1e9",
    list: "a list",
}
_HEADERS = {"questions": "[[questions]]", "categories": "[[questions.categories]]"}


def _named(table: Mapping[str, Any]) -> bool:
    return isinstance(name := table.get("name"), str) and len(name) <= 40


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
