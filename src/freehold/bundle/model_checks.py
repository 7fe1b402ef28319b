"""Models one by one: addresses, prices, credentials, and what is in the catalogue."""

from collections.abc import Callable, Collection, Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from pydantic import ValidationError

from freehold.bundle.catalogue import find, shipped_rows
from freehold.bundle.declared import Names
from freehold.bundle.model import Local, Priced
from freehold.bundle.problems import Problems, did_you_mean, dotted
from freehold.bundle.tree import Tree, shown
from freehold.bundle.urls import DEFAULT_PORTS, is_loopback, split
from freehold.core.local import GROUP, KINDS

InspectModel = Callable[[Local, Mapping[str, bytes]], str | None]
"""From what a local model is, and the bundle's files, to what is wrong with it."""

_CACHED = frozenset({"cached_input", "cache_write"})


def check_models(
    root: Tree,
    names: Names,
    files: Mapping[str, bytes],
    inspect: InspectModel | None,
    problems: Problems,
) -> None:
    """Every model by itself, then the bundle's own catalogue."""
    own = root.section("catalogue")
    ceiling = _money_ceiling(root.plain(), ())
    currency = root.text("currency") or "USD"
    for name, model in names.models.items():
        path = ("models", name)
        row = _row(model, own, path, problems)
        if model.text("provider") == "local" or model.get("local") is not None:
            _check_local(model, path, files, inspect, problems)
        else:
            _check_address(model, path, row, problems)
        _check_credentials(
            model, path, model.text("provider") or (row.provider if row else ""), problems
        )
        _check_price(model.section("price"), (*path, "price"), problems)
        free = model.text("provider") == "local"
        if ceiling and row is None and model.get("price") is None and not free:
            problems.warn(
                "model.unpriced",
                model.spot,
                f"model `{name}` has no price, so what it costs does not count for {ceiling}",
                path=path,
                suggestion="write its `price` for a million tokens, `{input: 0, output: 0}` where"
                " it is free",
            )
        if row is not None and row.currency != currency and model.get("price") is None:
            problems.add(
                "model.currency",
                model.section("catalogue").spot,
                f"the catalogue's price is in {row.currency}, the bundle's currency is {currency}",
                path=(*path, "catalogue"),
                suggestion="write a `price` of your own",
            )
    for name, row_tree in own.entries():
        _check_price(row_tree.section("price"), ("catalogue", name, "price"), problems)


def _money_ceiling(part: Any, path: tuple[str, ...]) -> str:
    """The first ceiling of money in a bundle, where it stands; empty where there is none."""
    if not isinstance(part, dict):
        return ""
    if path and path[-1] == "limits":
        money = [key for key in part if str(key).startswith("money_")]
        return dotted((*path, money[0])) if money else ""
    found = (_money_ceiling(value, (*path, str(key))) for key, value in part.items())
    return next(filter(None, found), "")


def _row(model: Tree, own: Tree, path: tuple[str, ...], problems: Problems) -> Priced | None:
    at, name = model.get("catalogue"), model.text("catalogue")
    if at is None or name is None:
        return None
    declared = own.get(name)
    if declared is not None:
        try:
            return Priced.model_validate(declared.plain(), strict=True)
        except ValidationError:
            return None  # its shape has messages of its own
    row = find(name, {})
    if row is None:
        known = [*(key for key, _ in own.entries()), *shipped_rows()]
        problems.add(
            "ref.catalogue",
            at.spot,
            f"no row {shown(name)} in a catalogue",
            path=(*path, "catalogue"),
            suggestion=did_you_mean(name, known) or "see `freehold models prices`",
        )
    return row


def _check_address(
    model: Tree, path: tuple[str, str], row: Priced | None, problems: Problems
) -> None:
    at, url = model.get("base_url"), model.text("base_url")
    if at is None and (model.get("catalogue") is None or (row and row.base_url is None)):
        problems.add(
            "model.url",
            model.spot,
            f"model `{path[1]}` has no address",
            path=path,
            suggestion="add `base_url: https://…`",
        )
    if at is None or url is None or url.startswith("env:"):
        return
    parts = split(url)
    if parts is None or parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        problems.add(
            "model.url",
            at.spot,
            f"model `{path[1]}` needs an http(s) address",
            path=(*path, "base_url"),
        )
    elif parts.scheme == "http" and not is_loopback(parts.hostname):
        problems.warn(
            "model.plain-http",
            at.spot,
            f"model `{path[1]}` is reached over http, so others can read along",
            path=(*path, "base_url"),
            suggestion="use https where the endpoint has it",
        )


def _check_credentials(
    model: Tree, path: tuple[str, str], provider: str, problems: Problems
) -> None:
    aws = model.section("aws")
    if provider == "bedrock" and find_spec("botocore") is None:
        problems.warn(
            "model.extra",
            model.spot,
            f"model `{path[1]}` can't be called here: Bedrock needs the package botocore",
            path=path,
            suggestion="pip install 'freehold[bedrock]' where the gateway runs",
        )
    if model.get("aws") is not None and provider != "bedrock":
        problems.add(
            "model.aws",
            aws.spot,
            "`aws` is for `provider: bedrock`",
            path=(*path, "aws"),
        )
    chain = aws.get("chain")
    searched = chain is not None and chain.value is True
    keys = aws.get("access_key") is not None and aws.get("secret_key") is not None
    headers = {key.lower() for key, _ in model.section("headers").entries()}
    keyed = model.get("api_key") is not None or "authorization" in headers
    if provider == "bedrock" and not (keyed or keys or searched):
        problems.add(
            "model.aws",
            model.spot,
            f"model `{path[1]}` has no credentials",
            path=path,
            suggestion="add `api_key: env:…`, or `aws:` with `access_key` and `secret_key`, or "
            "`aws: {chain: true}`",
        )


def _check_local(
    model: Tree,
    path: tuple[str, str],
    files: Mapping[str, bytes],
    inspect: InspectModel | None,
    problems: Problems,
) -> None:
    local = model.section("local")
    if model.text("provider") != "local" or model.get("local") is None:
        problems.add(
            "model.local",
            model.spot,
            "`provider: local` and `local:` belong together",
            path=path,
            suggestion="say both, or neither",
        )
        return
    kind, kinds = local.text("kind") or "", _kinds()
    if kind and kind not in kinds:
        problems.add(
            "model.local",
            local.section("kind").spot,
            f"no kind of model {shown(kind)} is installed here",
            path=(*path, "local", "kind"),
            suggestion=did_you_mean(kind, kinds) or f"there is {', '.join(sorted(kinds))}",
        )
        return
    at, file = local.get("file"), local.text("file")
    if at is not None and file and file not in files:
        problems.add(
            "model.file",
            at.spot,
            f"the bundle has no file {shown(file)}",
            path=(*path, "local", "file"),
            suggestion=did_you_mean(file, list(files)) or "copy it into the bundle's folder",
        )
        return
    try:
        declared = Local.model_validate(local.plain(), strict=True)
    except ValidationError:
        return
    wrong = inspect(declared, files) if inspect is not None else None
    if wrong:
        problems.add("model.local", local.spot, wrong, path=(*path, "local"))


def _kinds() -> Collection[str]:
    return {*KINDS, *(entry.name for entry in entry_points(group=GROUP))}


def _check_price(price: Tree, path: tuple[str, ...], problems: Problems) -> None:
    for side, tree in price.entries():
        if side == "long":
            _check_price(tree, (*path, side), problems)
            continue
        decimals = 6 if side in _CACHED else 3
        value = tree.value
        if isinstance(value, int | float) and round(value, decimals) != value:
            problems.add(
                "model.price",
                tree.spot,
                f"a price has at most {'six' if decimals == 6 else 'three'} decimals",
                path=(*path, side),
                suggestion=f"write `{round(value, decimals):g}`",
            )
