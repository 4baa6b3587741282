"""The schema of a protocol's TOML file: which entries it has, what each may be, and what is said of any other."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from ccd.validation import NEEDED, Table, fault, must, remark, shown

_RESERVED = {"cannot_judge": "the answer that every protocol has already"} | dict.fromkeys(
    ("nan", "null", "true", "false"), "no label to programs that read tables"
)
_SLUG = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
_LARGEST = 1e9  # of a score's ends


def _parts(what: str) -> Callable[[Any], Any]:
    """Return a check that an array of tables is one."""
    header = {"question": "[[questions]]", "category": "[[questions.categories]]"}[what]

    def check(value: Any) -> Any:
        if isinstance(value, list) and (not value or not all(isinstance(each, dict) for each in value)):
            raise remark(f"must be tables; start each {what} with its own {header} line")
        return value

    return check


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


class _Entries(Table):
    KINDS: ClassVar[Mapping[str, str]] = {**Table.KINDS, "float": "a number from -1e9 to 1e9"}


class _Category(_Entries):
    name: _Slug = NEEDED
    id: int = NEEDED
    title: _Line = NEEDED
    hotkey: _Hotkey = NEEDED
    colour: _Colour = NEEDED
    guideline: _Prose = NEEDED
    examples: Annotated[list[Any], AfterValidator(_examples)] = Field(default_factory=list)


class _Question(_Entries):
    name: _Slug = NEEDED
    title: _Line = NEEDED
    kind: Annotated[str, _one_of("choice", "score")] = "choice"


class Choice(_Question):
    """A question with categories."""

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
    Annotated[Choice, Tag("choice")] | Annotated[_Score, Tag("score")],
    Discriminator(lambda of: kind if (kind := of.get("kind", "choice")) in ("choice", "score") else "score"),
]


class ProtocolFile(_Entries):
    """A protocol as its file has it."""

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


def tables_at(data: Any, at: Sequence[int | str]) -> str:
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
