"""What Label Studio sends, as the toolkit trusts it: one schema for tasks, their annotations and projects.

Label Studio's API stores whatever it is sent, any login may send it, and another version may have other fields. What
passes here has its types, and holds nothing that a database refuses. Everything else is trusted further inside.
"""

import datetime
import math
from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator as After
from pydantic import BeforeValidator, ConfigDict, Strict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

LONGEST = 365 * 86_400.0  # seconds spent on an answer; more, or less than 0, is a clock's fault and is unknown


def _time(text: str) -> str:
    """The text of a time with its zone, unchanged. Raises ValueError for any other."""
    if datetime.datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time without a zone")
    return text


def _seconds(value: Any) -> float | None:
    """How long an answer took; None where what is stored can be no such time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and 0 <= value <= LONGEST else None


Number = Annotated[int, Strict()]
Time = Annotated[str, After(_time)]
Data = Annotated[dict[str, Any], BeforeValidator(lambda value: value if isinstance(value, dict) else {})]
Result = Annotated[list[Any], BeforeValidator(lambda value: value if isinstance(value, list) else [])]


@with_config(ConfigDict(extra="allow"))
class Prediction(TypedDict):
    """What a model said of a task."""

    id: NotRequired[Number]
    result: Result
    model_version: NotRequired[str | None]
    created_at: Time


@with_config(ConfigDict(extra="allow"))
class Annotation(TypedDict):
    """An answer; `completed_by` is None where its user was deleted."""

    id: Number
    result: Result
    completed_by: NotRequired[Number | None]
    updated_by: NotRequired[Number | None]
    lead_time: NotRequired[Annotated[float | None, BeforeValidator(_seconds)]]
    was_cancelled: NotRequired[bool | None]
    ground_truth: NotRequired[bool | None]
    created_at: Time
    updated_at: Time


@with_config(ConfigDict(extra="allow"))
class Task(TypedDict):
    """A task with the fields that were asked for."""

    id: Number
    data: NotRequired[Data]
    updated_at: NotRequired[Time]
    annotations: NotRequired[list[Annotation]]
    predictions: NotRequired[list[Prediction]]


@with_config(ConfigDict(extra="allow"))
class Listing(TypedDict):
    """A page of tasks, each of which is checked by itself; `total` counts those that the query has."""

    tasks: list[dict[str, Any]]
    total: Number


@with_config(ConfigDict(extra="allow"))
class Project(TypedDict):
    """A project, and what Label Studio counts in it."""

    id: Number
    title: str
    description: NotRequired[str | None]
    label_config: str | None
    model_version: NotRequired[str | None]
    show_collab_predictions: NotRequired[bool]
    task_number: Number
    total_annotations_number: NotRequired[Number]
    skipped_annotations_number: NotRequired[Number]
    total_predictions_number: NotRequired[Number]


TASK, LISTING, PROJECT = TypeAdapter(Task), TypeAdapter(Listing), TypeAdapter(Project)


def check(kind: TypeAdapter[Any], value: Any) -> Any:
    """Return a value as its schema has it. Raises ValueError that names the first field that is amiss, and why.

    >>> check(TASK, {"id": 1, "data": None, "updated_at": "yesterday"})
    Traceback (most recent call last):
    ValueError: updated_at: Invalid isoformat string: 'yesterday'
    """
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None


def storable(value: Any) -> Any:
    """Return the same JSON without what databases refuse in a text: half characters and NUL.

    >>> storable({"text": "half \\ud83d of one"})
    {'text': 'half ? of one'}
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "")
    if isinstance(value, list):
        return [storable(part) for part in value]
    if isinstance(value, dict):
        return {storable(key): storable(part) for key, part in value.items()}
    return value
