"""Changes of valid contents: of a JSON document's parts, of a text's cells and of bytes."""

import gzip
import json
import random
from collections.abc import Callable
from typing import Any

# What readers have fallen over: values that are of no or another type, endless, or not what they look like.
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10**30, -(10**400), 1e308, 0.5, float("nan"), float("inf"), "", " ", "0", "x" * 5000,
    "\0", "\ud800", "\ufeff", "\u202e", "=1+1", "@a", "../../etc/passwd", "/etc/passwd", "..\\..\\x", "CON", "a/../b",
    "http://[", "http://[::1", "https://169.254.169.254/", "file:///etc/passwd", "x:", "at://", "1e999", "<b>", "[/b]",
    "\x1b]0;x\x07", [], [[]], [None], {}, {"a": {}}, [1, "a"], [[1]], ["3_1"], {"text": 1}, {"id": []}, [{}],
)  # fmt: skip
TOKENS = (
    b"\0", b"\xff", b"\xef\xbb\xbf", b'"', b"'", b"\n", b"\r", b"\t", b",", b";", b"{", b"[", b"]" * 3, b"[" * 3000,
    b'{"a":' * 3000, b"NaN", b"Infinity", b"1e999", b"9" * 5000, b"=", b"[[a]]\n", b"a.b = 1\n", b"\xed\xa0\x80",
    b"nan", b"-inf", b"1979-05-27", b"true", b"0x" + b"f" * 400, b'"""', b"\x1f\x8b", b"PK\x03\x04",
    b"\\ud800", b"A" * 140_000,
)  # fmt: skip


def mutated(content: bytes, draw: random.Random) -> bytes:
    """One content of many that `draw` could make of this one."""
    ways: list[Callable[[bytes, random.Random], bytes]] = [_bytes, _tokens]
    ways += [_json] * 6 if content[:1] in b"[{" else [_cells] * 3
    if content[:2] == b"\x1f\x8b":
        return gzip.compress(mutated(gzip.decompress(content), draw))
    return draw.choice(ways)(content, draw)


def _json(content: bytes, draw: random.Random) -> bytes:
    """One to three changes in the JSON documents, one a line or one in all."""
    try:
        documents = [json.loads(content)]
    except ValueError:
        documents = [json.loads(line) for line in content.splitlines()]
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(documents))
        documents[at] = _changed(documents[at], draw)
    return b"".join(json.dumps(each).encode() + b"\n" for each in documents)


def _changed(value: Any, draw: random.Random) -> Any:
    """The value with one part replaced, taken out, doubled or put one deeper."""
    parts = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not parts or draw.random() < 0.15:
        return draw.choice((*VALUES, [value], {"a": value}))
    key = draw.choice(parts)
    copy = dict(value) if isinstance(value, dict) else list(value)
    kind = draw.random()
    if kind < 0.7:
        copy[key] = _changed(value[key], draw)
    elif kind < 0.8:
        del copy[key]
    elif isinstance(copy, list):
        copy.append(value[key])
    else:
        copy[draw.choice([*parts, "id", "text", "\ud800"])] = value[key]
    return copy


def _bytes(content: bytes, draw: random.Random) -> bytes:
    """Bytes changed, a stretch taken out or doubled, the end cut off."""
    data = bytearray(content or b"\0")
    for _ in range(draw.choice((1, 1, 2, 8))):
        at = draw.randrange(len(data) + 1)
        to = min(len(data), at + draw.choice((1, 4, 64)))
        kind = draw.randrange(5)
        if kind == 0:
            data[at:to] = draw.randbytes(to - at)
        elif kind == 1:
            del data[at:to]
        elif kind == 2:
            data[at:at] = data[at:to]
        elif kind == 3:
            del data[max(at, 1) :]
        elif at < len(data):
            data[at] ^= 1 << draw.randrange(8)
    return bytes(data)


def _tokens(content: bytes, draw: random.Random) -> bytes:
    """Something that means something to a reader, put anywhere."""
    at = draw.randrange(len(content) + 1)
    return content[:at] + draw.choice(TOKENS) + content[at + draw.choice((0, 0, 1, 8)) :]


def _cells(content: bytes, draw: random.Random) -> bytes:
    """A cell or value of a text replaced, a line taken out or doubled."""
    lines = content.split(b"\n")
    at = draw.randrange(len(lines))
    if draw.random() < 0.3:
        lines[at : at + 1] = draw.choice(([], [lines[at]] * 2))
        return b"\n".join(lines)
    sign = draw.choice((b",", b"\t", b" = ", b" "))
    cells = lines[at].split(sign)
    value = draw.choice(VALUES)
    text = value if isinstance(value, str) and draw.random() < 0.5 else json.dumps(value)
    cells[draw.randrange(len(cells))] = text.encode("utf-8", "surrogatepass")
    lines[at] = sign.join(cells)
    return b"\n".join(lines)
