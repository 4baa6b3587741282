"""One checker for what comes from outside: a pydantic schema, whose first fault becomes one sentence."""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, WrapValidator, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from ccd.errors import InputError


class Table(BaseModel):
    """A table of a file: its entries and their types. Any other entry is refused, with the nearest that is known."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True, populate_by_name=True)

    KINDS: ClassVar[Mapping[str, str]] = {
        **{"string": "a text in quotes", "int": "a whole number", "float": "a number", "bool": "true or false"},
        **{"list": "a list", "tuple": "a list"},
    }
    """What an entry of each of pydantic's types must be, in words."""

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, data: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        unknown = [key for key in data if key not in known and key not in cls.model_fields] if _is_table(data) else []
        if unknown:
            raise PydanticCustomError("unknown", "{key}", {"key": unknown[0], "known": known})
        return data


_M = TypeVar("_M", bound=Table)
NEEDED: Any = None  # the default of an entry that must be there: None is of no type


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


def must(fits: Callable[[Any], object], remedy: str) -> AfterValidator:
    """Return a validator of an entry of the right type: where it does not fit, `remedy` says what to write."""

    def check(value: Any) -> Any:
        if not fits(value):
            raise PydanticCustomError("remedy", "{text}", {"text": remedy})
        return value

    return AfterValidator(check)


def validate(
    schema: type[_M], data: object, where: str, tables: Callable[[Sequence[int | str]], str] | None = None
) -> _M:
    """Return `data` as the schema has it. Raises InputError: `where`, the place of the first fault, and what to do.

    `tables` names the table at a place, after `where`; by default it is part of the entry's name, as `place` has it.
    """
    try:
        return schema.model_validate(data)
    except ValidationError as caught:
        error = caught.errors(include_url=False)[0]
        whole = error["type"] in ("fault", "unknown")
        at = error["loc"] if whole else error["loc"][:-1]
        name = "" if whole else place(error["loc"] if tables is None else error["loc"][-1:])
        table = "" if tables is None else tables(at)
        raise InputError(f"{where}{table}: {_sentence(error, name, schema.KINDS, tables is None)}") from None


def _sentence(error: ErrorDetails, name: str, kinds: Mapping[str, str], sections: bool) -> str:
    kind, at, given = error["type"], error["loc"], error.get("ctx", {})
    if kind == "fault":
        return str(given["text"])
    if kind == "unknown":
        within = f" in [{'.'.join(map(str, at))}]" if at and sections else ""
        return f"unknown entry {shown(given['key'])}{within}{nearest(given['key'], given['known'])}"
    if kind == "remark":
        return f"{name} {given['text']}"
    if kind in ("model_type", "dict_type") and sections:
        return f"{name} must be a table; write [{name}] on a line of its own"
    must_be = kinds.get(kind.split("_")[0], kinds["string"])
    if error["input"] is None:
        return f"{name} is missing; add it ({must_be})"
    return f"{name} is {shown(error['input'])}; {given['text'] if kind == 'remedy' else f'it must be {must_be}'}"


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
    '; did you mean `tie_rule`? Known here: name, tie_rule'
    """
    alike = difflib.get_close_matches(str(key), known, n=1)
    return f"; {f'did you mean `{alike[0]}`? Known' if alike else 'known'} here: {', '.join(known)}"


def shown(value: object) -> str:
    """Return a value as an error shows it: in at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _is_table(data: object) -> bool:
    return isinstance(data, dict)
