"""Turn a network as arrays (`arrays:X.npz` of older versions) into an ONNX file for `onnx:FILE`.

    python docs/arrays_to_onnx.py X.npz X_spec.json X.onnx

The spec's steps are `conv` (name, stride, groups, and the clamp lo, hi; padded as TensorFlow's SAME), `add`, `avg` and
`flat`. What goes into `avg` is the map; convolutions after it score the cells, which come pooled to 6 x 6.
"""

import json
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, GRID = 224, 6


def pooling(cells: int) -> np.ndarray:
    """Return the matrix [cells², GRID²] that pools a map of cells x cells to GRID x GRID, as torch does."""
    part = np.zeros((cells, GRID), np.float32)
    for i in range(GRID):
        first, last = i * cells // GRID, -(-(i + 1) * cells // GRID)
        part[first:last, i] = 1 / (last - first)
    return np.kron(part, part)


def convert(arrays: dict[str, np.ndarray], spec: dict, size: int = SIDE) -> onnx.ModelProto:
    """Return the network: photos of 0 to 1 in, the map and the scores of its cells out."""
    constants, nodes = [], []

    def constant(name: str, value: object, kind: type = np.float32) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def add(kind: str, inputs: list[str], output: str, **settings: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **settings))
        return output

    def convolve(step: dict, source: str, output: str) -> str:
        name, stride = step["name"], [step["stride"]] * 2
        weights = [constant(f"{name}.{part}", arrays[f"{name}.{part}"]) for part in ("weight", "bias")]
        settings = {"strides": stride, "group": step["groups"], "auto_pad": "SAME_UPPER"}
        raw = add("Conv", [source, *weights], f"{output}.raw", **settings)
        return add("Clip", [raw, *(constant(f"{output}.{end}", step[end]) for end in ("lo", "hi"))], output)

    scale, zero = spec["input"]["scale"], spec["input"]["zero_point"]
    scaled = add("Mul", ["photos", constant("scale", 255 * scale)], "scaled")
    add("Sub", [scaled, constant("zero", zero * scale)], f"t{spec['input']['tensor']}")
    average = [step["op"] for step in spec["ops"]].index("avg")
    side = {spec["input"]["tensor"]: size}
    for step in spec["ops"][:average]:
        sources = [f"t{source}" for source in step["in"]]
        side[step["out"]] = -(-side[step["in"][0]] // step.get("stride", 1))
        output = f"t{step['out']}"
        convolve(step, sources[0], output) if step["op"] == "conv" else add("Add", sources, output)
    (last,) = spec["ops"][average]["in"]
    add("Identity", [f"t{last}"], "map")
    flat = add("Reshape", ["map", constant("flat", [0, 0, -1], np.int64)], "cells")
    pooled = add("MatMul", [flat, constant("pooling", pooling(side[last]))], "pooled")
    found = add("Reshape", [pooled, constant("grid", [0, 0, GRID, GRID], np.int64)], "grid_of_cells")
    for step in (step for step in spec["ops"][average:] if step["op"] == "conv"):
        found = convolve(step, found, f"s{step['out']}")
    outputs = ["map"] if found == "grid_of_cells" else ["map", add("Identity", [found], "scores")]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("photos", TensorProto.FLOAT, ["N", 3, size, size])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *(f"{name}_{axis}" for axis in "dhw")])
            for name in outputs
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    weights, spec, target = sys.argv[1:]
    with np.load(weights) as loaded, open(spec, encoding="utf-8") as plan:
        onnx.save(convert(dict(loaded), json.load(plan)), target)
