"""Encoders: images to regions, texts to words. `region_encoder` and `word_encoder` make the one that a line names.

The line is `name`, `name:where` or `name:where@side`: `light`, `glove:my.txt`, `detr:facebook/detr-resnet-50@800`.
`where` is a file or folder, seen from the campaign's folder, or a name on the Hugging Face hub. Word encoders are
joined by `+`: `glove+bert`. Only the file of the named encoder is imported.
"""

import re
from pathlib import Path

from ccd.errors import EnvironmentFailure, InputError
from model.encoders.protocol import RegionEncoder, WordEncoder

REGIONS = "light, patches, detr, owl, faster-rcnn, onnx:FILE, precomputed:FILE, names:FILE"
WORDS = "light, glove, bert, tower, or several joined by +"
_LINE = re.compile(r"(?P<name>[a-z-]+)(?::(?P<where>[^@]+))?(?:@(?P<side>[1-9]\d{1,3}))?")


def region_encoder(line: str, folder: Path = Path(), words: str = "light") -> RegionEncoder:
    """Return the region encoder that `line` names.

    `words` is the word encoder that makes vectors of what `names` reads. Raises CcdError for an unknown name, missing
    weights or a missing library.

    >>> region_encoder("light").width
    192
    """
    try:
        return _region_encoder(line, folder, words)
    except (ImportError, RuntimeError) as error:
        raise _missing("regions", line, error) from None


def _region_encoder(line: str, folder: Path, words: str) -> RegionEncoder:
    found = _LINE.fullmatch(line.strip())
    name, where, side = found.group("name", "where", "side") if found else ("", None, None)
    if side and name not in ("detr", "faster-rcnn"):
        raise InputError(f"regions {line!r}: @{side} is for detr and faster-rcnn; leave it out")
    if name == "light" and not where:
        from model.encoders.light_regions import LightRegions

        return LightRegions()
    if name == "patches":
        from model.encoders.patches import Patches

        return Patches(_model(where or "openai/clip-vit-base-patch32", folder))
    if name == "detr":
        from model.encoders.detr import Detr

        return Detr(_model(where or "facebook/detr-resnet-50", folder), int(side or 224))
    if name == "owl":
        from model.encoders.owl import Owl

        return Owl(_model(where or "google/owlv2-base-patch16-ensemble", folder))
    if name == "faster-rcnn":
        from model.encoders.faster_rcnn import FasterRcnn

        return FasterRcnn(folder / where if where else None, int(side or 224))
    if name == "onnx" and where:
        from model.encoders.onnx import Onnx

        return Onnx(folder / where)
    if name == "arrays":
        raise InputError(f"regions {line!r}: turn it into onnx:FILE with docs/arrays_to_onnx.py; see docs/encoders.md")
    if name == "precomputed" and where:
        from model.encoders.precomputed import Precomputed

        return Precomputed(folder / where)
    if name == "names" and where:
        from model.encoders.names import Names

        return Names(folder / where, word_encoder(words, folder))
    raise InputError(f"regions {line!r} is no region encoder; known: {REGIONS}")


def word_encoder(line: str, folder: Path = Path()) -> WordEncoder:
    """Return the word encoder that `line` names.

    Raises CcdError for an unknown name, missing weights or a missing library.

    >>> word_encoder("light").width
    256
    """
    try:
        return _word_encoder(line, folder)
    except (ImportError, RuntimeError) as error:
        raise _missing("words", line, error) from None


def _word_encoder(line: str, folder: Path) -> WordEncoder:
    parts = re.split(r"\s*\+\s*(?=(?:light|glove|bert|tower)\b)", line.strip())
    if len(parts) > 1:
        from model.encoders.joined import Joined

        return Joined([word_encoder(part, folder) for part in parts])
    found = _LINE.fullmatch(parts[0])
    name, where, side = found.group("name", "where", "side") if found else ("", None, None)
    if name == "light" and not where and not side:
        from model.encoders.light_words import LightWords

        return LightWords()
    if name == "glove" and not side:
        from model.encoders.glove import Glove

        return Glove(folder / (where or "glove.twitter.27B.200d.txt"))
    if name == "bert" and not side:
        from model.encoders.bert import Bert

        return Bert(_model(where or "google-bert/bert-base-uncased", folder))
    if name == "tower" and not side:
        from model.encoders.tower import Tower

        return Tower(_model(where or "openai/clip-vit-base-patch32", folder))
    raise InputError(f"words {line!r} is no word encoder; known: {WORDS}")


def _missing(kind: str, line: str, error: Exception) -> Exception:
    """Return what to say of a library that is not there.

    Or a torchvision for another torch, beside which transformers cannot be imported.
    """
    if isinstance(error, RuntimeError) and "torchvision" not in str(error):
        return error
    extra = "onnx" if "onnx" in str(error) else "model"
    return EnvironmentFailure(
        f"{kind} {line!r} needs a library that is missing or does not fit ({str(error).partition(chr(10))[0]}); "
        f"pip install 'ccd-toolkit[{extra}]', and take out a torchvision that was "
        "built for another torch"
    )


def _model(where: str, folder: Path) -> str:
    """Return a folder where there is one, else the name on the hub."""
    return str(folder / where) if (folder / where).is_dir() else where
