"""What mirrors of checkpoints mean: whether they can be, and what they are to the gateway."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from pathlib import PurePath, PurePosixPath, PureWindowsPath

from freehold.bundle import schema
from freehold.bundle.mirrors import Mirror
from freehold.bundle.problems import Problems, one_of
from freehold.bundle.tree import Tree, shown
from freehold.bundle.urls import split
from freehold.core.mirrors import MirrorKind, MirrorSpec

_KINDS: tuple[MirrorKind, ...] = ("file", "webhook", "witness")
_NEEDS = {"webhook": "secret", "witness": "key"}
_VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)")
_COSIGNATURE = 0x04
_KEY_BYTES = 32


def mirror_specs(bundle: schema.Bundle) -> tuple[MirrorSpec, ...]:
    """Where this bundle's checkpoints go."""
    return tuple(_spec(mirror) for mirror in bundle.ledger.mirrors)


def _spec(mirror: Mirror) -> MirrorSpec:
    found = {kind: getattr(mirror, kind) for kind in _KINDS}
    kind, target = next((kind, said) for kind, said in found.items() if said is not None)
    return MirrorSpec(
        label=mirror.name or _label(kind, target),
        kind=kind,
        target=target.rstrip("/") if kind == "witness" else target,
        secret=mirror.secret or "",
        key=mirror.key or "",
        every_s=mirror.every_s,
        late_s=mirror.late_s,
        alert=mirror.alert,
    )


def _label(kind: MirrorKind, target: str) -> str:
    """A name without what may be secret: an address's path, say."""
    if kind == "file":
        return f"file:{_path(target).name}"
    parts = split(target)
    return f"{kind}:{parts.hostname if parts is not None else '?'}"


def _path(text: str) -> PurePath:
    windows = PureWindowsPath(text)
    return windows if windows.drive else PurePosixPath(text)


def check_mirrors(root: Tree, problems: Problems) -> None:
    """Each mirror is one thing, has what that needs, and a name of its own."""
    labels: dict[str, int] = {}
    for number, tree in enumerate(root.section("ledger", "mirrors").items()):
        if not isinstance(tree.value, dict):
            continue
        path = ("ledger", "mirrors", number)
        said = [kind for kind in _KINDS if tree.get(kind) is not None]
        if len(said) != 1:
            problems.add(
                "ledger.mirror",
                tree.spot,
                f"this mirror is {'nothing' if not said else 'several things'}",
                path=path,
                suggestion=f"give each its own `-`: {one_of(_KINDS)}",
            )
            continue
        _check_parts(tree, said[0], path, problems)
        target = tree.text(said[0])
        if target is None:
            continue
        label = tree.text("name") or _label(said[0], target)
        if labels.setdefault(label, number) != number:
            problems.add(
                "ledger.twice",
                tree.spot,
                f"mirror {labels[label] + 1} is called {shown(label)}, too",
                path=path,
                suggestion="give one of them another `name:`",
            )


def _check_parts(
    tree: Tree, kind: MirrorKind, path: tuple[str | int, ...], problems: Problems
) -> None:
    needs = _NEEDS.get(kind)
    if needs is not None and tree.get(needs) is None:
        problems.add(
            f"ledger.{needs}",
            tree.key_spot(kind),
            f"a {kind} needs `{needs}`",
            path=path,
            suggestion="add `secret: env:NAME`, with which what is sent is signed"
            if needs == "secret"
            else "add the `key:` that `freehold witness show` prints where the witness runs",
        )
    for other, key in _NEEDS.items():
        if other != kind and (extra := tree.get(key)) is not None:
            problems.add(
                f"ledger.{key}",
                tree.key_spot(key),
                f"`{key}` is of no use to a {kind}",
                path=(*path, key),
                suggestion="remove it" if extra.value is not None else "",
            )
    target, vkey = tree.text(kind), tree.text("key")
    if kind == "file" and target is not None and not _path(target).is_absolute():
        problems.add(
            "ledger.path",
            tree.section(kind).spot,
            f"{shown(target)} is no absolute path",
            path=(*path, kind),
            suggestion="begin with `/`: a path must mean the same wherever the gateway starts",
        )
    if kind == "witness" and vkey is not None and (why := vkey_fault(vkey)):
        problems.add(
            "ledger.key",
            tree.section("key").spot,
            f"{shown(vkey)} is no verifier key of a witness: {why}",
            path=(*path, "key"),
            suggestion="`freehold witness show` prints it where the witness runs",
        )


def mirror_labels(root: Tree) -> tuple[str, ...]:
    """The names of all mirrors."""
    found = []
    for tree in root.section("ledger", "mirrors").items():
        said = [(kind, target) for kind in _KINDS if (target := tree.text(kind)) is not None]
        if len(said) == 1:
            found.append(tree.text("name") or _label(*said[0]))
    return tuple(found)


def vkey_fault(vkey: str) -> str:
    """What is wrong with a witness's vkey (C2SP signed-note, cosignature/v1); empty if nothing."""
    match = _VKEY.fullmatch(vkey)
    if match is None:
        return "it is `NAME+ID+KEY`"
    name, given, encoded = match.groups()
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return "its last part is no base64"
    if len(key) != _KEY_BYTES + 1 or key[0] != _COSIGNATURE:
        return "it is of a log or of another kind, not a cosigner's Ed25519 key"
    if hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] != given:
        return "its parts do not belong together: something was left out or changed"
    return ""


def reached(root: Tree) -> Iterator[tuple[tuple[str | int, ...], Tree, MirrorKind]]:
    """Mirrors behind an address: path, tree, and the key under which it stands."""
    for number, tree in enumerate(root.section("ledger", "mirrors").items()):
        for kind in ("webhook", "witness"):
            if tree.text(kind) is not None:
                yield ("ledger", "mirrors", number), tree, kind
