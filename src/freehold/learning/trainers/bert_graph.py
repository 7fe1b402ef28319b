"""A BERT encoder as an ONNX graph, from its weights: no torch, no exporter.

The architecture is that of Devlin et al. 2019 (arXiv 1810.04805) with mean pooling over the tokens
and vectors of length one (Reimers and Gurevych 2019). With ``whole_numbers`` weights become whole
numbers of eight bits, one step for each column, and activations are quantised as they come (dynamic
quantisation; the operators `DynamicQuantizeLinear` and `MatMulInteger` of ONNX), so that 90 MB
become 23 and a text takes a third of the time.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.text.onnx_files import Graph, Node, Port

Floats = NDArray[np.float32]
Array = np.ndarray[Any, np.dtype[Any]]


class Shape(Struct, frozen=True, kw_only=True):
    """What of a model's ``config.json`` the graph needs."""

    num_hidden_layers: int
    num_attention_heads: int
    hidden_size: int
    layer_norm_eps: float = 1e-12
    model_type: str = "bert"
    hidden_act: str = "gelu"


class Builder:
    """Nodes and arrays as they come."""

    def __init__(self, *, whole_numbers: bool) -> None:
        self.nodes: list[Node] = []
        self.arrays: dict[str, Array] = {}
        self._whole = whole_numbers

    def array(self, name: str, values: Any) -> str:
        """An array by its name."""
        self.arrays[name] = np.asarray(values)
        return name

    def add(self, operator: str, *inputs: str, out: str, **attributes: Any) -> str:
        """An operator with one output, and that output's name."""
        self.nodes.append(Node(operator, inputs, (out,), attributes))
        return out

    def rows(self, name: str, table: Floats, places: str) -> str:
        """Rows of a table."""
        if not self._whole:
            return self.add("Gather", self.array(name, table), places, out=f"{name}.of")
        steps = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-9) / 127
        self.array(name, np.rint(table / steps).astype(np.int8))
        self.array(f"{name}.steps", steps.astype(np.float32))
        whole = self.add("Gather", name, places, out=f"{name}.whole")
        step = self.add("Gather", f"{name}.steps", places, out=f"{name}.step")
        cast = self.add("Cast", whole, out=f"{name}.cast", to=1)
        return self.add("Mul", cast, step, out=f"{name}.of")

    def quantised(self, value: str) -> tuple[str, str, str]:
        """An activation as whole numbers, once for all that multiply it."""
        names = (f"{value}.whole", f"{value}.step", f"{value}.zero")
        if not any(node.outputs == names for node in self.nodes):
            self.nodes.append(Node("DynamicQuantizeLinear", (value,), names))
        return names

    def linear(self, name: str, value: str, weight: Floats, bias: Floats) -> str:
        """``value @ weight + bias``; the weight has shape (inputs, outputs)."""
        self.array(f"{name}.bias", bias.astype(np.float32))
        if not self._whole:
            self.array(f"{name}.weight", weight.astype(np.float32))
            product = self.add("MatMul", value, f"{name}.weight", out=f"{name}.product")
            return self.add("Add", product, f"{name}.bias", out=f"{name}.sum")
        steps = np.maximum(np.abs(weight).max(axis=0), 1e-9) / 127
        self.array(f"{name}.weight", np.rint(weight / steps).astype(np.int8))
        self.array(f"{name}.steps", steps.astype(np.float32))
        self.array(f"{name}.zero", np.zeros((), np.int8))
        whole, step, zero = self.quantised(value)
        inputs = (whole, f"{name}.weight", zero, f"{name}.zero")
        product = self.add("MatMulInteger", *inputs, out=f"{name}.integer")
        cast = self.add("Cast", product, out=f"{name}.cast", to=1)
        scale = self.add("Mul", step, f"{name}.steps", out=f"{name}.scale")
        scaled = self.add("Mul", cast, scale, out=f"{name}.product")
        return self.add("Add", scaled, f"{name}.bias", out=f"{name}.sum")

    def norm(
        self, name: str, value: str, weights: Mapping[str, Floats], key: str, eps: float
    ) -> str:
        """Layer normalisation."""
        scale = self.array(f"{name}.norm.weight", weights[f"{key}.weight"])
        bias = self.array(f"{name}.norm.bias", weights[f"{key}.bias"])
        return self.add(
            "LayerNormalization", value, scale, bias, out=f"{name}.normed", axis=-1, epsilon=eps
        )


def encoder(weights: Mapping[str, Floats], shape: Shape, build: Builder) -> str:
    """Adds the encoder to the builder, and gives the name of its pooled vector.

    Args:
        weights: as transformers' ``BertModel`` names them.

    Raises:
        ValueError: another architecture.
        KeyError: a weight that it needs is not there.
    """
    if shape.model_type != "bert" or shape.hidden_act != "gelu":
        raise ValueError(f"not a BERT with GELU: {shape.model_type}, {shape.hidden_act}")
    size, heads = shape.hidden_size, shape.num_attention_heads
    words = build.rows("words", weights["embeddings.word_embeddings.weight"], "input_ids")
    # all texts are of one kind, so that kind's vector moves into the positions'
    places = weights["embeddings.position_embeddings.weight"]
    places = places + weights["embeddings.token_type_embeddings.weight"][0]
    build.array("places", places.astype(np.float32))
    build.array("i0", np.array([0], np.int64))
    build.array("i1", np.array([1], np.int64))
    build.array("i2", np.array([2], np.int64))
    length = build.add("Shape", "input_ids", out="length", start=1, end=2)
    own = build.add("Slice", "places", "i0", length, out="own")
    state = build.add("Add", words, own, out="placed")
    state = build.norm("embedded", state, weights, "embeddings.LayerNorm", shape.layer_norm_eps)
    mask = build.add("Cast", "attention_mask", out="mask", to=1)
    one = build.array("one", np.float32(1))
    away = build.add("Sub", mask, one, out="away")
    build.array("axes", np.array([1, 2], np.int64))
    wide = build.add("Unsqueeze", away, "axes", out="wide")
    barred = build.add("Mul", wide, build.array("never", np.float32(1e9)), out="barred")
    build.array("split", np.array([0, 0, heads, size // heads], np.int64))
    build.array("joined", np.array([0, 0, size], np.int64))
    build.array("scale", np.float32(1 / np.sqrt(size // heads)))
    for number in range(shape.num_hidden_layers):
        state = _layer(build, weights, number, state, barred, shape)
    spread = build.add("Unsqueeze", mask, "i2", out="spread")
    kept = build.add("Mul", state, spread, out="kept")
    total = build.add("ReduceSum", kept, "i1", out="total", keepdims=0)
    count = build.add("ReduceSum", spread, "i1", out="count", keepdims=0)
    mean = build.add("Div", total, count, out="mean")
    return build.add("LpNormalization", mean, out="vector", axis=-1, p=2)


def _layer(
    build: Builder,
    weights: Mapping[str, Floats],
    number: int,
    state: str,
    barred: str,
    shape: Shape,
) -> str:
    key, name, eps = f"encoder.layer.{number}", f"layer{number}", shape.layer_norm_eps

    def linear(value: str, part: str, out: str) -> str:
        weight, bias = weights[f"{key}.{part}.weight"].T, weights[f"{key}.{part}.bias"]
        return build.linear(f"{name}.{out}", value, weight, bias)

    def split(value: str, *order: int) -> str:
        parts = build.add("Reshape", value, "split", out=f"{value}.split")
        return build.add("Transpose", parts, out=f"{value}.heads", perm=order)

    query = split(linear(state, "attention.self.query", "query"), 0, 2, 1, 3)
    keys = split(linear(state, "attention.self.key", "key"), 0, 2, 3, 1)
    values = split(linear(state, "attention.self.value", "value"), 0, 2, 1, 3)
    score = build.add("MatMul", query, keys, out=f"{name}.score")
    score = build.add("Mul", score, "scale", out=f"{name}.scaled")
    score = build.add("Add", score, barred, out=f"{name}.masked")
    share = build.add("Softmax", score, out=f"{name}.share", axis=-1)
    seen = build.add("MatMul", share, values, out=f"{name}.seen")
    seen = build.add("Transpose", seen, out=f"{name}.back", perm=(0, 2, 1, 3))
    seen = build.add("Reshape", seen, "joined", out=f"{name}.joined")
    seen = linear(seen, "attention.output.dense", "attended")
    state = build.add("Add", seen, state, out=f"{name}.first")
    state = build.norm(f"{name}.first", state, weights, f"{key}.attention.output.LayerNorm", eps)
    wide = linear(state, "intermediate.dense", "wide")
    wide = build.add("Gelu", wide, out=f"{name}.gelu")
    narrow = linear(wide, "output.dense", "narrow")
    after = build.add("Add", narrow, state, out=f"{name}.second")
    return build.norm(f"{name}.second", after, weights, f"{key}.output.LayerNorm", eps)


def graph(weights: Mapping[str, Floats], shape: Shape, *, whole_numbers: bool) -> Graph:
    """The encoder: ``input_ids`` and ``attention_mask`` (texts, tokens) to ``vector``."""
    build = Builder(whole_numbers=whole_numbers)
    made = encoder(weights, shape, build)
    ports = tuple(Port(n, "<i8", ("texts", "tokens")) for n in ("input_ids", "attention_mask"))
    out = Port(made, "<f4", ("texts", shape.hidden_size))
    return Graph("encoder", tuple(build.nodes), ports, (out,), build.arrays)
