"""Words without any download: the hashed character n-grams of each word, so that alike spellings lie near each other.

The idea of fastText's subwords (Bojanowski et al., 2017, "Enriching Word Vectors with Subword Information", section
3.2), with fixed random signs in place of trained vectors (Weinberger et al., 2009, "Feature Hashing").
"""

from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np

from model.encoders.protocol import Floats, Words
from model.encoders.tokens import tokenize

WIDTH = 256


class LightWords:
    """`light`: every word is a vector of length 1, the same wherever it stands.

    >>> cats, cat, sky = LightWords().encode(["cats cat sky"])[0].features
    >>> bool(cats @ cat > cats @ sky)
    True
    """

    width = WIDTH
    space = f"light words {WIDTH}"

    def __init__(self) -> None:
        self.fingerprint = {"encoder": "light", "version": 1, "width": WIDTH}

    def encode(self, texts: Sequence[str]) -> list[Words]:
        """Return the words of each text."""
        cut = [tokenize(text) for text in texts]
        return [
            Words(tokens, np.array([_vector(token.lower()) for token in tokens], np.float32).reshape(-1, WIDTH))
            for tokens in cut
        ]


@lru_cache(maxsize=1 << 15)
def _vector(word: str) -> Floats:
    marked = f"<{word}>"
    grams = [marked, *(marked[i : i + n] for n in (3, 4, 5) for i in range(len(marked) - n + 1))]
    vector = np.zeros(WIDTH, np.float32)
    for gram in grams:
        number = crc32(gram.encode())
        vector[number % WIDTH] += 1 if number & 0x80000000 else -1
    if not vector.any():  # its n-grams cancel each other out
        vector[crc32(marked.encode()) % WIDTH] = 1
    return vector / np.float32(np.linalg.norm(vector))
