"""Word vectors of GloVe (Pennington et al., 2014) from its text file, without reading all of it into memory.

One pass finds where each word's line begins, by its bytes alone: 16 bytes a word are kept (19 MB of the 1.2 million of
GloVe Twitter), and only the lines of words that occur are turned into numbers.
"""

import hashlib
import re
from array import array
from collections.abc import Sequence
from functools import lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ccd.errors import InputError
from ccd.files.regular import open_regular
from model.encoders.protocol import Floats, Words
from model.encoders.tokens import tokenize

SOURCE = "https://nlp.stanford.edu/data/glove.twitter.27B"
FORM = "give a file with a word and its numbers a line"
_MARKS = {"@USER": "<user>", "HTTPURL": "<url>"}
_NUMBER = re.compile(r"[-+]?[.\d]*\d+[:,.\d]*")
_LONG = re.compile(r"(.)\1{2,}")


class Glove:
    """`glove`: the vector of the lower-cased word; zeros where there is none.

    Users, links, numbers and unknown hashtags have the tokens of GloVe Twitter (<user>, <url>, <number>, <hashtag>); of
    a hashtag the word is tried first, and of a stretched word (sooo) its shorter forms.
    """

    def __init__(self, file: Path) -> None:
        self.width, self._hashes, self._starts, digest = _index(file)
        self.space = f"glove {digest}"
        self.fingerprint = {"encoder": "glove", "version": 1, "weights": digest}
        with file.open("rb") as opened:
            self._text = mmap(opened.fileno(), 0, access=ACCESS_READ)
        self._vector = lru_cache(maxsize=1 << 15)(self._read)

    def encode(self, texts: Sequence[str]) -> list[Words]:
        """Return the words of each text."""
        cut = [tokenize(text) for text in texts]
        return [Words(tokens, self._rows(tokens)) for tokens in cut]

    def _rows(self, tokens: tuple[str, ...]) -> Floats:
        return np.array([self._vector(token) for token in tokens], np.float32).reshape(-1, self.width)

    def _read(self, token: str) -> Floats:
        """Return the vector of the first form of a token that the file has."""
        for form in _forms(token):
            word = form.encode()
            place = np.searchsorted(self._hashes, _hash(word))
            if place == len(self._hashes) or self._hashes[place] != _hash(word):
                continue
            start = int(self._starts[place])
            end = self._text.find(b"\n", start)
            key, _, numbers = self._text[start : end if end >= 0 else None].partition(b" ")
            vector = np.fromstring(numbers.decode(), np.float32, sep=" ")
            if key == word and len(vector) == self.width:
                return vector
        return np.zeros(self.width, np.float32)


def _forms(token: str) -> list[str]:
    """Return what to look a token up by, the best first.

    >>> _forms("#Soooo"), _forms("@USER"), _forms("42")
    (['soooo', 'soo', 'so', '<hashtag>'], ['<user>'], ['42', '<number>'])
    """
    if token in _MARKS:
        return [_MARKS[token]]
    word = token.lower().replace("’", "'")
    plain = word.lstrip("#") or word
    forms = [plain, _LONG.sub(r"\1\1", plain), _LONG.sub(r"\1", plain)]
    if word != plain:
        forms.append("<hashtag>")
    elif _NUMBER.fullmatch(word):
        forms.append("<number>")
    return list(dict.fromkeys(forms))


def _hash(word: bytes) -> int:
    return hash(word)  # differs from run to run: it never leaves this process


def _index(file: Path) -> tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64], str]:
    """Width of the vectors, sorted hashes of all words with where their lines begin, and SHA-256 of the file."""
    hashes, starts, digest = array("q"), array("q"), hashlib.sha256()
    try:
        with open_regular(file) as lines:
            head = lines.readline()
            if len(head.split()) == 2:  # number of words, and width
                digest.update(head)
                head = lines.readline()
            width = len(head.split()) - 1
            np.array(head.split()[1:], np.float32)
            begin = lines.tell() - len(head)
            lines.seek(begin)
            for line in lines:
                hashes.append(hash(line[: line.find(b" ")]))
                starts.append(begin)
                begin += len(line)
                digest.update(line)
    except FileNotFoundError:
        raise InputError(
            f"{file}: no word vectors here; fetch them with `curl -LO {SOURCE}.zip` and unzip them into the campaign's "
            'folder, or write words = "glove:FILE" in campaign.toml'
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: no word vectors as text ({error}); {FORM}") from None
    if width < 1:
        raise InputError(f"{file}: no word vectors as text; {FORM}")
    # Of words with spaces in them only the first part was read; the first line of a word is its own.
    unique, first = np.unique(np.frombuffer(hashes, np.int64), return_index=True)
    return width, unique, np.frombuffer(starts, np.int64)[first], digest.hexdigest()
