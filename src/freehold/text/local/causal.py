"""A causal language model in this process, for small ones; large ones are served by an engine.

Made of a folder that holds ``config.json``, ``*.safetensors`` and a tokenizer, as the trainer of
that kind writes it. Greedy: the same conversation has the same answer.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from freehold.core.ask import Message
from freehold.core.decisions import MILLION
from freehold.core.local import FOLDER, Known
from freehold.text.local.chats import prompt_ids, turns

_READ = frozenset({".json", ".safetensors", ".model", ".jinja", ".txt"})
"""What transformers may read; not the GGUF that lies beside it, nor the adapter below it."""
_REGISTRY = frozenset({"model.json", "gate.json", "lineage.json"})
_BESIDE = frozenset({"Modelfile.txt", "training.json"})
"""What training writes for others, in such a folder; transformers reads neither."""
_Millionths = Annotated[int, Meta(ge=0, le=MILLION)]


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to serve.

    Attributes:
        folder, files: where the files lie, and the SHA-256 (hex) of each that may be read.
        max_tokens: of an answer; one that is not finished by then is none.
        stop: texts that end an answer, and are not part of it.
        steps: mean probabilities of tokens and the chance to be right from there on, rising, both
            in millionths; without them the mean probability itself is the confidence.
        threads: of the CPU for one answer; 0: as torch likes.
    """

    folder: str = ""
    files: dict[str, str] = {}
    max_tokens: Annotated[int, Meta(ge=1, le=100_000)] = 256
    stop: list[Annotated[str, Meta(min_length=1)]] = []
    steps: list[tuple[_Millionths, _Millionths]] = []
    threads: Annotated[int, Meta(ge=0, le=1024)] = 0


class Said(Struct, frozen=True, kw_only=True):
    """One greedy answer; ``probability`` is the geometric mean of its tokens' (0 to 1)."""

    text: str
    probability: float
    finished: bool


class Speaker:
    """A model and its tokenizer, which answer one conversation at a time."""

    def __init__(self, model: Any, tokenizer: Any, max_tokens: int, stop: Sequence[str]) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._stop = list(stop)
        self._window = int(getattr(model.config, "max_position_embeddings", 0) or 1 << 20)

    def say(self, prompt: Sequence[int]) -> Said | None:
        """The likeliest next token, until it ends; ``None`` where the window has no room."""
        import torch
        from transformers import GenerationConfig

        room = min(self._max_tokens, self._window - len(prompt))
        if not prompt or room < 1:
            return None
        # The base's own settings sample; an answer that must replay does not.
        greedy = GenerationConfig(
            do_sample=False,
            max_new_tokens=room,
            eos_token_id=sorted(self._ends()),
            pad_token_id=self._tokenizer.pad_token_id,
            return_dict_in_generate=True,
            output_logits=True,
            stop_strings=self._stop or None,
        )
        ids = torch.tensor([list(prompt)], device=self._model.device)
        with torch.inference_mode():
            made = self._model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                generation_config=greedy,
                tokenizer=self._tokenizer,
            )
        new = made.sequences[0, len(prompt) :].tolist()
        logs = [
            float(torch.log_softmax(step[0].float(), -1)[token])
            for step, token in zip(made.logits, new, strict=True)
        ]
        text = self._tokenizer.decode(new, skip_special_tokens=True).strip()
        cut = min((at for stop in self._stop if (at := text.find(stop)) >= 0), default=-1)
        return Said(
            text=text if cut < 0 else text[:cut].rstrip(),
            probability=math.exp(sum(logs) / len(logs)),
            finished=cut >= 0 or new[-1] in self._ends(),
        )

    def _ends(self) -> set[int]:
        own = self._model.generation_config.eos_token_id
        more = own if isinstance(own, list) else [own]
        ends = {self._tokenizer.eos_token_id, *more}
        return {end for end in ends if end is not None}


class CausalModel:
    """Answers in its own words, and abstains where training has shown that it is often wrong."""

    quick = False
    whole = True
    """It reads the whole conversation, system messages included: its context stands there."""

    def __init__(self, speaker: Speaker, tokenizer: Any, options: Options, version: str) -> None:
        self._speaker = speaker
        self._tokenizer = tokenizer
        self._options = options
        self._lock = Lock()
        self.version = version

    def answer(self, messages: Sequence[Message]) -> Known:
        """Its answer; no text where it would be cut, or the conversation is too long to read.

        Raises:
            ValueError: its chat template can't say this conversation.
        """
        told = [{"role": m.role, "content": m.content} for m in messages]
        said = turns(told, self._tokenizer.all_special_tokens)
        if not said or said[-1]["role"] != "user":
            return Known(text="", confidence=0)
        # One at a time: two would share the threads, and both be late.
        with self._lock:
            spoken = self._speaker.say(prompt_ids(self._tokenizer, said))
        if spoken is None or not spoken.finished:
            return Known(text="", confidence=0)
        return Known(text=spoken.text, confidence=chance(self._options.steps, spoken.probability))


def chance(steps: Sequence[tuple[int, int]], probability: float) -> int:
    """Millionths: how often an answer of this mean probability was right on held-out questions."""
    own = round(probability * MILLION)
    if not steps:
        return own
    return steps[max(0, bisect_right(steps, own, key=lambda step: step[0]) - 1)][1]


def causal(data: bytes, options: Mapping[str, Any]) -> CausalModel:
    """From the folder that the options name, each file of it checked against its digest; ``data``
    is the version's manifest where it is the registry's, and is not read.

    Raises:
        ValueError: an option is wrong, or a file is not what it should be.
    """
    return causal_folder(Path(_named(data, options).folder), options)


def inspect(data: bytes, options: Mapping[str, Any]) -> None:
    """Whether its files are what their digests say, without making it.

    Raises:
        ValueError: as for `causal`.
    """
    read = _named(data, options)
    _installed()
    # One of the registry's is verified there, and where it lies is known to the provider.
    if not read.folder.startswith(FOLDER):
        _verified(Path(read.folder), read.files)


def causal_folder(folder: Path | Mapping[str, bytes], options: Mapping[str, Any]) -> CausalModel:
    """From a folder, or from the contents of its files by their relative paths.

    Raises:
        ValueError: an option is wrong, or this is no model; says which file.
    """
    read = _options(options)
    if not isinstance(folder, Path):
        with TemporaryDirectory(prefix="freehold-causal-") as made:
            for name, content in folder.items():
                path = Path(made, name)
                if not path.resolve().is_relative_to(Path(made).resolve()):
                    raise ValueError(f"a file outside its folder: {name}")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            return _load(Path(made), read)
    return _load(folder, read)


def _named(data: bytes, options: Mapping[str, Any]) -> Options:
    read = _options(options)
    if data and not read.folder:
        raise ValueError("a causal-lm is a folder of files, not one file: name `folder`")
    if not read.folder or not read.files:
        raise ValueError("a causal-lm needs `folder`, and `files` with the SHA-256 of each")
    return read


def _installed() -> None:
    for name in ("torch", "transformers"):
        if find_spec(name) is None:
            raise ValueError(f"a causal-lm needs `{name}`: pip install 'freehold[train]'")


def _load(folder: Path, options: Options) -> CausalModel:
    _installed()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    version = _verified(folder, options.files)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype="auto"
        )
    except Exception as error:  # noqa: BLE001  # of three libraries, each with its own kinds
        raise ValueError(f"no causal-lm: {' '.join(str(error).split())[:200]}") from None
    if options.stop and tokenizer.eos_token_id is None:
        raise ValueError("its tokenizer has no end token")
    model.eval()
    if torch.cuda.is_available():
        model.to("cuda")
    speaker = Speaker(model, tokenizer, options.max_tokens, options.stop)
    return CausalModel(speaker, tokenizer, options, version)


def _verified(folder: Path, files: Mapping[str, str]) -> str:
    """The version: over what is read. With digests, nothing else may lie there to be read."""
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    told = sha256()
    names = {name for name in files if Path(name).suffix in _READ and "/" not in name}
    for name in sorted(names or _there(folder)):
        path = folder / name
        if not path.is_file():
            raise ValueError(f"a file is missing: {name}")
        with path.open("rb") as opened:
            digest = _digest(opened)
        if files and digest != files[name].removeprefix("sha256:"):
            raise ValueError(f"a file is not what its digest says: {name}")
        told.update(f"{name} {digest}\n".encode())
    odd = _there(folder) - names - _BESIDE
    if files and odd:
        raise ValueError(
            f"a file has no digest: {min(odd)}; name it in `files`, or take it out of the folder"
        )
    return told.hexdigest()[:12]


def _there(folder: Path) -> set[str]:
    found = {p.name for p in folder.iterdir() if p.is_file() and p.suffix in _READ}
    return found - _REGISTRY


def _digest(opened: Any) -> str:
    told = sha256()
    while block := opened.read(1 << 20):
        told.update(block)
    return told.hexdigest()


def _options(options: Mapping[str, Any]) -> Options:
    try:
        return msgspec.convert(dict(options), Options)
    except msgspec.ValidationError as error:
        said = str(error).replace("Object contains unknown field", "there is no option")
        raise ValueError(f"a causal-lm: {said}") from None
