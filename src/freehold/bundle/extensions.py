"""Detectors that a bundle declares: one kind each, all there that they need, no name twice."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping

from pydantic import ValidationError

from freehold.bundle.declared import Names
from freehold.bundle.detectors import OwnDetector
from freehold.bundle.problems import Problems, did_you_mean, one_of
from freehold.bundle.tree import Tree, shown

Inspect = Callable[[str, OwnDetector, Mapping[str, bytes]], str | None]
"""From a detector's id, its declaration and the bundle's files to what is wrong with it."""

KINDS = ("guard", "classifier", "installed")
_ASKS = frozenset({"yes-no", "json"})
_SLUG = re.compile(r"[a-z][a-z0-9_.-]{0,47}", re.IGNORECASE)


def check_detectors(
    root: Tree,
    names: Names,
    files: Mapping[str, bytes],
    shipped: Collection[str],
    inspect: Inspect | None,
    problems: Problems,
) -> None:
    """Every declared detector by itself, then how settings use those that judge whole texts."""
    section = root.section("detectors")
    for name, tree in section.entries():
        path = ("detectors", name)
        before = len(problems)
        kind = _kind(name, tree, section, problems)
        if name in shipped:
            problems.add(
                "detector.name",
                section.key_spot(name),
                f"Freehold ships a detector `{name}` already",
                path=path,
                suggestion="give yours another id, or change its use under `settings.detectors`",
            )
        if kind == "guard":
            _check_guard(tree.section("guard"), (*path, "guard"), names, problems)
        if kind == "classifier":
            _check_file(tree.section("classifier"), (*path, "classifier"), files, problems)
        declared = _valid(tree) if len(problems) == before and kind else None
        if declared is not None and inspect is not None:
            wrong = inspect(name, declared, files)
            if wrong:
                problems.add(f"detector.{kind}", tree.spot, wrong, path=(*path, kind))
    for tree, owner in _uses(root, names):
        _check_uses(tree, owner, section, problems)


def _kind(name: str, tree: Tree, section: Tree, problems: Problems) -> str:
    stated = [kind for kind in KINDS if tree.get(kind) is not None]
    if len(stated) == 1 and isinstance(tree.section(stated[0]).value, dict):
        return stated[0]
    if isinstance(tree.value, dict) and len(stated) != 1:
        said = "is nothing yet" if not stated else f"is {len(stated)} things at once"
        problems.add(
            "detector.kind",
            section.key_spot(name),
            f"detector `{name}` {said}",
            path=("detectors", name),
            suggestion=f"give it one of {one_of(KINDS)}",
        )
    return ""


def _valid(tree: Tree) -> OwnDetector | None:
    try:
        return OwnDetector.model_validate(tree.plain(), strict=True)
    except ValidationError:
        return None  # its shape has messages of its own


def _check_guard(guard: Tree, path: tuple[str, ...], names: Names, problems: Problems) -> None:
    style = guard.text("style") or "llama-guard"
    at, model = guard.get("model"), names.models.get(guard.text("model") or "")
    needed = {"moderation": ["moderation"], "json": ["chat", "json"]}.get(style, ["chat"])
    if at is not None and model is not None:
        given = model.get("capabilities")
        can = [c.value for c in given.items()] if given is not None else ["chat", "json"]
        for wanted in needed:
            if wanted not in can:
                problems.add(
                    "detector.guard",
                    at.spot,
                    f"model `{guard.text('model')}` has no capability `{wanted}`, which a guard of "
                    f"style `{style}` needs",
                    path=(*path, "model"),
                    suggestion=f"add `{wanted}` to its `capabilities`",
                )
    prompt = guard.text("prompt") or ""
    if style in _ASKS and not prompt.strip():
        problems.add(
            "detector.guard",
            guard.spot,
            f"a guard of style `{style}` needs a `prompt` that says what to look for",
            path=path,
            suggestion="add `prompt: Does the text …?`",
        )
    if style not in _ASKS and prompt:
        problems.warn(
            "detector.guard",
            guard.key_spot("prompt"),
            f"a guard of style `{style}` has no use for a `prompt`",
            path=(*path, "prompt"),
            suggestion="remove it, or take the style `yes-no` or `json`",
        )
    for category, value in guard.section("categories").entries():
        if not _SLUG.fullmatch(category.replace("/", "_").replace(" ", "_")):
            problems.add(
                "detector.guard",
                value.spot,
                f"{shown(category)} can be no category",
                path=(*path, "categories", category),
            )


def _check_file(
    classifier: Tree, path: tuple[str, ...], files: Mapping[str, bytes], problems: Problems
) -> None:
    at, file = classifier.get("file"), classifier.text("file")
    if at is not None and file is not None and file not in files:
        heads = [name for name in files if name.endswith(".safetensors")]
        problems.add(
            "detector.file",
            at.spot,
            f"the bundle has no file {shown(file)}",
            path=(*path, "file"),
            suggestion=did_you_mean(file, heads)
            or "copy it into the bundle's folder; the path begins there",
        )


def _uses(root: Tree, names: Names) -> Iterator[tuple[Tree, tuple[str, ...]]]:
    yield root, ("detectors",)
    for kind, trees in (("tenants", names.tenants), ("apps", names.apps)):
        for name, tree in trees.items():
            yield tree.section("settings"), (kind, name, "settings", "detectors")


def _check_uses(tree: Tree, path: tuple[str, ...], own: Tree, problems: Problems) -> None:
    """What judges a whole text can't have a value cut out of it."""
    for name, use in tree.section("detectors").entries():
        declared = own.section(name)
        judges = any(declared.get(kind) is not None for kind in ("guard", "classifier"))
        action = use.get("action")
        if judges and action is not None and action.value == "redact":
            problems.add(
                "detector.action",
                action.spot,
                f"`{name}` judges whole texts, so there is nothing to redact",
                path=(*path, name, "action"),
                suggestion="write `block` or `annotate`",
            )
