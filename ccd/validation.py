"""One checker for what comes from outside: a pydantic schema, whose first fault becomes one sentence."""

import difflib
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, WrapValidator, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from ccd.errors import InputError

_TYPES = {"string": "str", "int": "int", "float": "int or float", "bool": "bool", "tuple": "list", "list": "list"}
_M = TypeVar("_M", bound=BaseModel)


class Table(BaseModel):
    """A table of a file: its entries and their types. Any other entry is refused, with the nearest that is known."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, data: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        unknown = [key for key in data if key not in known and key not in cls.model_fields] if _is_table(data) else []
        if unknown:
            raise PydanticCustomError("unknown", "{key}", {"key": unknown[0], "known": sorted(known)})
        return data


def fault(text: str) -> PydanticCustomError:
    """Return an error of a whole table: `text` is all that is said."""
    return PydanticCustomError("fault", "{text}", {"text": text})


def remark(text: str) -> PydanticCustomError:
    """Return an error of one entry: its place, and then `text`."""
    return PydanticCustomError("remark", "{text}", {"text": text})


def says(remedy: str) -> WrapValidator:
    """Return a validator that answers anything wrong with an entry by what to write there.

    >>> Seconds = Annotated[float, Field(ge=0), says("write seconds from 0 up")]  # doctest: +SKIP
    """

    def check(value: Any, inner: Callable[[Any], Any]) -> Any:
        try:
            return inner(value)
        except (ValidationError, PydanticCustomError):
            raise PydanticCustomError("remedy", "{text}", {"text": remedy}) from None

    return WrapValidator(check)


def validate(schema: type[_M], data: object, where: str) -> _M:
    """Return `data` as the schema has it. Raises InputError: `where`, the place of the first fault, and what to do."""
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{where}: {_sentence(error.errors(include_url=False)[0])}") from None


def _sentence(error: ErrorDetails) -> str:
    kind, at, given = error["type"], error["loc"], error.get("ctx", {})
    if kind == "fault":
        return str(given["text"])
    if kind == "unknown":
        within = f" in [{'.'.join(map(str, at))}]" if at else ""
        return f"unknown entry {given['key']!r}{within}{nearest(given['key'], given['known'])}"
    if kind == "remark":
        return f"{place(at)} {given['text']}"
    if kind == "missing":
        return f"{place(at)} is missing; add it"
    if kind in ("model_type", "dict_type"):
        name = ".".join(map(str, at))
        return f"{name} must be a table; write [{name}] on a line of its own"
    remedy = given["text"] if kind == "remedy" else f"it must be of type {_TYPES.get(kind.split('_')[0], 'str')}"
    return f"{place(at)} is {shown(error['input'])}; {remedy}"


def place(at: Sequence[int | str]) -> str:
    """Return where an entry of a TOML file stands.

    >>> place(("splits", "seed")), place(("annotators", 0, "expert")), place(("name",))
    ('[splits] seed', '[[annotators]] number 1: expert', 'name')
    """
    number = next((i for i, part in enumerate(at) if isinstance(part, int)), None)
    if number is not None:
        inside = ".".join(map(str, at[number + 1 :]))
        return f"[[{'.'.join(map(str, at[:number]))}]] number {int(at[number]) + 1}" + (f": {inside}" if inside else "")
    *tables, name = map(str, at)
    return f"[{'.'.join(tables)}] {name}" if tables else name


def nearest(key: object, known: Collection[str]) -> str:
    """Return what to say of a key that is not known: the nearest that is, and all of them.

    >>> nearest("tie_rul", ["name", "tie_rule"])
    '; did you mean `tie_rule`? Known: name, tie_rule'
    """
    alike = difflib.get_close_matches(str(key), known, n=1)
    return f"; did you mean `{alike[0]}`? Known: " + ", ".join(known) if alike else "; known: " + ", ".join(known)


def shown(value: object) -> str:
    """Return a value as an error shows it: in at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _is_table(data: object) -> bool:
    return isinstance(data, dict)
