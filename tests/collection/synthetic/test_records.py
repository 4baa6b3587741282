"""The demo's posts are the first synthetic pairs."""

from pathlib import Path

from PIL import Image

from collection.synthetic.pairs import Settings, synthetic_pair
from collection.synthetic.records import records
from collection.synthetic.scenes import HEIGHT, WIDTH
from collection.text import clean


def test_records_are_the_first_pairs(tmp_path: Path) -> None:
    found, truth = records(12, 7, tmp_path)
    pairs = [synthetic_pair(number, Settings(7)) for number in range(12)]
    assert truth == {f"world:7-{pair.number:06}:0": pair.label for pair in pairs}
    for record, pair in zip(found, pairs, strict=True):
        assert (record.post_id, record.text) == (pair.post_id, pair.text)
        assert clean(record.text) == record.text
        assert isinstance(record.photos[0].source, Path)
        with Image.open(record.photos[0].source) as image:
            assert image.size == (WIDTH, HEIGHT)


def test_a_seed_gives_the_same_records_whatever_their_number(tmp_path: Path) -> None:
    few, _ = records(3, 7, tmp_path / "few")
    more, _ = records(5, 7, tmp_path / "more")
    for one, other in zip(few, more, strict=False):
        assert one.text == other.text
        assert isinstance(one.photos[0].source, Path)
        assert isinstance(other.photos[0].source, Path)
        assert one.photos[0].source.read_bytes() == other.photos[0].source.read_bytes()
