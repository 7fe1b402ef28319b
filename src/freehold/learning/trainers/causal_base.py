"""The base model: found on this machine, or fetched where the owner says so."""

import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.errors import TrainingError
from freehold.learning.trainers import lacking
from freehold.learning.trainers.causal_options import Options

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
# No pickles, no code, no other formats of the same weights.
_WANTED = ["*.json", "*.jinja", "*.model", "*.safetensors", "*.txt", "LICENSE*"]


_PARTS = "config.json, tokenizer.json and *.safetensors"
_NO_SPEAKER = re.compile(
    r"For(MaskedLM|\w+Classification|QuestionAnswering|MultipleChoice|PreTraining)$"
    r"|(?<!LMHead)(?<!LMHeads)Model$"
)


class _Config(Struct, frozen=True):
    architectures: list[str] | None = None
    is_encoder_decoder: bool | None = None


class Base(Struct, frozen=True, kw_only=True):
    """A base that is there.

    Attributes:
        name: as the owner named it, without the folders of this machine.
        folder: where its files lie.
        digest: over its configuration, its tokenizer and the sizes of its weights.
    """

    name: str
    folder: Path
    digest: str


def libraries() -> None:
    """Raises: TrainingError: the extra is not installed."""
    # Read when they are imported: what trains here tells nobody.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    if lacking("causal-lm"):  # also what is needed only when hours are over
        raise TrainingError(f"a causal-lm can't be made: {lacking('causal-lm')}")
    try:
        import datasets  # noqa: F401
        import peft  # noqa: F401
        import trl  # noqa: F401
    except ImportError as error:
        raise TrainingError(
            f"a causal-lm can't be made: {error}: pip install 'freehold[train]'"
        ) from None


def find(named: str, options: Options) -> Base:
    """Where the base is.

    Raises:
        TrainingError: it is not there, or can't be used; says where was looked and what helps.
    """
    if not named:
        raise TrainingError("a causal-lm needs `base`: a local folder, or the id of a hub")
    folder = Path(named).expanduser()
    if not folder.is_dir():
        folder = _of_hub(named, folder, options)
    _complete(named, folder)
    local = Path(named).expanduser().is_dir()
    return Base(
        name=folder.resolve().name if local else named, folder=folder, digest=_digest(folder)
    )


def load(base: Base, options: Options) -> Any:
    """The model on its device, for training. Code that comes with a base is never run.

    Raises:
        TrainingError: transformers can't make a causal language model of it, or there is no room.
    """
    import torch
    from transformers import AutoModelForCausalLM

    device = device_of(options)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            base.folder,
            dtype=getattr(torch, dtype_of(options)),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
        return model.to(device)
    except Exception as error:  # of five libraries, each with its own kinds
        raise TrainingError(f"base `{base.name}` can't be loaded: {_short(error)}") from error


def tokenizer_of(base: Base) -> Any:
    """Its tokenizer, which has a token to pad with and one to end with.

    Raises:
        TrainingError: it has none.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            base.folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # of three libraries, each with its own kinds
        raise TrainingError(f"base `{base.name}` has no tokenizer: {_short(error)}") from error
    if tokenizer.eos_token_id is None:
        raise TrainingError(f"base `{base.name}`: its tokenizer has no end token (`eos_token`)")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    return tokenizer


def device_of(options: Options) -> str:
    """``cpu`` or ``cuda``.

    Raises:
        TrainingError: a GPU was asked for, and torch sees none.
    """
    import torch

    there = torch.cuda.is_available()
    if options.device == "cuda" and not there:
        raise TrainingError("`device: cuda` was asked for, and torch sees no GPU here")
    return "cuda" if there and options.device != "cpu" else "cpu"


def dtype_of(options: Options) -> str:
    """``float32`` or ``bfloat16``."""
    import torch

    if options.dtype != "auto":
        return options.dtype
    able = device_of(options) == "cuda" and torch.cuda.is_bf16_supported()
    return "bfloat16" if able else "float32"


def _of_hub(named: str, folder: Path, options: Options) -> Path:
    from huggingface_hub import constants, snapshot_download

    if folder.exists():
        raise TrainingError(f"base `{named}` is a file: name the folder that it lies in ({_PARTS})")
    looked = f"no folder {folder.absolute()}"
    if not _HUB_ID.fullmatch(named):
        raise TrainingError(f"base `{named}` is not there: {looked}. Name one with {_PARTS}")
    try:
        found = snapshot_download(
            named,
            revision=options.revision or None,
            allow_patterns=_WANTED,
            local_files_only=not options.download,
        )
    except Exception as error:  # noqa: BLE001  # a dozen kinds: no such id, no network, no rights
        if options.download:
            raise TrainingError(
                f"base `{named}` is not there: {looked}, and the hub did not give it:"
                f" {_short(error)}. Without a network: `hf download {named} --local-dir FOLDER`"
                " where there is one, then name FOLDER"
            ) from None
        raise TrainingError(
            f"base `{named}` is not there: {looked}, and nothing in the hub's cache"
            f" {constants.HF_HUB_CACHE}. Name a folder, or fetch it on this machine with"
            f" `hf download {named}`, or let training fetch it with the option `download: true`"
        ) from None
    return Path(found)


def _complete(named: str, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        adapter = (folder / "adapter_config.json").is_file()
        said = "it is an adapter: name the model below it" if adapter else "it has no config.json"
        if not any(folder.iterdir()):
            said = f"the folder is empty: it needs {_PARTS}"
        raise TrainingError(f"base `{named}` is no model: {said} ({folder})")
    if not any(folder.glob("*.safetensors")):
        pickles = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        said = (
            "its weights are pickles, which may run code: convert them" if pickles else "no weights"
        )
        raise TrainingError(f"base `{named}` has no *.safetensors: {said} ({folder})")
    _speaks(named, folder / "config.json")


def _speaks(named: str, path: Path) -> None:
    """Whether it goes on with a text, as far as its configuration tells."""
    try:
        told = msgspec.json.decode(path.read_bytes(), type=_Config)
    except (OSError, msgspec.MsgspecError) as error:
        raise TrainingError(f"base `{named}`: its config.json can't be read: {error}") from None
    kinds = told.architectures or []
    if told.is_encoder_decoder or (kinds and all(map(_NO_SPEAKER.search, kinds))):
        raise TrainingError(
            f"base `{named}` is no causal language model ({', '.join(kinds)[:100]}): name one whose"
            " `architectures` end with ForCausalLM, such as Llama, Mistral, Qwen or Gemma"
        )


def _digest(folder: Path) -> str:
    # Hashing 16 GB takes a minute, and weights do not change in place: names and sizes tell.
    told = sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix == ".safetensors":
            told.update(f"{path.name} {path.stat().st_size}\n".encode())
        elif path.suffix in {".json", ".jinja", ".model"}:
            told.update(f"{path.name} {sha256(path.read_bytes()).hexdigest()}\n".encode())
    return told.hexdigest()


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
