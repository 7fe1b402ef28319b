"""What is left of a training run: the merged model, its adapter, GGUF, all in open formats."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from freehold.core.errors import TrainingError
from freehold.learning.trainers import causal_convert, causal_gguf
from freehold.learning.trainers.causal_base import Base
from freehold.learning.trainers.causal_vocabulary import Unsupported
from freehold.text.local.chats import TEMPLATE

GGUF = "model.gguf"
_OPEN = {".safetensors", ".json", ".txt", ".jinja", ".gguf", ".model"}
_SHARD = "2GB"
_OLLAMA = (
    'BEGIN{{ range .Messages }}{{ if eq .Role "assistant" }}Assistant: {{ .Content }}END\n'
    '{{ else if eq .Role "system" }}System: {{ .Content }}\n'
    "{{ else }}User: {{ .Content }}\n{{ end }}{{ end }}Assistant:"
)
"""`TEMPLATE` in the words of Ollama."""


def merged(model: Any, tokenizer: Any, base: Base, adapter: Path, out: Path) -> None:
    """Write the merged model with its tokenizer and chat template, and the adapter beside it.

    ``model`` is the base with the adapter merged into it; any engine reads the folder as it is.
    """
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out, max_shard_size=_SHARD)
    if not tokenizer.chat_template:
        tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(out)
    # llama.cpp's converter reads the SentencePiece model itself.
    for name in ("tokenizer.model", "LICENSE", "LICENSE.txt"):
        if (base.folder / name).is_file():
            kept = name if Path(name).suffix else f"{name}.txt"
            shutil.copyfile(base.folder / name, out / kept)
    (out / "adapter").mkdir()
    shutil.copyfile(
        adapter / "adapter_model.safetensors", out / "adapter/adapter_model.safetensors"
    )
    config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    config["base_model_name_or_path"] = base.name  # else a folder of this machine
    if isinstance(config.get("target_modules"), list):
        # peft keeps a set: the same seed shall write the same file in every process
        config["target_modules"].sort()
    _write(out / "adapter/adapter_config.json", config)


def gguf(folder: Path, name: str, numbers: str, path: Path) -> str:
    """Write it here, or with llama.cpp's converter where that lies on this machine.

    Returns a note where neither knows the model, else nothing.
    """
    try:
        causal_gguf.write(folder, path, numbers, name)
    except Unsupported as error:
        path.unlink(missing_ok=True)
        tool = causal_convert.converter(os.environ)
        if tool is None:
            return (
                f"no GGUF was written, {error}: llama.cpp's converter may know it"
                " (`freehold gguf FOLDER --fetch`)"
            )
        causal_convert.convert(tool, folder, path, numbers, os.environ)
    return ""


def modelfile(tokenizer: Any, max_tokens: int, out: Path) -> None:
    """For ``ollama create NAME -f Modelfile.txt``. Ollama knows the common chat templates by
    itself; ours it is told.
    """
    end = tokenizer.eos_token
    said = f"FROM ./{GGUF}\nPARAMETER temperature 0\nPARAMETER num_predict {max_tokens}\n"
    said += f"PARAMETER stop {json.dumps(end, ensure_ascii=False)}\n"
    if tokenizer.chat_template == TEMPLATE:
        turns = _OLLAMA.replace("END", end).replace("BEGIN", tokenizer.bos_token or "")
        said += f'TEMPLATE """{turns}"""\n'
    (out / "Modelfile.txt").write_text(said, encoding="utf-8")


def placed(making: Path, out: Path) -> tuple[str, ...]:
    """Move everything from ``making`` to ``out``; the paths, relative to it.

    Raises:
        TrainingError: a file is of no open format.
    """
    files = sorted(p.relative_to(making) for p in making.rglob("*") if p.is_file())
    odd = [str(path) for path in files if path.suffix not in _OPEN]
    if odd:
        raise TrainingError(f"this would not be an open format: {', '.join(odd)}")
    for path in files:
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (making / path).replace(out / path)
    shutil.rmtree(making)
    return tuple(path.as_posix() for path in files)


def _write(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
