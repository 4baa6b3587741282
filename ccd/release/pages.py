"""Everything in a release that is written from its facts, and the manifest over all of it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ccd.protocol import Question
from ccd.release.card import release_card
from ccd.release.content import ReleasedPair
from ccd.release.croissant import croissant
from ccd.release.datasheet import citation, datasheet
from ccd.release.methods import methods
from ccd.release.pictures import pictures

MANIFEST = "MANIFEST.sha256"
PICTURES = "pictures"


def describe(
    part: Path,
    facts: Mapping[str, Any],
    questions: tuple[Question, ...],
    examples: Mapping[str, list[ReleasedPair]],
    images: Path,
) -> int:
    """Write release.json, the pages and pictures, and last the manifest; returns the number of image files.

    `examples` (label → pairs) are drawn; their files lie below `images`. The card names the release by a digest of all
    files that are in `part` before these pages: `datasets` caches a folder by its card, not by its content.
    """
    (part / "release.json").write_bytes(pretty(facts).encode())
    hashes = dict(_hashes(part))
    drawn = pictures(facts, examples, images)
    if drawn:
        (part / PICTURES).mkdir(exist_ok=True)
    written = texts(facts, questions, tuple(drawn), hashes) | {f"{PICTURES}/{name}": png for name, png in drawn.items()}
    for name, data in written.items():
        (part / name).write_bytes(data)
        hashes[name] = hashlib.sha256(data).hexdigest()
    with (part / MANIFEST).open("w", encoding="utf-8", newline="\n") as manifest:
        manifest.writelines(f"{hashes[file]}  {file}\n" for file in sorted(hashes))
    return sum(file.startswith("images/") for file in hashes)


def texts(
    facts: Mapping[str, Any], questions: tuple[Question, ...], drawn: tuple[str, ...], hashes: Mapping[str, str]
) -> dict[str, bytes]:
    """Return the pages, which say nothing but what the facts say; `drawn` are the names of the pictures.

    `hashes` has the SHA-256 of every file but the pages and pictures, which are no part of the card's digest.
    """
    digest = hashlib.sha256("".join(f"{hashes[file]}  {file}\n" for file in sorted(hashes)).encode()).hexdigest()
    pages = {
        "README.md": release_card(facts, drawn, digest),
        "methods.md": methods(facts),
        "datasheet.md": datasheet(facts),
        "CITATION.cff": citation(facts),
        "croissant.json": pretty(croissant(facts, questions, hashes)),
    }
    return {name: page.encode() for name, page in pages.items()}


def _hashes(part: Path) -> Iterator[tuple[str, str]]:
    """Yield the SHA-256 of every file by its name; images, which were checked as they came, are named by theirs."""
    for path in part.rglob("*"):
        name = path.relative_to(part).as_posix()
        if name.startswith("images/"):
            yield name, path.stem
        elif path.is_file() and name != MANIFEST:
            with path.open("rb") as file:
                yield name, hashlib.file_digest(file, "sha256").hexdigest()


def pretty(value: object) -> str:
    """JSON for people, too."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
