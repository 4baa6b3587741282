"""Word encoders: the cut into words, hashed n-grams, GloVe's file, BERT's sub-words, text towers."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ccd.errors import CcdError
from model.encoders import word_encoder
from model.encoders.protocol import MOST_WORDS
from model.encoders.tokens import tokenize
from tests.data import SHARED
from tests.model.networks import save_bert, save_roberta, save_tokenizer, save_vision

# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@USER: look, HTTPURL", "@USER : look , HTTPURL"),
        ("don't stop R&B 3.5", "don't stop R&B 3.5"),
        ("well-known... #tbt #ny2012!!", "well-known ... #tbt #ny2012 !!"),
        ("I❤️NY 👩🏽‍🚒🇺🇸🇨🇦 1️⃣", "I ❤️ NY 👩🏽‍🚒 🇺🇸 🇨🇦 1️⃣"),
        (":-) <3 :D", ":-) <3 :D"),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("@USERS a_b", "@USERS a_b"),
        ("", ""),
    ],
)
def test_a_text_is_cut_into_words(text: str, words: str) -> None:
    assert " ".join(tokenize(text)) == words


@given(st.text())
def test_the_cut_loses_nothing_but_space(text: str) -> None:
    tokens = tokenize(text)
    assert len(tokens) <= MOST_WORDS
    assert all(token.strip() for token in tokens)
    if len(tokens) < MOST_WORDS:
        assert "".join("".join(tokens).split()) == "".join(text.split())


# --- light ----------------------------------------------------------------------------------------------------------


def test_light_words_lie_near_where_they_are_spelt_alike() -> None:
    encoder = word_encoder("light")
    words, empty = encoder.encode(["Hurricane hurricanes photo #hurricane", ""])
    assert empty.features.shape == (0, encoder.width)
    np.testing.assert_allclose(np.linalg.norm(words.features, axis=1), 1, rtol=1e-6)
    hurricane, hurricanes, photo, tag = words.features
    assert hurricane @ hurricanes > 0.7 > 0.3 > hurricane @ photo
    assert hurricane @ tag > 0.7
    (apart,) = encoder.encode(["hurricane"])
    np.testing.assert_array_equal(apart.features[0], hurricane)


# --- GloVe ----------------------------------------------------------------------------------------------------------

GLOVE = (
    "the 1 0 0\n<user> 0 1 0\n<url> 0 0 1\nsandy 1 1 0\n"
    "so 1 1 1\n<number> 2 0 0\n<hashtag> 0 2 0\nat 5 5 5\nat home.com 9 9 9\n42 4 2 0\n"
)


@pytest.mark.parametrize("head", ["", "10 3\n"], ids=["GloVe", "word2vec"])
def test_glove_finds_words_of_tweets(tmp_path: Path, head: str) -> None:
    (tmp_path / "g.txt").write_text(head + GLOVE)
    encoder = word_encoder("glove:g.txt", tmp_path)
    assert encoder.width == 3
    (words,) = encoder.encode(["The @USER HTTPURL #Sandy Sooooo 42 17.5 #xyz at nothing"])
    assert words.features.tolist() == [
        [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 1, 1], [4, 2, 0], [2, 0, 0], [0, 2, 0], [5, 5, 5], [0, 0, 0],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (None, "fetch them with `curl -LO https"),
        (b"", "no word vectors as text"),
        (b"a word here\n", "no word vectors"),
    ],
)
def test_a_wrong_glove_file_is_told(tmp_path: Path, data: bytes | None, told: str) -> None:
    if data is not None:
        (tmp_path / "g.txt").write_bytes(data)
    with pytest.raises(CcdError, match=told):
        word_encoder("glove:g.txt", tmp_path)


@pytest.mark.skipif(SHARED is None, reason="shared/data is not there")
def test_glove_reads_the_real_file_as_a_plain_reader_does() -> None:
    assert SHARED is not None
    (file,) = (SHARED / "glove").glob("*.txt")
    plain = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        word, *numbers = line.rsplit(" ", 25)
        plain.setdefault(word, np.array(numbers, np.float32))
    encoder = word_encoder(f"glove:{file}")
    wanted = [word for word in plain if tokenize(word) == (word,) and word == word.lower()]
    assert len(wanted) > 10_000
    for start in range(0, len(wanted), MOST_WORDS):
        some = wanted[start : start + MOST_WORDS]
        (words,) = encoder.encode([" ".join(some)])
        if words.tokens == tuple(some):
            np.testing.assert_array_equal(words.features, [plain[word] for word in some])
    cat, dog, tax = encoder.encode(["cat dog tax"])[0].features
    cosine = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in ((cat, dog), (cat, tax))]
    assert cosine[0] > cosine[1] + 0.2


# --- BERT -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [save_bert, save_roberta])
def test_a_word_is_the_mean_of_its_subwords(tmp_path: Path, save: object) -> None:
    from transformers import AutoModel, AutoTokenizer

    folder = save(tmp_path / "net")  # type: ignore[operator]
    encoder = word_encoder("bert:net", tmp_path)
    texts = ["abc de fgh", "", "a", "hi jk"]
    found = encoder.encode(texts)
    network = AutoModel.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text, words in zip(texts, found, strict=True):
        assert words.tokens == tokenize(text)
        if not text:
            assert words.features.shape == (0, 32)
            continue
        split = tokenizer([text.split()], is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            hidden = network(**split).last_hidden_state[0].numpy()
        for number, row in enumerate(words.features):
            own = [place for place, word in enumerate(split.word_ids(0)) if word == number]
            assert own
            np.testing.assert_allclose(row, hidden[own].mean(0), atol=1e-5)


def test_a_long_text_is_cut_where_the_network_ends(tmp_path: Path) -> None:
    save_bert(tmp_path / "net")  # 40 places
    (words,) = word_encoder("bert:net", tmp_path).encode([" ".join(["abcdefgh"] * 20)])
    assert len(words.tokens) == 20
    assert words.features[3].any()
    assert not words.features[5:].any()


def test_encoders_are_joined(tmp_path: Path) -> None:
    save_bert(tmp_path / "net")
    (tmp_path / "g.txt").write_text(GLOVE)
    joined = word_encoder("glove:g.txt + bert:net", tmp_path)
    texts = ["the so", ""]
    glove, bert = (word_encoder(line, tmp_path) for line in ("glove:g.txt", "bert:net"))
    assert joined.width == 35
    for both, left, right in zip(joined.encode(texts), glove.encode(texts), bert.encode(texts), strict=True):
        np.testing.assert_array_equal(both.features, np.hstack([left.features, right.features]))
    assert joined.fingerprint["encoder"] == "glove+bert"


# --- text towers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["clip", "siglip", "owl"])
def test_a_tower_gives_each_word_by_itself(tmp_path: Path, kind: str) -> None:
    save_tokenizer(save_vision(tmp_path / "net", kind))
    encoder = word_encoder("tower:net", tmp_path)
    first, second, empty = encoder.encode(["abc de #abc", "de", ""])
    np.testing.assert_array_equal(first.features[0], first.features[2])
    np.testing.assert_allclose(first.features[1], second.features[0], atol=1e-6)
    assert np.abs(first.features[0] - first.features[1]).max() > 1e-4
    assert empty.features.shape == (0, encoder.width)


# --- lines ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("lite", "known: light, glove"),
        ("light:x", "known: light, glove"),
        ("glove@3", "known: light, glove"),
        ("light+nothing", "known: light, glove"),
        ("bert:nobody/nothing", "fetch it with `hf download nobody/nothing`"),
        ("tower:nobody/nothing", "fetch it with `hf download nobody/nothing`"),
    ],
)
def test_a_wrong_line_is_told(line: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(CcdError) as caught:
        word_encoder(line, tmp_path)
    assert told in str(caught.value)


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "model.encoders.bert", raising=False)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(CcdError, match=r"words 'bert' needs a library.*pip install 'ccd-toolkit\[model\]'"):
        word_encoder("light+bert")


def test_a_network_without_texts_is_told(tmp_path: Path) -> None:
    save_tokenizer(save_vision(tmp_path / "net", "dinov2"))
    with pytest.raises(CcdError, match="dinov2 has no text tower"):
        word_encoder("tower:net", tmp_path)
