"""Words in their sentence: the last hidden states of BERT or any other encoder of transformers.

A word's vector is the mean of those of its sub-words (Devlin et al., 2019, cut words by WordPiece; the paper needs one
vector a word). The network is frozen.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from ccd.errors import InputError
from model.encoders.pretrained import DEVICE, digest, load, settings, tokenizer_digest
from model.encoders.protocol import Words
from model.encoders.tokens import tokenize

BATCH = 32  # texts that go through the network at once, of like length


class Bert:
    """`bert`: d_w is the network's hidden size; zeros for a word without sub-words, such as a lone variation sign."""

    def __init__(self, where: str) -> None:
        self._network = load(AutoModel.from_pretrained, where)
        self._tokenizer = load(AutoTokenizer.from_pretrained, where, add_prefix_space=True)
        if not self._tokenizer.is_fast:
            raise InputError(f"{where}: its tokenizer does not say which word a sub-word is of; name another encoder")
        config = self._network.config
        positions = getattr(config, "max_position_embeddings", 512) - 2  # RoBERTa counts from 2
        self._most = min(positions, self._tokenizer.model_max_length)
        self.width: int = config.hidden_size
        weights = digest(self._network)
        self.space = f"bert {weights}"
        self.fingerprint = {"encoder": "bert", "version": 1, "model": config.model_type, "weights": weights}
        self.fingerprint |= {"settings": settings(self._network), "tokenizer": tokenizer_digest(self._tokenizer)}

    def encode(self, texts: Sequence[str]) -> list[Words]:
        """Return the words of each text; texts of like length go through the network together."""
        cut = [tokenize(text) for text in texts]
        order = sorted(range(len(cut)), key=lambda i: len(cut[i]))
        found: dict[int, Words] = {}
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            means = self._means([cut[i] for i in chosen]).cpu().numpy()
            ends = np.cumsum([len(cut[i]) for i in chosen])
            found |= {i: Words(cut[i], part) for i, part in zip(chosen, np.split(means, ends[:-1]), strict=True)}
        return [found[i] for i in range(len(cut))]

    @torch.inference_mode()
    def _means(self, cut: Sequence[tuple[str, ...]]) -> Tensor:
        """All words of a batch of texts, one after another: [words, d]."""
        counts = np.array([len(tokens) for tokens in cut])
        sums = torch.zeros(int(counts.sum()), self.width, device=DEVICE)
        if not len(sums):
            return sums
        split = self._tokenizer(
            [list(tokens) for tokens in cut],
            is_split_into_words=True, truncation=True, max_length=self._most, padding=True, return_tensors="pt",
        )  # fmt: skip
        hidden = self._network(**{name: part.to(DEVICE) for name, part in split.items()}).last_hidden_state
        # The place of each sub-word's word among all words of the batch, -1 for [CLS], [SEP] and padding.
        word = np.array([[-1 if i is None else i for i in split.word_ids(row)] for row in range(len(cut))])
        place = torch.from_numpy(np.where(word < 0, -1, word + (np.cumsum(counts) - counts)[:, None])).to(DEVICE)
        real = place >= 0
        sums.index_add_(0, place[real], hidden[real].float())
        pieces = torch.bincount(place[real], minlength=len(sums))
        return sums / pieces.clamp(min=1)[:, None]
