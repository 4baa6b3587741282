"""An annotation protocol: the questions asked of every image-text pair, their categories and guidelines.

A protocol is one TOML file, shipped in `ccd/protocols/` or a person's own; `docs/protocol.md` explains its entries.
Everything that shows, checks or counts labels takes them from here.
"""

import functools
import hashlib
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from ccd.errors import InputError, as_path
from ccd.files.regular import MOST_TEXT, read_regular
from ccd.validation import NEEDED, Table, fault, must, remark, shown, validate

Kind = Literal["choice", "score"]
Level = Literal["nominal", "ordinal", "interval"]

_RESERVED = {"cannot_judge": "the answer that every protocol has already"} | dict.fromkeys(
    ("nan", "null", "true", "false"), "no label to programs that read tables"
)
_SLUG = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
_LARGEST = 1e9  # of a score's ends


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
    found = validate(_Protocol, data, where, functools.partial(_tables, data))
    questions = tuple(
        Question(
            **{name: value for name, value in each if name != "categories"},
            categories=tuple(Category(**dict(category)) for category in sorted(each.categories, key=lambda one: one.id))
            if isinstance(each, _Choice)
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


def _parts(what: str) -> Callable[[Any], Any]:
    """Return a check that an array of tables is one."""
    header = {"question": "[[questions]]", "category": "[[questions.categories]]"}[what]

    def check(value: Any) -> Any:
        if isinstance(value, list) and (not value or not all(isinstance(each, dict) for each in value)):
            raise remark(f"must be tables; start each {what} with its own {header} line")
        return value

    return check


# --- the schema of the TOML file ------------------------------------------------------------------------------------

_NO_XML = re.compile("[^\t\n\r -\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _readable(text: str) -> str:
    """Refuse a text that holds what no page of Label Studio can (XML 1.0, section 2.2)."""
    if odd := _NO_XML.search(text):
        raise remark(f"holds the control character U+{ord(odd[0]):04X}; take it out")
    return text


def _slug(name: str) -> str:
    if name in _RESERVED:
        raise fault(f"name {name!r} is {_RESERVED[name]}; choose another")
    return name


def _examples(texts: list[str]) -> tuple[str, ...]:
    """Each text in one line; an entry that is none is named by itself."""
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise remark(f"holds {shown(text)}; every entry must be a text that is not empty")
        _readable(text)
    return tuple(" ".join(text.split()) for text in texts)


def _unique(what: str, entries: Sequence[Any]) -> None:
    for key, kind in (("name", what), ("title", f"{what} title")):
        names = [getattr(entry, key) for entry in entries]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise fault(f"{kind} {name!r} is there twice; give each its own")


_NAME = "write small letters and digits, a letter first, joined by - or _"
_Slug = Annotated[str, must(_SLUG.fullmatch, _NAME), AfterValidator(_slug)]
_Text = Annotated[str, must(str.strip, "write a text that is not empty"), AfterValidator(_readable)]
_Line = Annotated[_Text, AfterValidator(lambda text: " ".join(text.split()))]
# Paragraphs: a blank line parts them, other line breaks are the editor's.
_Prose = Annotated[
    _Text,
    AfterValidator(lambda text: "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()))),
]
# Label Studio reads "+" and "," in a hotkey as joins, and does not tell A from a.
_Hotkey = Annotated[str, must(re.compile("[a-z0-9]").fullmatch, "write one small letter a-z or one digit")]
_Colour = Annotated[
    str, must(re.compile("#[0-9a-fA-F]{6}").fullmatch, 'write a colour such as "#1a7f37"'), AfterValidator(str.lower)
]
_Number = Annotated[float, must(lambda number: abs(number) <= _LARGEST, "it must be a number from -1e9 to 1e9")]


def _one_of(*values: str) -> AfterValidator:
    return must(values.__contains__, f"write one of {', '.join(values)}")


class _Table(Table):
    KINDS: ClassVar[Mapping[str, str]] = {**Table.KINDS, "float": "a number from -1e9 to 1e9"}


class _Category(_Table):
    name: _Slug = NEEDED
    id: int = NEEDED
    title: _Line = NEEDED
    hotkey: _Hotkey = NEEDED
    colour: _Colour = NEEDED
    guideline: _Prose = NEEDED
    examples: Annotated[list[Any], AfterValidator(_examples)] = Field(default_factory=list)


class _Question(_Table):
    name: _Slug = NEEDED
    title: _Line = NEEDED
    kind: Annotated[str, _one_of("choice", "score")] = "choice"


class _Choice(_Question):
    level: Annotated[str, _one_of("nominal", "ordinal")] = "nominal"
    categories: Annotated[list[_Category], BeforeValidator(_parts("category"))] = NEEDED

    @model_validator(mode="after")
    def _check_categories(self) -> Self:
        if len(self.categories) < 2:
            raise fault("one category only; a choice needs at least 2")
        _unique("category", self.categories)
        ids = sorted(category.id for category in self.categories)
        if ids != list(range(len(ids))):
            raise fault(f"category ids are {', '.join(map(str, ids))}; number them 0 to {len(ids) - 1}, each once")
        return self


class _Score(_Question):
    level: Annotated[
        str,
        _one_of("nominal", "ordinal", "interval"),
        must("interval".__eq__, 'a score is always "interval"'),
    ] = "interval"
    minimum: _Number = NEEDED
    maximum: _Number = NEEDED
    step: _Number = NEEDED

    @model_validator(mode="after")
    def _check_scale(self) -> Self:
        if not self.minimum < self.maximum:
            raise fault(f"minimum {self.minimum:g} is not below maximum {self.maximum:g}; swap or change them")
        if not 0 < self.step <= self.maximum - self.minimum:
            most = self.maximum - self.minimum
            raise fault(f"step is {self.step:g}; write a number above 0 and at most {most:g}")
        return self


_Asked = Annotated[
    Annotated[_Choice, Tag("choice")] | Annotated[_Score, Tag("score")],
    Discriminator(lambda of: kind if (kind := of.get("kind", "choice")) in ("choice", "score") else "score"),
]


class _Protocol(_Table):
    name: _Slug = NEEDED
    title: _Line = NEEDED
    reference: _Line = NEEDED
    year: Annotated[int, must(lambda year: 1000 <= year <= 9999, "write its four digits")] = NEEDED
    guideline: _Prose = NEEDED
    cannot_judge: _Hotkey = "0"
    questions: Annotated[list[_Asked], BeforeValidator(_parts("question"))] = NEEDED

    @model_validator(mode="after")
    def _check_questions(self) -> Self:
        _unique("question", self.questions)
        return self


def _tables(data: Any, at: Sequence[int | str]) -> str:
    """Return where a table stands: each question and category by its name or, where it has none, its number."""
    found, text = data, ""
    for part in at:
        if part in ("choice", "score"):
            continue  # pydantic's tag of the schema
        found = found[part]
        if isinstance(part, int):
            name = found.get("name")
            what = "category" if "question" in text else "question"
            text += f", {what} {name!r}" if isinstance(name, str) and len(name) <= 40 else f", {what} {part + 1}"
    return text
