"""Region encoders: the real classes on small random networks, and MobileNetV2 on real photos where they are there."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image, ImageDraw

from ccd.errors import CcdError
from docs.arrays_to_onnx import convert
from model.encoders import region_encoder, word_encoder
from model.encoders.onnx import Onnx
from model.encoders.photo import UnreadableImage, open_rgb
from model.encoders.protocol import RegionEncoder, Regions
from tests.data import SHARED
from tests.model.networks import save_tokenizer, save_vision
from tests.model.pictures import photo

NETWORKS = {
    "clip": ("patches:clip", 36, 24),
    "siglip": ("patches:siglip", 36, 32),
    "dinov2": ("patches:dinov2", 36, 32),
    "detr": ("detr:detr@64", 36, 32),
    "rt_detr": ("detr:rt_detr@64", 20, 32),  # it has 20 queries
    "owl": ("owl:owl", 36, 32),
}


def ask(encoder: RegionEncoder, *photos: Path) -> list[Regions]:
    return encoder.encode([encoder.prepare(file) for file in photos])


def check(regions: Regions, count: int, width: int) -> None:
    assert regions.features.shape == (count, width)
    assert regions.boxes.shape == (count, 4)
    assert {part.dtype for part in (regions.features, regions.boxes, regions.scores)} == {np.dtype(np.float32)}
    assert np.isfinite(regions.features).all()
    assert (np.diff(regions.scores) <= 0).all()
    assert (regions.boxes >= 0).all()
    assert (regions.boxes <= 1).all()


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_gives_its_best_regions_whatever_else_is_in_the_batch(kind: str, tmp_path: Path) -> None:
    line, count, width = NETWORKS[kind]
    save_vision(tmp_path / kind, kind)
    encoder = region_encoder(line, tmp_path)
    assert encoder.width == width
    photos = [photo(tmp_path / "a.png", 1), photo(tmp_path / "b.png", 2, (40, 120))]
    together = ask(encoder, *photos)
    for regions, file in zip(together, photos, strict=True):
        check(regions, count, width)
        (alone,) = ask(encoder, file)
        np.testing.assert_allclose(np.sort(alone.scores), np.sort(regions.scores), atol=1e-5)
    assert np.abs(together[0].features - together[1].features).max() > 1e-3
    again = region_encoder(line, tmp_path)
    assert again.fingerprint == encoder.fingerprint
    json.dumps(encoder.fingerprint)


def test_the_fingerprint_changes_with_a_weight_and_with_the_size(tmp_path: Path) -> None:
    folder = save_vision(tmp_path / "detr", "detr")
    prints = [
        region_encoder("detr:detr@64", tmp_path).fingerprint,
        region_encoder("detr:detr@96", tmp_path).fingerprint,
    ]
    from transformers import DetrForObjectDetection

    network = DetrForObjectDetection.from_pretrained(folder)
    with torch.no_grad():
        network.class_labels_classifier.bias[0] += 1
    network.save_pretrained(folder)
    prints.append(region_encoder("detr:detr@64", tmp_path).fingerprint)
    assert len({json.dumps(each) for each in prints}) == 3


def test_patches_of_clip_are_pooled_in_the_space_of_its_texts(tmp_path: Path) -> None:
    from transformers import CLIPModel

    save_tokenizer(save_vision(tmp_path / "clip", "clip"))
    encoder = region_encoder("patches:clip", tmp_path)
    file = photo(tmp_path / "a.png", 1)
    (found,) = ask(encoder, file)
    network = CLIPModel.from_pretrained(tmp_path / "clip").eval()
    pixels = encoder.prepare(file)
    with torch.no_grad():
        tokens = network.vision_model(pixels[None]).last_hidden_state[0, 1:]  # 6 x 6 patches: nothing to pool
        expected = network.visual_projection(network.vision_model.post_layernorm(tokens))
    cells = (found.boxes[:, 1] * 6).round().astype(int) * 6 + (found.boxes[:, 0] * 6).round().astype(int)
    np.testing.assert_allclose(found.features, expected[cells], atol=1e-5)
    assert encoder.space == word_encoder("tower:clip", tmp_path).space


def test_owl_shares_its_space_with_its_texts_and_its_boxes_are_those_of_the_image(tmp_path: Path) -> None:
    save_tokenizer(save_vision(tmp_path / "owl", "owl"))
    encoder = region_encoder("owl:owl", tmp_path)
    words = word_encoder("tower:owl", tmp_path)
    assert (encoder.space, encoder.width) == (words.space, words.width)
    _, stretch = encoder.prepare(photo(tmp_path / "a.png", 1, (90, 60)))  # in a square of 90 x 90
    assert stretch.tolist() == [1, 1.5, 1, 1.5]


def test_detr_scores_by_what_is_no_object(tmp_path: Path) -> None:
    from transformers import DetrForObjectDetection

    save_vision(tmp_path / "detr", "detr")
    encoder = region_encoder("detr:detr@64", tmp_path)
    file = photo(tmp_path / "a.png", 1)
    (found,) = ask(encoder, file)
    network = DetrForObjectDetection.from_pretrained(tmp_path / "detr").eval()
    with torch.no_grad():
        out = network(encoder.prepare(file)[None])
    scores, best = (1 - out.logits.softmax(-1)[0, :, -1]).sort(descending=True)
    np.testing.assert_allclose(found.scores, scores[:36], atol=1e-6)
    np.testing.assert_allclose(found.features[0], out.last_hidden_state[0, best[0]], atol=1e-3)


def test_light_regions_find_what_is_drawn(tmp_path: Path) -> None:
    image = Image.new("RGB", (200, 100), "white")
    ImageDraw.Draw(image).ellipse((20, 30, 60, 70), fill="red")
    image.save(tmp_path / "a.png")
    encoder = region_encoder("light")
    (found,) = ask(encoder, tmp_path / "a.png")
    check(found, len(found.scores), 192)
    np.testing.assert_allclose(found.boxes[0], [0.1, 0.3, 0.3, 0.7], atol=0.03)
    (again,) = ask(region_encoder("light"), tmp_path / "a.png")
    np.testing.assert_array_equal(found.features, again.features)


def test_light_regions_of_one_colour_are_windows_without_edges(tmp_path: Path) -> None:
    Image.new("RGB", (5, 400), "blue").save(tmp_path / "a.png")
    (found,) = ask(region_encoder("light"), tmp_path / "a.png")
    check(found, 26, 192)
    assert not found.features[:, 64:].any()


@pytest.mark.parametrize(
    "data", [None, b"", b"no image"], ids=["not there", "empty", "something else"]
)  # fmt: skip
def test_a_broken_image_is_told(tmp_path: Path, data: bytes | None) -> None:
    file = tmp_path / "a.jpg"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(UnreadableImage, match=r"a\.jpg: .*ccd doctor"):
        region_encoder("light").prepare(file)


def test_a_photo_is_upright_and_its_holes_are_white(tmp_path: Path) -> None:
    lying = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    lying.save(tmp_path / "a.jpg", exif=exif)
    assert open_rgb(tmp_path / "a.jpg").size == (20, 40)
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert open_rgb(tmp_path / "a.png").getpixel((1, 1)) == (255, 255, 255)


# --- networks as ONNX files -----------------------------------------------------------------------------------------


def network(folder: Path, *, colours: int = 3, kind: int = onnx.TensorProto.FLOAT, scores: bool = False) -> Path:
    """An ONNX file: a random convolution of photos of 24 pixels to a map [N, 5, 12, 12]; `scores` of 4 classes."""
    draw = np.random.default_rng(0)
    weights = draw.normal(size=(5, colours, 3, 3)).astype(np.float32)
    nodes = [onnx.helper.make_node("Conv", ["x", "w"], ["map"], strides=[2, 2], auto_pad="SAME_UPPER")]
    constants = [onnx.numpy_helper.from_array(weights, "w")]
    if scores:
        nodes.append(onnx.helper.make_node("Conv", ["map", "v"], ["scores"]))
        constants.append(onnx.numpy_helper.from_array(draw.normal(size=(4, 5, 1, 1)).astype(np.float32), "v"))
    info = onnx.helper.make_tensor_value_info
    outputs = [info(name, kind, ["N", name, "h", "w"]) for name in (["map", "scores"] if scores else ["map"])]
    graph = onnx.helper.make_graph(nodes, "g", [info("x", kind, ["N", colours, 24, 24])], outputs, constants)
    file = folder / "net.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=10), file)
    return file


@pytest.mark.parametrize("scores", [False, True])
def test_an_onnx_file_gives_regions_of_its_map(tmp_path: Path, scores: bool) -> None:
    encoder = region_encoder(f"onnx:{network(tmp_path, scores=scores)}")
    Image.effect_noise((50, 40), 90).convert("RGB").save(tmp_path / "a.png")
    (found,) = ask(encoder, tmp_path / "a.png")
    check(found, 36, 5)
    weights = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 3, 3, 3)).astype(np.float32))
    pixels = encoder.prepare(tmp_path / "a.png")
    assert (pixels.shape, bool((pixels >= 0).all()), bool((pixels <= 1).all())) == ((3, 24, 24), True, True)
    map_ = torch.nn.functional.conv2d(torch.nn.functional.pad(pixels, (0, 1, 0, 1))[None], weights, stride=2)
    cells = torch.nn.functional.adaptive_avg_pool2d(map_, 6).flatten(2)[0].mT.numpy()
    np.testing.assert_allclose(np.sort(found.features, 0), np.sort(cells, 0), atol=1e-4)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"colours": 1}, "its input is tensor(float) ['N', 1, 24, 24]"),
        (None, "no network that can be used"),
    ],
)
def test_another_onnx_file_is_one_sentence(tmp_path: Path, made: dict[str, Any] | None, told: str) -> None:
    file = tmp_path / "net.onnx"
    if made is None:
        file.write_bytes(b"no network")
    else:
        network(tmp_path, **made)
    with pytest.raises(CcdError) as caught:
        region_encoder(f"onnx:{file}")
    assert told in str(caught.value)
    assert "its first output a map [N, d, h, w]" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_arrays_become_an_onnx_file_that_pads_as_tensorflow_does(tmp_path: Path) -> None:
    """SAME with an even side and stride 2 pads after only: the first output sees the first nine pixels whole."""
    arrays = {"one.weight": np.ones((1, 3, 3, 3), np.float32), "one.bias": np.zeros(1, np.float32)}
    step = {"op": "conv", "in": [0], "out": 1, "name": "one", "stride": 2, "groups": 1, "lo": -1e9, "hi": 1e9}
    spec = {
        "input": {"scale": 1 / 255, "zero_point": 0, "tensor": 0},
        "ops": [step, {"op": "avg", "in": [1], "out": 2}],
    }
    onnx.save(convert(arrays, spec, 4), tmp_path / "net.onnx")
    encoder = Onnx(tmp_path / "net.onnx")
    (map_,) = encoder._run(torch.ones(1, 3, 4, 4))
    assert map_[0].tolist() == [[[27, 18], [18, 12]]]
    spec["input"] = {"scale": 1 / 128, "zero_point": 128, "tensor": 0}
    onnx.save(convert(arrays, spec, 4), tmp_path / "net.onnx")
    (map_,) = Onnx(tmp_path / "net.onnx")._run(torch.full((1, 3, 4, 4), 128 / 255))
    np.testing.assert_allclose(map_, 0, atol=1e-5)


def large_zebra(line: dict[str, Any]) -> bool:
    sizes = [o["bbox_xywh"][2] * o["bbox_xywh"][3] for o in line["objects"] if o["category"] == "zebra"]
    return max(sizes, default=0) > 0.2 * line["width"] * line["height"]


@pytest.mark.skipif(SHARED is None, reason="shared/data is not there")
def test_mobilenet_knows_what_is_on_real_photos(tmp_path: Path) -> None:
    assert SHARED is not None
    weights = SHARED / "weights" / "mobilenet_v2_1.0_224_dequant_float32.npz"
    spec = json.loads(weights.with_name("mobilenet_v2_1.0_224_dequant_spec.json").read_text())
    with np.load(weights) as arrays:
        onnx.save(convert(dict(arrays), spec), tmp_path / "net.onnx")
    encoder = Onnx(tmp_path / "net.onnx")
    coco = SHARED / "coco_mini"
    lines = [json.loads(line) for line in (coco / "captions.jsonl").read_text().splitlines()]
    photos = [coco / line["image"] for line in lines if large_zebra(line)]
    assert photos
    _, scores = encoder._run(torch.stack([encoder.prepare(file) for file in photos]))
    classes = scores.mean((2, 3)).argmax(1)
    assert set(classes.tolist()) == {341}  # ImageNet's zebra, counted from a background class 0
    check(ask(encoder, photos[0])[0], 36, 1280)


# --- lines ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("lite", "known: light, patches"),
        ("light:x", "known: light, patches"),
        ("onnx", "known: light, patches"),
        ("light@224", "@224 is for detr"),
        ("patches:nobody/nothing", "fetch it with `hf download nobody/nothing`"),
        ("detr:nobody/nothing@80", "fetch it with `hf download nobody/nothing`"),
        ("onnx:nothing.onnx", "no network that can be used"),
        ("arrays:net.npz", "turn it into onnx:FILE with docs/arrays_to_onnx.py"),
        ("precomputed:nothing.tsv", "no regions in a form that is known"),
        ("names:nothing.jsonl", "not an image and its detections"),
    ],
)
def test_a_wrong_line_is_told(line: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(CcdError) as caught:
        region_encoder(line, tmp_path)
    assert told in " ".join(str(caught.value).split())


def test_another_kind_of_network_is_told(tmp_path: Path) -> None:
    save_vision(tmp_path / "detr", "detr")
    with pytest.raises(CcdError, match=r"no known grid of patches .detr.; name a network of clip"):
        region_encoder("patches:detr", tmp_path)
