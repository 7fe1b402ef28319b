"""Dense vectors of texts by a transformer: an ONNX file with its tokenizer, run by `onnxruntime`.

Such a file is made from a model's weights by `freehold features add`, or is a classifier that a
trainer made: that one holds its transformer. Texts are read one by one, so that a text has the same
vector whatever else is asked; what is dynamic in the whole numbers of its activations depends on
nothing but the text.
"""

from hashlib import sha256
from importlib import import_module
from typing import Any

import numpy as np

from freehold.text.onnx_files import unpack
from freehold.text.readings import Floats, Manner

TOKENIZER = "tokenizer"
"""The key of the metadata that holds a tokenizer, in the JSON form of the `tokenizers` library."""
MAX_TOKENS = 128
_MISSING = "needs {name}: pip install 'freehold[learn]'"


class Encoder:
    """A transformer, ready to read texts; several threads may ask it at once.

    Raises:
        ValueError: it is no such file, or a library that it needs is not installed.
    """

    def __init__(self, data: bytes) -> None:
        _, about = unpack(data)
        if TOKENIZER not in about:
            raise ValueError("the ONNX file holds no transformer with its tokenizer")
        self._session = session(data)
        self._tokens = _tokenizer(about[TOKENIZER])
        self._beside = {
            port.name: np.zeros(0, np.int64 if "int64" in port.type else np.float32)
            for port in self._session.get_inputs()
            if port.name not in {"input_ids", "attention_mask"}
        }
        if "vector" not in {port.name for port in self._session.get_outputs()}:
            raise ValueError("the ONNX file gives no `vector`")
        self.version = sha256(data).hexdigest()[:16]

    def tokens(self, text: str) -> list[int]:
        """The numbers of a text's pieces of words; at most `MAX_TOKENS`."""
        found: list[int] = self._tokens.encode(text).ids
        return found

    def of(self, text: str) -> Floats:
        """The vector of a text, float32 of length one."""
        ids = np.array([self.tokens(text)], dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), **self._beside}
        vector: Floats = self._session.run(["vector"], given)[0][0]
        return vector


def manner(encoder: Encoder, size: int) -> Manner:
    """How a transformer's vectors are read by `freehold.text.readings`.

    Sharpness and weight were chosen on parts of BANKING77 and CLINC150 that nothing is told on.
    """
    return Manner(
        name="transformer",
        version=encoder.version,
        of=encoder.of,
        sharpness=(1.5, 1.5),
        weight=(4.0, 4.0),
        dims=(size, size),
        unlabelled=True,
    )


def session(data: bytes) -> Any:
    """An ONNX graph ready to run in one thread.

    Raises:
        ValueError: it can't be run, or `onnxruntime` is not installed.
    """
    try:
        runtime: Any = import_module("onnxruntime")
    except ModuleNotFoundError:
        raise ValueError("a transformer " + _MISSING.format(name="onnxruntime")) from None
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 -- its errors have no common kind of their own
        raise ValueError(f"the ONNX file can't be run: {type(error).__name__}") from None


def _tokenizer(content: str) -> Any:
    try:
        library: Any = import_module("tokenizers")
    except ModuleNotFoundError:
        raise ValueError("a transformer " + _MISSING.format(name="tokenizers")) from None
    try:
        made = library.Tokenizer.from_str(content)
    except Exception as error:  # noqa: BLE001 -- it raises plain `Exception`
        raise ValueError(f"the tokenizer can't be read: {type(error).__name__}") from None
    made.no_padding()
    made.enable_truncation(MAX_TOKENS)
    return made
