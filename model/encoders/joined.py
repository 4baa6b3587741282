"""Several word encoders as one: their vectors of each word, one after the other, as the paper's GloVe and BERT."""

from collections.abc import Sequence

import numpy as np

from model.encoders.protocol import WordEncoder, Words


class Joined:
    """`glove+bert` and the like."""

    def __init__(self, encoders: Sequence[WordEncoder]) -> None:
        self._encoders = encoders
        self.width = sum(encoder.width for encoder in encoders)
        names = [encoder.fingerprint["encoder"] for encoder in encoders]
        self.fingerprint = {"encoder": "+".join(names), "parts": [dict(encoder.fingerprint) for encoder in encoders]}
        self.space = " + ".join(str(encoder.space) for encoder in encoders)

    def encode(self, texts: Sequence[str]) -> list[Words]:
        """Return the words of each text."""
        parts = zip(*(encoder.encode(texts) for encoder in self._encoders), strict=True)
        return [Words(words[0].tokens, np.concatenate([w.features for w in words], axis=1)) for words in parts]
