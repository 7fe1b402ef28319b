"""Detectors that a bundle brings along or calls in: guards, classifiers, installed packages."""

from typing import Annotated, Literal

from pydantic import Field

from freehold.bundle.section import Identifier, LateName, ModeName, Section

Phase = Literal["request", "context", "answer"]
Action = Literal["redact", "block", "annotate"]
Option = str | int | float | bool | list[str]


class Guard(Section):
    """A model that judges whole texts. It is called for each new text, so it costs time and money;
    what it is not cleared for is replaced before it reads.
    """

    model: str = Field(description="One of `models`.")
    style: Literal["llama-guard", "yes-no", "json", "moderation"] = Field(
        "llama-guard",
        description="How it answers: `safe` or `unsafe` and categories; `yes` or `no`; a JSON "
        "object; or the moderations endpoint.",
    )
    prompt: str = Field(
        "",
        max_length=20_000,
        description="For `yes-no` and `json`: what to look for. `yes` means that it is there.",
    )
    categories: dict[str, Identifier] = Field(
        {},
        description="Its categories → labels of ours; with `json`, the only ones that it may say.",
    )
    ignore: list[str] = Field([], description="Categories that do not count.")
    label: Identifier = Field("unsafe", description="The label of every other category.")
    deadline_ms: int = Field(
        2_000, ge=10, le=60_000, description="For all that it reads in one step; later is too late."
    )
    max_chars: int = Field(
        8_000, ge=200, le=100_000, description="A longer text is judged in parts of this length."
    )
    max_parts: int = Field(8, ge=1, le=64, description="A text of more parts is not judged at all.")


class Classifier(Section):
    """A head that `freehold detector train` made, in a file of the bundle."""

    file: Annotated[str, Field(min_length=1, max_length=500)] = Field(
        description="Its path in the bundle's folder: `models/complaint.safetensors`."
    )
    label: Identifier | None = Field(
        None, description="The one label of it that counts; all, if left out."
    )


class Installed(Section):
    """A detector from an installed package (entry points `freehold.detectors`), or one of the
    optional adapters `presidio.pii` and `gliner.pii`. It runs in threads of its own.
    """

    label: Identifier | None = Field(
        None, description="The label of all that it finds; its own, if left out."
    )
    deadline_ms: int = Field(
        1_000, ge=10, le=60_000, description="For all that it reads in one step; later is too late."
    )
    options: dict[str, Option] = Field({}, description="What it is made with.")


class OwnDetector(Section):
    """One of `guard`, `classifier` and `installed`, and how it is used wherever `detectors` in the
    settings of a tenant or an app says nothing else.
    """

    guard: Guard | None = Field(None, description="A model judges.")
    classifier: Classifier | None = Field(None, description="A trained head judges.")
    installed: Installed | None = Field(None, description="An installed package finds.")
    mode: ModeName = Field(
        "enforce", description="`observe` only records what would have happened."
    )
    action: Action | None = Field(
        None, description="`block` for what judges whole texts, `redact` for others, if left out."
    )
    threshold: float = Field(0.5, ge=0, le=1, description="The score from which a finding counts.")
    phases: list[Phase] = Field(
        ["request", "context", "answer"],
        description="The texts that it reads; none, until settings say which.",
    )
    late: LateName = Field(
        "buffer", description="As under `settings.detectors`: what a streamed answer waits for."
    )
    description: str = Field("", description="For people.")

    @property
    def judges(self) -> bool:
        """Whether what it finds is a judgement about a text rather than a value in it."""
        return self.installed is None

    @property
    def acts(self) -> Action:
        """What follows a finding."""
        return self.action or ("block" if self.judges else "redact")
