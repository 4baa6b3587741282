"""croissant.json: the release in the Croissant format 1.0 (https://docs.mlcommons.org/croissant/docs/croissant-spec.html).

A record set for each split and for the pairs without a label, read from their Parquet files, and one for the images
where they are files.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ccd.measures.ties import DROPPED, OPEN
from ccd.protocol import Question
from ccd.release.card import title
from ccd.release.images import FILES
from ccd.release.tables import open_schema, schema_of
from ccd.wording import listed

if TYPE_CHECKING:
    import pyarrow as pa

Facts = Mapping[str, Any]
Json = dict[str, Any]
_CR = """citeAs column conformsTo extract field fileProperty fileObject fileSet format includes isLiveDataset jsonPath
key md5 parentField path recordSet references regex repeated replace samplingRate separator source subField transform
equivalentProperty"""
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{name: f"cr:{name}" for name in _CR.split()},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}
_VERSION = re.compile(
    r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?"
)  # a name that is one, such as v1; the format wants three numbers
_TYPES = {"string": "sc:Text", "int64": "sc:Integer", "double": "sc:Float"}


def croissant(facts: Facts, questions: tuple[Question, ...], hashes: Mapping[str, str]) -> Json:
    """Return the document; `hashes` has the SHA-256 of every file by its name.

    >>> mlcroissant.Dataset("releases/v1/croissant.json").records("test")  # doctest: +SKIP
    """
    splits = [split for split, of_split in facts["counts"].items() if of_split["all"]]
    sets: list[Json] = [
        _pairs(split, schema_of(questions, bool(facts["dehydrated"])), questions, len(questions) > 1)
        for split in splits
    ]
    if any(facts["excluded"].get(reason) for reason in (OPEN, DROPPED)) and f"{OPEN}.parquet" in hashes:
        sets.append(_pairs(OPEN, open_schema(questions[0]), questions[:1], False))
    files: list[Json] = [_file(f"{each['name']}.parquet", "application/x-parquet", hashes) for each in sets]
    if facts["images"] == FILES:
        files.append(
            {
                "@type": "cr:FileSet",
                "@id": "image-files",
                "name": "image-files",
                "encodingFormat": ["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"],
                "includes": "images/*",
            }
        )
        sets.append(_images())
    about = {
        "name": title(facts),
        "description": f"Image-text pairs, judged under the protocol {facts['protocol']['title']}"
        + (" (synthetic)" if facts["synthetic"] else "")
        + f". {' '.join(_asked(facts, question) for question in questions)}",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": facts["license"] or "not stated",
        "url": "README.md",
        "citeAs": f"{', '.join(facts['authors']) or 'The authors'}: {title(facts)}",
    }
    if match := _VERSION.fullmatch(facts["name"]):
        about["version"] = ".".join(number or "0" for number in match.groups())
    if facts["date"]:
        about["datePublished"] = facts["date"]
    if facts["authors"]:
        about["creator"] = [{"@type": "sc:Person", "name": name} for name in facts["authors"]]
    return {"@context": _CONTEXT, "@type": "sc:Dataset", **about, "distribution": files, "recordSet": sets}


def _asked(facts: Facts, question: Question) -> str:
    """Return the question, and how many pairs have each label."""
    about = facts.get("questions", {}).get(question.name, facts if question.name == facts["question"] else None)
    if about is None:
        return f"Question {question.name}: {question.title}"  # an older release does not count it
    found = about["counts"]
    numbers = {label: sum(split[label] for split in found.values()) for label in (*question.labels, "all")}
    return f"Question {question.name}: {question.title} ({listed(numbers)})."


def _file(name: str, kind: str, hashes: Mapping[str, str]) -> Json:
    return {"@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name} | {
        "encodingFormat": kind,
        "sha256": hashes[name],
    }


def _pairs(split: str, columns: "pa.Schema", questions: tuple[Question, ...], several: bool) -> Json:
    """Return a record set of the plain columns, and of each question's votes, and label where there are several."""
    source = {"fileObject": {"@id": f"{split}.parquet"}}
    fields = [
        _field(split, column.name, _TYPES[str(column.type)], source, "column")
        for column in columns
        if str(column.type) in _TYPES
    ]
    for question in questions:
        fields += _of_question(split, question, several, source)
    return {"@type": "cr:RecordSet", "@id": split, "name": split, "key": {"@id": f"{split}/pair_id"}, "field": fields}


def _of_question(split: str, question: Question, several: bool, source: Json) -> Iterator[Json]:
    """Fields inside the columns that have one entry a question, or a label."""
    asked = f"{question.title} ({', '.join(question.labels) or f'{question.minimum:g} to {question.maximum:g}'})"
    name = question.name
    votes = ("labels_votes", name) if several else ("votes",)
    inside = [(*votes, label) for label in question.labels]
    if several:
        kind = "sc:Float" if question.kind == "score" else "sc:Text"
        yield _inside(split, ("labels", name), kind, source) | {"description": asked}
        yield _inside(split, ("labels_resolved_by", name), "sc:Text", source) | {"description": "How it came about."}
    for path in inside:
        yield _inside(split, path, "sc:Integer", source) | {"description": f"Votes for {path[-1]}: {question.title}"}


def _inside(of: str, path: tuple[str, ...], kind: str, source: Json) -> Json:
    """Return an entry of a column that has names inside."""
    column, *names = path
    entry = {"transform": {"jsonPath": "$" + "".join(f"['{name}']" for name in names)}}
    return _field(of, "/".join(path), kind, source, "column", column, entry)


def _images() -> Json:
    source = {"fileSet": {"@id": "image-files"}}
    name = _field("images", "file_name", "sc:Text", source, "fileProperty", "fullpath")
    content = _field("images", "image", "sc:ImageObject", source, "fileProperty", "content")
    return {"@type": "cr:RecordSet", "@id": "images", "name": "images", "field": [name, content]}


def _field(of: str, name: str, kind: str, source: Json, way: str, what: str = "", more: Json | None = None) -> Json:
    return {"@type": "cr:Field", "@id": f"{of}/{name}", "name": name, "dataType": kind} | {
        "source": source | {"extract": {way: what or name}} | (more or {})
    }
