"""Words in the space of images: each word, by itself, through the text tower of CLIP, SigLIP 2 or OWLv2.

Only the vector of a whole text is trained to lie beside images, so a word is given as a text of its own. The context is
lost; what is won is a cosine with regions of `patches` (CLIP) and `owl` on the same model that means something.
"""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from ccd.errors import InputError
from model.encoders.pretrained import DEVICE, digest, load, settings, tokenizer_digest
from model.encoders.protocol import Floats, Words
from model.encoders.tokens import tokenize

BATCH = 256  # words
MOST_KEPT = 1 << 15  # words whose vectors are kept, as texts repeat them


class Tower:
    """`tower`: the text embedding of each word, a hashtag without its sign."""

    def __init__(self, where: str) -> None:
        self._network = load(AutoModel.from_pretrained, where)
        if not hasattr(self._network, "get_text_features"):
            raise InputError(
                f"{where}: {self._network.config.model_type} has no text tower; name a CLIP, SigLIP 2 or OWLv2"
            )
        self._tokenizer = load(AutoTokenizer.from_pretrained, where)
        config = self._network.config
        # SigLIP was trained on texts padded to the full length, the others on any.
        self._padding = "max_length" if config.model_type.startswith("siglip") else True
        self._most: int = config.text_config.max_position_embeddings
        weights = digest(self._network)
        self.space = weights
        self.fingerprint = {"encoder": "tower", "version": 1, "model": config.model_type, "weights": weights}
        self.fingerprint |= {"settings": settings(self._network), "tokenizer": tokenizer_digest(self._tokenizer)}
        self._known: dict[str, Floats] = {}
        self.width = len(self._vectors(["a"])[0])

    def encode(self, texts: Sequence[str]) -> list[Words]:
        """Return the words of each text."""
        cut = [tokenize(text) for text in texts]
        if len(self._known) > MOST_KEPT:
            self._known.clear()
        new = sorted({_plain(token) for tokens in cut for token in tokens} - self._known.keys())
        for start in range(0, len(new), BATCH):
            part = new[start : start + BATCH]
            self._known |= dict(zip(part, self._vectors(part), strict=True))
        rows = [np.array([self._known[_plain(token)] for token in tokens], np.float32) for tokens in cut]
        return [Words(tokens, row.reshape(-1, self.width)) for tokens, row in zip(cut, rows, strict=True)]

    @torch.inference_mode()
    def _vectors(self, words: list[str]) -> Floats:
        given = self._tokenizer(
            words, padding=self._padding, truncation=True, max_length=self._most, return_tensors="pt"
        ).to(DEVICE)
        out: Floats = self._network.get_text_features(**given).pooler_output.float().cpu().numpy()
        return out


def _plain(token: str) -> str:
    return token.lstrip("#") or token
