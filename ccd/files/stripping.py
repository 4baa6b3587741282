"""Picture files without metadata: what is needed to show the same pixels stays, everything else is left out.

Each format has a list of the parts that stay, and no pixel is encoded again: comments, EXIF, IPTC, XMP, thumbnails,
text chunks and bytes after the end are not on it. Colour profiles keep the numbers that change colours.
Sources: ITU-T T.81 annex B (JPEG), PNG 3rd edition chapter 11, GIF89a, RFC 9649 (WebP), ICC.1:2022 chapters 7 to 10.
"""

import struct
import zlib
from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_LENGTHS = {  # chunks that change how pixels look, and how long they may be
    b"IHDR": 13,
    b"PLTE": 768,
    b"tRNS": 256,
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"sBIT": 4,
    b"cICP": 4,
    b"bKGD": 6,
    b"pHYs": 9,
}
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_PROFILE_TAGS = (
    *(b"wtpt", b"bkpt", b"chad", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC"),
    *(b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"gamt", b"cicp"),
)
_PROFILE_TYPES = (b"XYZ ", b"curv", b"para", b"sf32", b"mft1", b"mft2", b"mAB ", b"mBA ", b"cicp")
_ICC = b"ICC_PROFILE\0"
_MOST_ICC = 65_535 - 2 - len(_ICC) - 2  # bytes of a profile in one segment


def stripped(data: bytes) -> bytes:
    """Return the same picture without metadata; the same bytes where there is none. Stripping twice is stripping once.

    Knows JPEG (of several pictures in one file the first), PNG, GIF, WebP and BMP. An orientation in EXIF goes too:
    turn the pixels first. Raises ValueError where the file has another format, or parts that cannot be told apart.

    >>> stripped(b"GIF89a" + bytes(7) + b"!\\xfe\\x05hello\\0;and more")
    b'GIF89a\\x00\\x00\\x00\\x00\\x00\\x00\\x00;'
    """
    try:
        if data.startswith(b"\xff\xd8"):
            return b"".join(_jpeg(data))
        if data.startswith(_PNG):
            return b"".join(_png(data))
        if data.startswith((b"GIF87a", b"GIF89a")):
            return b"".join(_gif(data))
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        if data.startswith(b"BM"):
            return _bmp(data)
    except (IndexError, struct.error, zlib.error) as error:
        raise ValueError(f"its parts cannot be told apart ({error})") from None
    raise ValueError("no JPEG, PNG, GIF, WebP or BMP")


def is_stripped(data: bytes) -> bool:
    """Return True where the file holds the picture and nothing else."""
    try:
        return stripped(data) == data
    except ValueError:
        return False


def _jpeg(data: bytes) -> list[bytes]:
    parts, head = [data[:2]], 1  # where the colour profile belongs
    profile: dict[int, bytes] = {}
    at, seen = 2, set[int]()
    while at < len(data):
        if data[at] != 0xFF:
            raise ValueError("bytes between two segments of the JPEG")
        while data[at] == 0xFF:  # any number of them may stand before a marker
            at += 1
        marker, at = data[at], at + 1
        if marker == 0xD9:
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # nothing follows these
            continue
        (length,) = struct.unpack_from(">H", data, at)
        body, at = data[at + 2 : at + length], at + length
        if length < 2 or at > len(data):
            raise ValueError("a JPEG that ends too early")
        if kept := _decides_colours(marker, body):
            if marker not in seen:
                parts.insert(head, _segment(marker, kept))
                head += 1
            seen.add(marker)
        elif marker == 0xE2 and body.startswith(_ICC) and len(body) > 14:
            profile[body[12]] = body[14:]
        elif 0xC0 <= marker <= 0xCF or 0xDA <= marker <= 0xDD:
            parts.append(_segment(marker, body))
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            raise ValueError(f"a JPEG segment of an unknown kind (0x{marker:02x})")
        if marker == 0xDA:
            end = _scan_end(data, at)
            parts.append(data[at:end])
            at = end
    parts[head:head] = _profile_segments(profile)
    return [*parts, b"\xff\xd9"]


def _decides_colours(marker: int, body: bytes) -> bytes:
    """Return what stays of the segments that say how colours are coded: JFIF without its thumbnail, and Adobe's."""
    if marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 14:
        return body[:12] + b"\0\0"
    if marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
        return body[:12]
    return b""


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _profile_segments(parts: dict[int, bytes]) -> Iterator[bytes]:
    profile = icc(b"".join(parts[number] for number in sorted(parts)))
    pieces = [profile[start : start + _MOST_ICC] for start in range(0, len(profile), _MOST_ICC)]
    for number, piece in enumerate(pieces, 1):
        yield _segment(0xE2, _ICC + bytes((number, len(pieces))) + piece)


def _scan_end(data: bytes, at: int) -> int:
    """Where the coded pixels end: at the next marker that is neither a restart nor a stuffed byte."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
            at += 2
        elif data[at + 1] == 0xFF:
            at += 1
        else:
            return at
    return len(data)


def _png(data: bytes) -> Iterator[bytes]:
    yield _PNG
    at, kind = len(_PNG), b""
    pixels: list[bytes] = []
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        body, at = data[at + 8 : at + 8 + length], at + 12 + length
        if at > len(data):
            raise ValueError("a PNG that ends too early")
        if kind in _ANIMATION:
            raise ValueError("a PNG with frames")
        if kind == b"IDAT":
            pixels.append(body)
        elif kind == b"iCCP" and not pixels:
            if body := _profile_chunk(body):
                yield _chunk(kind, body)
        elif length <= _PNG_LENGTHS.get(kind, -1) and not pixels:
            yield _chunk(kind, body)
    left = _length(pixels)
    for body in pixels:
        if part := body[:left]:
            yield _chunk(b"IDAT", part)
        left -= len(part)
    yield _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _length(parts: list[bytes]) -> int:
    """How many bytes the compressed pixels have; what follows their end is not of them."""
    inflate = zlib.decompressobj()
    read = 0
    for part in parts:
        rest = part
        while rest and not inflate.eof:
            inflate.decompress(rest, 1 << 20)
            rest = inflate.unconsumed_tail
        read += len(part)
        if inflate.eof:
            return read - len(inflate.unused_data)
    return read


def _profile_chunk(body: bytes) -> bytes:
    """Return the chunk's profile without texts, under a name that says nothing; as it is where it is so already."""
    name, _zero, packed = body.partition(b"\0")
    inflate = zlib.decompressobj()
    profile = inflate.decompress(packed[1:], 1 << 23)
    kept = icc(profile)
    if kept == profile and name == b"icc" and inflate.eof and not inflate.unused_data:
        return body
    return b"icc\0\0" + zlib.compress(kept, 9) if kept else b""


def _gif(data: bytes) -> Iterator[bytes]:
    at = 13 + _colours(data[10])
    if at > len(data):
        raise ValueError("a GIF that ends too early")
    yield data[:at]
    while at < len(data) and data[at] != 0x3B:
        start = at
        if data[at] == 0x21:
            kind, at = data[at + 1], _blocks_end(data, at + 2)
            loops = kind == 0xFF and data[start + 3 : start + 14] in (b"NETSCAPE2.0", b"ANIMEXTS1.0")
            if (kind == 0xF9 and at - start == 8) or (loops and at - start == 19):
                yield data[start:at]
            elif kind == 0xF9:
                raise ValueError("a GIF block of another length")
        elif data[at] == 0x2C:
            at = _blocks_end(data, at + 11 + _colours(data[at + 9]))
            yield data[start:at]
        else:
            raise ValueError("a GIF block of an unknown kind")
    yield b";"


def _colours(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks_end(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _webp(data: bytes) -> bytes:
    (size,) = struct.unpack_from("<I", data, 4)
    end = min(len(data), 8 + size)
    at, parts, flags = 12, [], 0
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        body, at = data[at + 8 : at + 8 + length], at + 8 + length + length % 2
        if len(body) < length:
            raise ValueError("a WebP that ends too early")
        if kind in (b"ANIM", b"ANMF"):
            raise ValueError("a WebP with frames")
        if kind == b"ICCP":
            body = icc(body)
            flags |= 0x20 if body else 0
        if kind == b"VP8X":
            flags |= body[0] & 0x10  # alpha; EXIF and XMP are left out
            body = body[:10]
        if kind in (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP") and body:
            parts.append((kind, body))
    whole = b""
    for kind, body in parts:
        body = bytes((flags,)) + body[1:] if kind == b"VP8X" else body
        whole += struct.pack("<4sI", kind, len(body)) + body + b"\0" * (len(body) % 2)
    return struct.pack("<4sI4s", b"RIFF", len(whole) + 4, b"WEBP") + whole


def _bmp(data: bytes) -> bytes:
    start, header, width, height, _planes, bits, packed = struct.unpack_from("<IIiiHHI", data, 10)
    if header != 40 or packed:
        raise ValueError("a BMP with an older, a newer or a packed form")
    (colours,) = struct.unpack_from("<I", data, 46)
    table = 4 * (colours or (1 << bits if bits <= 8 else 0))
    end = start + (width * bits + 31) // 32 * 4 * abs(height)
    if start != 54 + table or len(data) < end:
        raise ValueError("a BMP with bytes between its parts")
    return data[:2] + struct.pack("<IHHI", end, 0, 0, start) + data[14:end]


def icc(profile: bytes) -> bytes:
    """Return a colour profile's numbers, without its texts, dates, makers and private tags.

    B"" where it cannot be read.
    """
    try:
        (number,) = struct.unpack_from(">I", profile, 128)
        entries = [struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(min(number, 100))]
        if profile[36:40] != b"acsp":
            return b""
    except struct.error:
        return b""
    tags: dict[bytes, bytes] = {}
    for name, start, length in entries:
        body = profile[start : start + length]
        if name in _PROFILE_TAGS and body[:4] in _PROFILE_TYPES and len(body) == length:
            tags.setdefault(name, body)
    if not tags:
        return b""
    at, table, bodies = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    places: dict[bytes, int] = {}
    for name, body in tags.items():
        if body not in places:  # tags may share their numbers
            places[body] = at + len(bodies)
            bodies += body + bytes(-len(body) % 4)
        table += struct.pack(">4sII", name, places[body], len(body))
    header = bytearray(profile[:128])
    header[0:4] = struct.pack(">I", at + len(bodies))
    for start, stop in ((4, 8), (24, 36), (40, 64), (80, 128)):  # makers, date, system, device, identity
        header[start:stop] = bytes(stop - start)
    return bytes(header) + table + bodies
