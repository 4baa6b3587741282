"""What other annotation tools write, read as answers of people: one reader a tool, and how its files are known.

The forms are those of the tools' own documentation: Label Studio (JSON, JSON_MIN), doccano, Prodigy, Argilla (1.x, 2.x
and its datasets), Potato. Tables, of MTurk and Toloka too, are read by annotation/exported_tables.py.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotation.received import storable
from ccd.errors import InputError
from ccd.files.regular import open_regular
from ccd.judgment_tables.columns import GOLDEN, plain
from ccd.times import utc
from ccd.vocabulary import Status

NO_ANSWER, NO_WORKER, UNREADABLE = "without an answer", "without a worker", "unreadable"
Json = dict[str, Any]

TEXTS = ("text", "displayedtext", "tweet", "caption", "content", "fulltext")
IMAGES = ("image", "imageurl", "imagefile", "img", "photo", "photourl", "picture", "filename", "url")
ITEMS = ("pairkey", "pairid", "tweetid", "postid", "itemid", "id")


@dataclass(frozen=True)
class Answer:
    """What one person said of one item: `said` maps the fields of the file to a label, a number, or a list of labels.

    `item` is the file's own name of the item, a pair id where it has one; `image` a path or an address. Times are UTC.
    """

    place: str  # "line 3", for messages
    item: str
    worker: str
    said: Mapping[str, Any]
    text: str | None = None
    image: str | None = None
    seconds: float | None = None
    at: str | None = None
    skipped: bool = False


@dataclass(frozen=True)
class Left:
    """Something that is no answer, and why."""

    place: str
    why: str


@dataclass(frozen=True)
class Content:
    """What was judged, as far as a file tells."""

    item: str | None
    text: str | None = None
    image: str | None = None


def content(data: Mapping[str, Any], number: object = None) -> Content:
    """Find the item, its text and its image among the fields of a record.

    `number` is the tool's own of the record, which names it where nothing else does: never a post's.
    """
    named = {plain(str(key)): value for key, value in data.items() if isinstance(value, str | int)}

    def first(names: tuple[str, ...]) -> str | None:
        return next((str(named[name]) for name in names if str(named.get(name, "")).strip()), None)

    item = first(ITEMS)
    if item is None and number is not None:
        item = f"record {number}"
    return Content(item, first(TEXTS), first(IMAGES))


def seconds(value: object) -> float | None:
    """Return a time in seconds; None where it is none."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if 0 <= found < 1e7 else None


def _label_studio(number: str, task: Json, file: Path) -> Iterator[Answer | Left]:
    """A task of Label Studio's JSON with its annotations; predictions and drafts are nobody's answers."""
    data = task["data"] if isinstance(task.get("data"), dict) else {}
    of = content(data, task.get("id"))
    for annotation in task["annotations"]:
        if not isinstance(annotation, dict):
            yield Left(number, UNREADABLE)
        elif annotation.get("ground_truth"):
            yield Left(number, GOLDEN)
        else:
            said: Json = {}
            for part in annotation.get("result") or ():
                if isinstance(part, dict) and isinstance(part.get("value"), dict):
                    _add(said, str(part.get("from_name")), part["value"])
            at = utc(annotation.get("updated_at") or annotation.get("created_at"))
            yield answer(
                number, of, _user(annotation.get("completed_by")), said, seconds(annotation.get("lead_time")), at,
                skipped=bool(annotation.get("was_cancelled")),
            )  # fmt: skip


def _add(said: Json, name: str, value: Json) -> None:
    """What a part of a result says: choices, a number or a rating; a text or a region is no label."""
    found = value.get("choices", value.get("number", value.get("rating")))
    if found == [Status.CANNOT_JUDGE]:  # of a score it is a part of its own
        said[name.removesuffix(f"-{Status.CANNOT_JUDGE}")] = Status.CANNOT_JUDGE
    elif found is not None and said.get(name) != Status.CANNOT_JUDGE:
        said[name] = [*several(said[name]), *several(found)] if name in said else found


def several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _user(user: Any) -> str | None:
    """Who a user is: the address or the name where the file has it, else the number."""
    if isinstance(user, dict):
        user = next((user[key] for key in ("email", "username", "id") if user.get(key)), None)
    return f"user {user}" if isinstance(user, int) else user or None


def _label_studio_min(number: str, row: Json, file: Path) -> Iterator[Answer | Left]:
    """A row of JSON_MIN or CSV: one annotation, its questions beside the task's own fields."""
    meta = ("annotation_id", "annotator", "created_at", "updated_at", "lead_time", "id")
    of = content({name: value for name, value in row.items() if name != "id"}, row.get("id"))
    said = {}
    for name, value in row.items():
        if name not in meta and value != "":
            value = parsed(value)
            said[name] = value.get("choices", value.get("number")) if isinstance(value, dict) else value
    yield answer(
        number,
        of,
        _user(_number(row.get("annotator"))),
        said,
        seconds(row.get("lead_time")),
        utc(row.get("updated_at") or row.get("created_at")),
    )


def parsed(value: Any) -> Any:
    """A cell that holds JSON, as exports write several values."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _doccano(number: str, row: Json, file: Path) -> Iterator[Answer | Left]:
    """A line of doccano: it writes a file a person, called like the person, unless the record names one."""
    labels = next((row[key] for key in ("label", "labels", "cats", "category") if key in row), None)
    worker = next(
        (row[key] for key in ("username", "user", "annotator", "annotation_approver") if row.get(key)),
        file.name.partition(".")[0],
    )
    of = content({name: value for name, value in row.items() if name != "id"}, row.get("id"))
    yield answer(number, of, str(worker), {} if labels in (None, []) else {"label": labels})


def _prodigy(number: str, row: Json, file: Path) -> Iterator[Answer | Left]:
    """A line of `prodigy db-out`: choices in `accept`, or one `label` that was accepted."""
    meta = row["meta"] if isinstance(row.get("meta"), dict) else {}
    of = content({**{k: v for k, v in row.items() if k != "label"}, **meta}, row.get("_input_hash"))
    worker = row.get("_annotator_id") or row.get("_session_id") or None
    if row.get("answer") == "reject":
        yield Left(number, "answered with reject, which is no label")
        return
    said = {"accept": row["accept"]} if row.get("accept") else {"label": row["label"]} if row.get("label") else {}
    yield answer(
        number,
        of,
        worker and str(worker),
        said,
        None,
        utc(row.get("_timestamp")),
        skipped=row.get("answer") == "ignore",
    )


def _argilla(number: str, row: Json, file: Path) -> Iterator[Answer | Left]:
    """A record of Argilla: responses by question (2.x), by person (1.x), or in columns of a dataset."""
    fields = row["fields"] if isinstance(row.get("fields"), dict) else row
    meta = row["metadata"] if isinstance(row.get("metadata"), dict) else {}
    of = content({**fields, **meta}, row.get("id") or row.get("external_id") or row.get("_server_id"))
    by_person: dict[str, tuple[Json, str | None]] = {}
    responses = row.get("responses")
    if isinstance(responses, dict):
        given = [(question, one) for question, each in responses.items() for one in several(each)]
        for question, one in given:
            if isinstance(one, dict):
                said, _ = by_person.setdefault(str(one.get("user_id") or ""), ({}, one.get("status")))
                said[question] = one.get("value")
    elif isinstance(responses, list):
        for one in responses:
            if isinstance(one, dict):
                values = one.get("values") or {}
                said = {
                    name: value.get("value") if isinstance(value, dict) else value for name, value in values.items()
                }
                by_person[str(one.get("user_id") or "")] = said, one.get("status")
    for question, users, values, states in _columns(row):
        for place, value in enumerate(values):
            user = str(users[place]) if place < len(users) else ""
            said, _ = by_person.setdefault(user, ({}, states[place] if place < len(states) else None))
            said[question] = value
    for user, (said, status) in by_person.items():
        if status != "draft":
            yield answer(number, of, user or None, said, skipped=status == "discarded")


def _columns(row: Json) -> Iterator[tuple[str, list[Any], list[Any], list[Any]]]:
    """The questions of a dataset's row: each with users, values and states, in columns or in one cell."""
    for name, values in row.items():
        if name.endswith(".responses") and isinstance(values, list):
            users, states = (row.get(f"{name}.{kind}") or [] for kind in ("users", "status"))
            yield name.removesuffix(".responses"), users, values, states
        elif _is_response(values):
            users, given, states = (several(values.get(kind) or []) for kind in ("user_id", "value", "status"))
            yield name, users, given, states


def _is_response(value: Any) -> bool:
    return isinstance(value, dict) and {"user_id", "value"} <= value.keys()


def _potato(number: str, row: Json, file: Path) -> Iterator[Answer | Left]:
    """A line of Potato's annotated_instances.jsonl, which lies in a folder called like the person."""
    said = {}
    for scheme, marks in row["label_annotations"].items():
        if isinstance(marks, dict):
            chosen = [name for name, value in marks.items() if value not in (None, False, "", "false")]
            scales = [marks[name] for name in chosen if str(marks[name]).lower() not in ("true", name.lower())]
            number_like = len(chosen) == 1 and len(scales) == 1 and re.fullmatch(r"(scale_?)?\d*|text_box", chosen[0])
            said[scheme] = scales[0] if number_like else chosen
    spent = re.search(r"(\d+)d (\d+)h (\d+)m (\d+)s", str((row.get("behavioral_data") or {}).get("time_string", "")))
    took = (
        sum(int(part) * unit for part, unit in zip(spent.groups(), (86400, 3600, 60, 1), strict=True))
        if spent
        else None
    )
    worker = row.get("user_id") or row.get("user") or file.absolute().parent.name
    yield answer(number, content(row, row.get("instance_id")), str(worker), said, took)


def answer(
    place: str,
    of: Content,
    worker: str | None,
    said: Json,
    took: float | None = None,
    at: str | None = None,
    *,
    skipped: bool = False,
) -> Answer | Left:
    said = {name: value for name, value in said.items() if value not in (None, "", [])}
    if worker is None:
        return Left(place, NO_WORKER)
    if of.item is None and of.text is None:
        return Left(place, UNREADABLE)
    if not said and not skipped:
        return Left(place, NO_ANSWER)
    return Answer(place, of.item or "", worker.strip(), said, of.text, of.image, took, at, skipped)


Reader = Callable[[str, Json, Path], Iterator[Answer | Left]]
READERS: dict[str, Reader] = {
    "label-studio": _label_studio,
    "label-studio-min": _label_studio_min,
    "doccano": _doccano,
    "prodigy": _prodigy,
    "argilla": _argilla,
    "potato": _potato,
}


def recognised(row: Json) -> str | None:
    """Return whose record this is; None where no tool's marks are on it, as in a table.

    >>> recognised({"id": 1, "text": "Look", "label": ["explicit"]}), recognised({"task": 1, "label": "b"})
    ('doccano', None)
    """
    if isinstance(row.get("annotations"), list) and "data" in row:
        return "label-studio"
    if "annotation_id" in row and "annotator" in row:
        return "label-studio-min"
    if "_task_hash" in row or "_input_hash" in row or row.get("answer") in ("accept", "reject", "ignore"):
        return "prodigy"
    if "responses" in row or any(str(k).endswith(".responses") or _is_response(v) for k, v in row.items()):
        return "argilla"
    if isinstance(row.get("label_annotations"), dict):
        return "potato"
    if isinstance(row.get("label", row.get("labels")), list) or "Comments" in row or "cats" in row:
        return "doccano"
    return None


def records(file: Path) -> Iterator[tuple[str, Json] | Left]:
    """The objects of a JSON or JSON lines file, each with its place."""
    try:
        with open_regular(file) as opened:
            text = opened.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{file}: not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); check the name and the rights") from None
    try:
        whole = json.loads(text)
        found = whole if isinstance(whole, list) else [whole]
        unit, rows = "record", list(enumerate(found, 1))
    except (ValueError, RecursionError):
        unit, rows = "line", [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    for number, row in rows:
        place = f"{file.name}, {unit} {number}"
        try:
            row = json.loads(row) if unit == "line" else row
        except (ValueError, RecursionError):
            row = None
        yield (place, storable(row)) if isinstance(row, dict) else Left(place, UNREADABLE)
