"""Queues as the bundle's YAML has them: which cases people label, and what they are asked."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from freehold.bundle.declared import Names, words
from freehold.bundle.problems import Problems, did_you_mean
from freehold.bundle.section import Identifier, Section
from freehold.bundle.tree import Tree, shown
from freehold.core.cases import ReasonKind
from freehold.core.decisions import MILLION
from freehold.core.labels import QueueSpec

MAX_GUIDELINE = 100_000


class Rating(Section):
    """A number that is asked for."""

    min: int = Field(1, ge=0, le=1_000, description="The worst.")
    max: int = Field(5, ge=1, le=1_000, description="The best.")

    @model_validator(mode="after")
    def _ascending(self) -> "Rating":
        if self.min >= self.max:
            raise ValueError("`min` must be less than `max`")
        return self


class Queue(Section):
    """Cases that people look at, one after the other."""

    title: str = Field("", description="Its name for people.")
    skill: str = Field("", description="What whoever labels must know: `returns`, say.")
    apps: list[str] = Field(min_length=1, description="The apps whose cases come here.")
    reasons: list[ReasonKind] = Field(
        [], description="Only cases that were captured for one of these; all, if left out."
    )
    intents: list[Identifier] = Field(
        [], description="Only questions with one of these intents; all, if left out."
    )
    tenant: Identifier | None = Field(
        None, description="Only cases of this tenant and those below it."
    )
    ask: list[Literal["answer", "intent", "rating"]] = Field(
        ["answer"], min_length=1, description="What people are asked for."
    )
    classes: list[Identifier] = Field(
        [],
        max_length=1_000,
        description="What may be chosen where `intent` is asked for; default: the intents of the "
        "apps.",
    )
    rating: Rating = Field(
        Rating(), description="Where `rating` is asked for: from where to where."
    )
    guideline: str = Field("", max_length=MAX_GUIDELINE, description="How to decide, for people.")
    guideline_file: str | None = Field(
        None, min_length=1, max_length=500, description="The same in a file of the bundle."
    )
    overlap: int = Field(1, ge=1, le=20, description="How many people label a case.")
    overlap_share: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0, description="Of how many cases; one person labels each of the others."
    )
    second_read: Literal["blind", "open"] = Field(
        "blind",
        description="Whether those who label a case later see what was said of it before.",
    )
    gold_share: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.0,
        description="How much of everybody's work is cases whose answer is known, unmarked, which "
        "say how reliable each of them is.",
    )
    per_day: int = Field(
        0, ge=0, le=1_000_000, description="Labels in a day (UTC), of all people; 0: no bound."
    )
    reserve_minutes: int = Field(
        15, ge=1, le=1_440, description="How long somebody may have a case in hand."
    )
    skips: int = Field(
        2, ge=1, le=20, description="After so many people could not tell, an adjudicator is asked."
    )
    labelers: str = Field("", description="The role that labelling takes; default: none.")
    adjudicators: str = Field(
        "", description="The role that deciding between labels takes; default: `labelers`'."
    )
    identity: Literal["named", "verified"] = Field(
        "named",
        description="Whether at the terminal a name will do (`--as`), which the ledger calls "
        "unverified, or an identity token is wanted there as everywhere.",
    )


def queue_specs(
    queues: Mapping[str, Queue],
    files: Mapping[str, bytes],
    intents_of: Mapping[str, Sequence[str]],
) -> dict[str, QueueSpec]:
    """The queues, with what apps and files say of them; ``intents_of`` has the apps' intents."""
    return {name: _spec(name, queue, files, intents_of) for name, queue in queues.items()}


def _spec(
    name: str,
    queue: Queue,
    files: Mapping[str, bytes],
    intents_of: Mapping[str, Sequence[str]],
) -> QueueSpec:
    text = queue.guideline
    if queue.guideline_file is not None:
        text = files.get(queue.guideline_file, b"").decode("utf-8-sig", "replace")
    classes = queue.classes or [i for app in queue.apps for i in intents_of.get(app, ())]
    return QueueSpec(
        name=name,
        title=queue.title or name,
        skill=queue.skill,
        apps=tuple(queue.apps),
        reasons=tuple(queue.reasons),
        intents=tuple(queue.intents),
        tenant=queue.tenant or "",
        ask=tuple(dict.fromkeys(queue.ask)),
        classes=tuple(dict.fromkeys(classes)) if "intent" in queue.ask else (),
        least=queue.rating.min * MILLION,
        most=queue.rating.max * MILLION,
        guideline=text,
        digest=f"sha256:{sha256(text.encode()).hexdigest()}" if text else "",
        overlap=queue.overlap,
        share=round(Decimal(repr(queue.overlap_share)) * MILLION),
        gold_share=round(Decimal(repr(queue.gold_share)) * MILLION),
        blind=queue.second_read == "blind",
        per_day=queue.per_day,
        reserve_minutes=queue.reserve_minutes,
        skips=queue.skips,
        labelers=queue.labelers,
        adjudicators=queue.adjudicators or queue.labelers,
        named=queue.identity == "named",
    )


def check_queues(root: Tree, names: Names, files: Mapping[str, bytes], problems: Problems) -> None:
    """What queues name is declared, and their guidelines can be read."""
    issuers = any(True for _ in root.section("identity", "issuers").entries())
    for name, tree in root.section("queues").entries():
        path = ("queues", name)
        for index, item, app in words(tree, "apps"):
            if app not in names.apps:
                problems.add(
                    "ref.app",
                    item.spot,
                    f"unknown app {shown(app)}",
                    path=(*path, "apps", index),
                    suggestion=did_you_mean(app, names.apps),
                )
        tenant = tree.text("tenant")
        if tenant is not None and tenant not in names.tenants:
            problems.add(
                "ref.tenant",
                tree.key_spot("tenant"),
                f"unknown tenant {shown(tenant)}",
                path=(*path, "tenant"),
                suggestion=did_you_mean(tenant, names.tenants),
            )
        _check_guideline(name, tree, files, problems)
        _check_classes(name, tree, names, problems)
        if tree.text("identity") == "verified" and not issuers:
            problems.add(
                "queue.identity",
                tree.key_spot("identity"),
                f"queue `{name}` wants verified identities, and nobody vouches for any",
                path=(*path, "identity"),
                suggestion="declare who signs tokens under `identity.issuers`",
            )


def _check_guideline(name: str, tree: Tree, files: Mapping[str, bytes], problems: Problems) -> None:
    file = tree.text("guideline_file")
    if file is None:
        return
    wrong = suggestion = ""
    if tree.text("guideline"):
        wrong = f"queue `{name}` has a guideline beside its file"
        suggestion = "keep one of them"
    elif file not in files:
        wrong = f"the bundle has no file {shown(file)}"
        suggestion = did_you_mean(file, list(files)) or "copy it into the bundle's folder"
    elif len(files[file]) > MAX_GUIDELINE or not _is_text(files[file]):
        wrong = f"{shown(file)} is no text of {MAX_GUIDELINE:,} bytes at most"
        suggestion = "save it as UTF-8"
    if wrong:
        problems.add(
            "queue.guideline",
            tree.key_spot("guideline_file"),
            wrong,
            path=("queues", name, "guideline_file"),
            suggestion=suggestion,
        )


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False


def _check_classes(name: str, tree: Tree, names: Names, problems: Problems) -> None:
    """Where an intent is asked for, there are some to choose from."""
    listed = tree.get("ask")
    asked: list[Any] = [item.value for item in listed.items()] if listed is not None else []
    if "intent" not in asked or tree.get("classes") is not None:
        return
    apps = [names.apps[app] for _, _, app in words(tree, "apps") if app in names.apps]
    known = any(list(app.section("intents").entries()) for app in apps)
    files = [file for app in apps if (file := app.text("intent_file")) is not None]
    if not known and not any(not file.endswith(".safetensors") for file in files):
        problems.add(
            "queue.classes",
            tree.key_spot("ask"),
            f"queue `{name}` asks for an intent, and its apps declare none that can be listed",
            path=("queues", name, "ask"),
            suggestion="add `classes: [...]`",
        )
