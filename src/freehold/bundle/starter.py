"""``freehold init``: a small bundle that explains itself, ready to run."""

from importlib.resources import files
from pathlib import Path
from typing import Literal

from freehold.bundle.emit import shipped_schema
from freehold.bundle.problems import did_you_mean
from freehold.core.errors import BundleError

Provider = Literal["simulator", "openai", "ollama"]
PROVIDERS: tuple[Provider, ...] = ("simulator", "openai", "ollama")

SCHEMA_COPY = ".freehold-schema.json"
"""Beside the YAML files, so that editors find it offline and for everyone who has the folder."""

_DEFAULT_LOCAL_MODEL = "llama3.2"


def write_starter(
    folder: Path, provider: str, *, simulator_url: str = "", local_model: str = ""
) -> tuple[Path, ...]:
    """Write a starter bundle that passes ``check``, with one warning: nobody can approve yet.

    Args:
        provider: ``simulator``, ``openai`` or ``ollama``.
        simulator_url: where the simulator is, if not at ``http://127.0.0.1:8091/v1``.
        local_model: the model that Ollama serves, as ``ollama list`` shows it.

    Returns:
        The files that were written.

    Raises:
        BundleError: the folder has something in it already, can't be written, or the provider is
            unknown.
    """
    if provider not in PROVIDERS:
        hint = did_you_mean(provider, PROVIDERS)
        raise BundleError(f"no starter for `{provider[:40]}`" + (f"; {hint}" if hint else ""))
    source = files("freehold.bundle") / "starter"
    texts = {
        name: (source / template).read_text(encoding="utf-8")
        for name, template in (
            ("freehold.yaml", "freehold.yaml"),
            ("models.yaml", f"models.{provider}.yaml"),
            ("apps.yaml", "apps.yaml"),
            ("rules.yaml", "rules.yaml"),
        )
    }
    texts[SCHEMA_COPY] = shipped_schema()
    models = texts["models.yaml"].replace("@MODEL@", local_model or _DEFAULT_LOCAL_MODEL)
    if simulator_url:
        models = models.replace("http://127.0.0.1:8091/v1", simulator_url)
    texts["models.yaml"] = models
    if provider == "openai":
        texts["apps.yaml"] = texts["apps.yaml"].replace(
            "    route: default\n", "    route: default\n    embedding_route: embeddings\n"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BundleError(f"{folder} is not empty; nothing was written")
        for name, text in texts.items():
            with (folder / name).open("x", encoding="utf-8", newline="\n") as handle:
                handle.write(text)
    except OSError as error:
        raise BundleError(f"{folder} can't be written: {error.strerror or error}") from None
    return tuple(folder / name for name in texts)
