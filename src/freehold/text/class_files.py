"""Trained classifiers as ONNX files: the whole way from words to chances as one graph.

Its inputs are a text's hashed words and characters (``columns``, ``values``), and its dense vector:
``dense`` where that is the mean of static vectors, ``input_ids`` and ``attention_mask`` where a
transformer, which is part of the file, makes it. Its outputs are ``scores`` (of each class, the
outside last where there is one), ``margin`` and ``chance``. Freehold reads the arrays and does the
sums in numpy; any engine for ONNX that runs the graph says the same.
"""

import math

import msgspec
import numpy as np
from msgspec import Struct

from freehold.text import embedding, onnx_files, vectors
from freehold.text.intents import Intents, is_name
from freehold.text.onnx_files import Array, Graph, Node, Port
from freehold.text.readings import NEAR, STATIC, TINY, Model
from freehold.text.softmax import Softmax
from freehold.text.transformer import TOKENIZER, Encoder, manner
from freehold.text.vectors import SIZE

VERSION = "1"
ABOUT = "classifier"
_LARGEST, _UNIT = 1e6, 1.001
_NUMBERS = ("sharpness", "weight", "line", "slope", "shift")


class Header(Struct, frozen=True, kw_only=True):
    """What a file says of itself; ``dense`` is the version of the static vectors, or empty."""

    version: str
    vector: str
    dense: str
    names: tuple[str, ...]
    outside: bool
    sharpness: float
    weight: float
    line: float
    slope: float
    shift: float


class Base(Struct, frozen=True):
    """A transformer that a file is to hold: its graph, whose output is ``vector``."""

    graph: Graph
    tokenizer: str


def pack(trained: Intents, base: Base | None = None) -> bytes:
    """A classifier as the bytes of its file; the same for the same classifier."""
    model = trained.model
    header = Header(
        version=VERSION,
        vector=vectors.VERSION,
        dense="" if base is not None else embedding.VERSION,
        names=trained.names,
        outside=model.outside,
        sharpness=model.sharpness,
        weight=model.weight,
        line=trained.line,
        slope=trained.slope,
        shift=trained.shift,
    )
    graph = _graph(trained, None if base is None else base.graph)
    about = {ABOUT: msgspec.json.encode(header).decode()}
    if base is not None:
        about[TOKENIZER] = base.tokenizer
    return onnx_files.pack(graph, about)


def unpack(data: bytes) -> Intents:
    """The classifier in a file.

    Raises:
        ValueError: it is damaged, none, was trained on other vectors than these, or needs a library
            that is not installed.
    """
    arrays, about = onnx_files.unpack(data)
    try:
        header = msgspec.json.decode(about.get(ABOUT, ""), type=Header)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no classifier: {error}") from None
    if header.version != VERSION or header.vector != vectors.VERSION:
        raise ValueError("the classifier was trained on other vectors: train it again")
    if header.dense not in {"", embedding.VERSION}:
        raise ValueError("the classifier was trained on other static vectors: train it again")
    model = _model(header, arrays)
    how = STATIC if header.dense else manner(Encoder(data), model.marks.shape[1])
    return Intents(header.names, model, header.line, header.slope, header.shift, manner=how)


def _model(header: Header, arrays: dict[str, Array]) -> Model:
    """Raises: ValueError: its arrays don't fit one another, or have numbers that are none."""
    count = len(header.names) + header.outside
    try:
        places, weights = arrays["head.places"], arrays["head.weights"]
        steps, marks, kernel = (arrays[f"head.{n}"] for n in ("steps", "marks", "kernel"))
    except KeyError:
        raise ValueError("damaged classifier: an array is missing") from None
    rows = len(weights) - 1
    kinds = tuple(array.dtype.str[1:] for array in (places, weights, steps, marks, kernel))
    fits = (
        kinds == ("i4", "i1", "f4", "f4", "f4")
        and places.shape == (SIZE,)
        and weights.shape == (rows + 1, count)
        and steps.shape == (count,)
        and marks.ndim == 2
        and kernel.shape == (len(marks), count)
        and min(rows, len(marks), marks.shape[1], len(header.names)) > 0
        and 0 <= int(places.min()) <= int(places.max()) <= rows
    )
    if not fits:
        raise ValueError("damaged classifier: its arrays don't fit one another")
    if header.dense and marks.shape[1] > embedding.DIMS:
        raise ValueError("damaged classifier: its vectors are longer than there are")
    finite = all(np.isfinite(array).all() for array in (steps, marks, kernel))
    if not finite or not all(math.isfinite(getattr(header, name)) for name in _NUMBERS):
        raise ValueError("damaged classifier: it has a number that is none")
    # sums of such numbers stay far from where they overflow
    large = max(float(np.abs(array).max()) for array in (steps, kernel)) > _LARGEST
    if large or float(np.abs(marks).max()) > _UNIT:
        raise ValueError("damaged classifier: its numbers are out of all bounds")
    if not 0 < header.sharpness <= 100 or not all(map(is_name, header.names)):
        raise ValueError("damaged classifier: its numbers or names are out of all bounds")
    columns = np.flatnonzero(places < rows).astype(np.int32)
    softmax = Softmax.of(columns, steps, weights[places[columns]], SIZE)
    return Model(
        softmax,
        marks,
        kernel,
        sharpness=header.sharpness,
        weight=header.weight,
        outside=header.outside,
    )


def _graph(trained: Intents, base: Graph | None) -> Graph:
    model = trained.model
    columns, steps, weights = model.softmax.parts()
    places = np.full(SIZE, len(columns), np.int32)
    places[columns] = np.arange(len(columns), dtype=np.int32)
    count, dims, marks = len(steps), model.marks.shape[1], len(model.marks)
    inside = count - model.outside
    arrays: dict[str, Array] = {
        "head.places": places,
        # what training has not seen counts for nothing: one more row of zeros
        "head.weights": np.vstack((weights, np.zeros((1, count), np.int8))),
        "head.steps": steps,
        "head.marks": np.ascontiguousarray(model.marks, np.float32),
        "head.kernel": np.ascontiguousarray(model.weights, np.float32),
        "head.dims": np.array([dims], np.int64),
        "head.near": np.array([min(NEAR, marks)], np.int64),
        "head.inside": np.array([inside], np.int64),
        "head.end": np.array([count], np.int64),
        "head.0": np.array([0], np.int64),
        "head.1": np.array([1], np.int64),
        "head.flat": np.array([-1], np.int64),
        "head.tiny": np.array(TINY, np.float32),
        "head.zero": np.array(0, np.float32),
        "head.one": np.array(1, np.float32),
        "head.sharpness": np.array(model.sharpness, np.float32),
        "head.weight": np.array(model.weight, np.float32),
        "head.slope": np.array(trained.slope, np.float32),
        "head.shift": np.array(trained.shift, np.float32),
    }
    nodes = [*_words(), *_dense("dense" if base is None else "vector"), *_margin(model.outside)]
    inputs = [Port("columns", "<i8", ("n",)), Port("values", "<f4", ("n",))]
    outputs = [
        Port("scores", "<f4", (count,)),
        Port("margin", "<f4", (1,)),
        Port("chance", "<f4", (1,)),
    ]
    if base is None:
        inputs.append(Port("dense", "<f4", (embedding.DIMS,)))
        return Graph("classifier", tuple(nodes), tuple(inputs), tuple(outputs), arrays)
    return Graph(
        "classifier",
        (*base.nodes, *nodes),
        (*base.inputs, *inputs),
        (*outputs, *base.outputs),
        {**base.arrays, **arrays},
    )


def _words() -> list[Node]:
    """The first reading: a softmax over hashed words and characters."""
    return [
        Node("Gather", ("head.places", "columns"), ("head.rows",)),
        Node("Gather", ("head.weights", "head.rows"), ("head.held",)),
        Node("Cast", ("head.held",), ("head.float",), {"to": 1}),
        Node("Unsqueeze", ("values", "head.1"), ("head.values",)),
        Node("Mul", ("head.float", "head.values"), ("head.products",)),
        Node("ReduceSum", ("head.products", "head.0"), ("head.sums",), {"keepdims": 0}),
        Node("Mul", ("head.sums", "head.steps"), ("head.logits",)),
        Node("Softmax", ("head.logits",), ("head.words",), {"axis": -1}),
    ]


def _dense(source: str) -> list[Node]:
    """The second reading: a Gaussian kernel with the marks."""
    return [
        Node("Reshape", (source, "head.flat"), ("head.vector",)),
        Node("Slice", ("head.vector", "head.0", "head.dims"), ("head.some",)),
        Node("ReduceL2", ("head.some", "head.0"), ("head.size",), {"keepdims": 1}),
        Node("Max", ("head.size", "head.tiny"), ("head.length",)),
        Node("Div", ("head.some", "head.length"), ("head.unit",)),
        Node("MatMul", ("head.marks", "head.unit"), ("head.likeness",)),
        Node("Sub", ("head.likeness", "head.one"), ("head.apart",)),
        Node("Mul", ("head.apart", "head.sharpness"), ("head.sharp",)),
        Node("Exp", ("head.sharp",), ("head.gauss",)),
        Node("MatMul", ("head.gauss", "head.kernel"), ("head.ridge",)),
        Node("Mul", ("head.ridge", "head.weight"), ("head.weighed",)),
        Node("Add", ("head.words", "head.weighed"), ("scores",)),
    ]


def _margin(outside: bool) -> list[Node]:
    """How far the best class leads, times how near its neighbours are, and the chance of that."""
    best = [
        Node("Slice", ("scores", "head.0", "head.inside"), ("head.own",)),
        Node("ReduceMax", ("head.own", "head.0"), ("head.best",), {"keepdims": 1}),
    ]
    if outside:
        best += [
            Node("Slice", ("scores", "head.inside", "head.end"), ("head.against",)),
            Node("Sub", ("head.best", "head.against"), ("head.lead",)),
        ]
    else:
        best.append(Node("Identity", ("head.best",), ("head.lead",)))
    return [
        *best,
        Node("TopK", ("head.likeness", "head.near"), ("head.nearest", "head.which")),
        Node("ReduceMean", ("head.nearest", "head.0"), ("head.mean",), {"keepdims": 1}),
        Node("Max", ("head.mean", "head.zero"), ("head.nearness",)),
        Node("Mul", ("head.lead", "head.nearness"), ("margin",)),
        Node("Mul", ("margin", "head.slope"), ("head.sloped",)),
        Node("Add", ("head.sloped", "head.shift"), ("head.moved",)),
        Node("Sigmoid", ("head.moved",), ("chance",)),
    ]
