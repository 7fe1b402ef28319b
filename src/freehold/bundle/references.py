"""What one section says about another: every name that is used must be declared, and be used."""

from collections.abc import Collection
from urllib.parse import urlsplit

from freehold.bundle.declared import Names, words
from freehold.bundle.names import matches
from freehold.bundle.problems import Problems, did_you_mean, nearest, one_of
from freehold.bundle.tree import Tree, shown
from freehold.bundle.unread import Unread
from freehold.bundle.urls import is_loopback

Path = tuple[str | int, ...]


class References:
    """Checks every name against what is declared, and notes which ones are used."""

    def __init__(self, root: Tree, names: Names, unread: Unread, problems: Problems) -> None:
        self.root = root
        self.names = names
        self.unread = unread
        self.whole = unread.whole
        self.problems = problems
        self.used: dict[str, set[str]] = {
            kind: set() for kind in ("model", "route", "source", "rule")
        }

    def check(self) -> None:
        """All references, then what nothing refers to."""
        for name, tree in self.names.models.items():
            self._all("label", tree, ("models", name), "clearances", self.names.labels)
        for name, tree in self.names.routes.items():
            self._route(name, tree)
        for name, tree in self.names.metrics.items():
            self._metric(name, tree)
        for name, tree in self.names.sources.items():
            self._all("label", tree, ("sources", name), "labels", self.names.labels)
        for name, tree in self.names.rules.items():
            self._rule(name, tree)
        for name, tree in self.names.invariants.items():
            self._all("app", tree, ("invariants", name), "apps", self.names.apps)
        for name, tree in self.names.tenants.items():
            self._all("rule", tree, ("tenants", name), "rules", self.names.rules)
            self._settings(tree, ("tenants", name))
        for name, tree in self.names.apps.items():
            self._app(name, tree)
        for name, tree in self.root.section("detectors").entries():
            self._one("model", tree.section("guard"), ("detectors", name, "guard"), "model",
                      self.names.models)  # fmt: skip
        for name, tree in self.root.section("identity", "issuers").entries():
            self._issuer(name, tree)
        if self.whole:
            self._unused()

    def _known(self, kind: str, word: str, known: Collection[str], at: Tree, path: Path) -> bool:
        if kind in self.used:
            self.used[kind].add(word)
        if word in known:
            return True
        if not self.unread.may_declare(word, known):
            near = nearest(word, known) or nearest(word, self.unread.keys)
            suggestion = f"there is {one_of(known)}" if known else ""
            if kind == "model" and word in self.names.custom:
                suggestion = self.names.instead(word)
            elif near is not None:
                suggestion = f"did you mean `{near}`?"
                self.used.get(kind, set()).add(near)  # one mistake, so no warning that it is unused
            self.problems.add(
                f"ref.{kind}",
                at.spot,
                f"unknown {kind} {shown(word)}{self.unread.remark}",
                path=path,
                suggestion=suggestion,
            )
        return False

    def _all(self, kind: str, tree: Tree, path: Path, key: str, known: Collection[str]) -> None:
        for index, item, word in words(tree, key):
            self._known(kind, word, known, item, (*path, key, index))

    def _one(self, kind: str, tree: Tree, path: Path, key: str, known: Collection[str]) -> bool:
        at, word = tree.get(key), tree.text(key)
        if at is None or word is None:
            return False
        return self._known(kind, word, known, at, (*path, key))

    def _route(self, name: str, tree: Tree) -> None:
        path: Path = ("routes", name)
        self._all("model", tree, path, "candidates", self.names.models)
        candidates = {word for _, _, word in words(tree, "candidates")}
        misspelt = candidates - self.names.models.keys()
        self._cascade(name, tree, candidates)
        for number, rule in enumerate(tree.section("rules").items()):
            here = (*path, "rules", number)
            lists = [key for key in ("prefer", "only", "exclude") if rule.get(key) is not None]
            for key in lists:
                self._candidates(name, rule, key, here, candidates, misspelt)
            if isinstance(rule.value, dict) and not lists:
                self.problems.add(
                    "route.rule",
                    rule.spot,
                    "this rule changes nothing",
                    path=here,
                    suggestion="give it `prefer`, `only` or `exclude`",
                )
        self._one("metric", tree.section("learn"), (*path, "learn"), "metric", self.names.metrics)
        self._learns(name, tree)
        for trial in ("shadow", "canary"):
            self._trial(name, tree.section(trial), (*path, trial), candidates)

    def _trial(self, name: str, tree: Tree, path: Path, candidates: set[str]) -> None:
        """What is tried must not be in use already."""
        at, word = tree.get("model"), tree.text("model")
        if self._one("model", tree, path, "model", self.names.models) and word in candidates:
            self.problems.add(
                "route.trial",
                (at or tree).spot,
                f"`{word}` is a candidate of route `{name}` already",
                path=(*path, "model"),
                suggestion="take it out of `candidates`, or out of here",
            )

    def _candidates(
        self, name: str, rule: Tree, key: str, at: Path, candidates: set[str], misspelt: set[str]
    ) -> None:
        """What a route's rule names must be among its candidates."""
        custom = self.names.custom.items()
        trained = {n for n, t in custom if name in (w for _, _, w in words(t, "routes"))}
        for index, item, word in words(rule, key):
            here = (*at, key, index)
            if word in trained:
                continue
            known = self._known("model", word, self.names.models, item, here)
            meant = any(nearest(candidate, [word]) for candidate in misspelt)
            if known and word not in candidates and not meant:
                self.problems.add(
                    "route.candidate",
                    item.spot,
                    f"`{word}` is no candidate of route `{name}`",
                    path=here,
                    suggestion="add it to `candidates`",
                )

    def _learns(self, name: str, tree: Tree) -> None:
        """A route that is to learn needs a metric to learn from."""
        objective = tree.section("objective")
        named = tree.section("learn").text("metric")
        if objective.text("policy") != "learned" or named or len(self.names.metrics) == 1:
            return
        if self.whole:
            several = bool(self.names.metrics)
            self.problems.add(
                "route.metric",
                objective.key_spot("policy"),
                f"route `{name}` is to learn, and "
                + ("does not say from which metric" if several else "there is no metric"),
                path=("routes", name, "objective", "policy"),
                suggestion="write `learn: {metric: …}`"
                if several
                else "declare one: `metrics: {solved: {type: boolean}}`",
            )

    def _metric(self, name: str, tree: Tree) -> None:
        """A metric that is a number has room between its ends."""
        ends = [end.value for key in ("min", "max") if (end := tree.get(key)) is not None]
        least, most = tree.get("min"), tree.get("max")
        low, high = (least.value if least else 0), (most.value if most else 1)
        numbers = isinstance(low, int | float) and isinstance(high, int | float)
        if tree.text("type") == "float" and numbers and low >= high:  # type: ignore[operator]
            self.problems.add(
                "metric.range",
                (most or least or tree).spot,
                f"metric `{name}` has no value between {low} and {high}",
                path=("metrics", name, "max" if most else "min"),
                suggestion="let `max` be greater than `min`",
            )
        if tree.text("type") != "float" and ends:
            self.problems.add(
                "metric.range",
                (least or most or tree).spot,
                f"metric `{name}` is true or false, so it has no `min` and no `max`",
                path=("metrics", name, "min" if least else "max"),
                suggestion="write `type: float`, or leave them out",
            )

    def _cascade(self, name: str, tree: Tree, candidates: set[str]) -> None:
        """What is checked must be a candidate, and somebody else there to be asked."""
        cascade, path = tree.section("cascade"), ("routes", name, "cascade")
        for index, item, word in words(cascade, "models"):
            known = self._known("model", word, self.names.models, item, (*path, "models", index))
            if known and word not in candidates:
                self.problems.add(
                    "route.candidate",
                    item.spot,
                    f"`{word}` is no candidate of route `{name}`",
                    path=(*path, "models", index),
                    suggestion="add it to `candidates`",
                )
        small = {word for _, _, word in words(cascade, "models")}
        if tree.get("cascade") is not None and (len(candidates) < 2 or candidates <= small):
            self.problems.add(
                "route.cascade",
                tree.key_spot("cascade"),
                f"route `{name}` has no candidate to ask where an answer is in doubt",
                path=path,
                suggestion="add a larger model to `candidates`",
            )

    def _rule(self, name: str, tree: Tree) -> None:
        for number, do in enumerate(tree.section("do").items()):
            redact = do.section("redact")
            at: Path = ("rules", name, "do", number, "redact")
            self._all("label", redact, at, "labels", self.names.found_labels)
            self._obligation(do, ("rules", name, "do", number))
        for number, test in enumerate(tree.section("tests").items()):
            path: Path = ("rules", name, "tests", number)
            self._one("app", test, path, "app", self.names.apps)
            self._one("tenant", test, path, "tenant", self.names.tenants)
            self._all("source", test, path, "failed", self.names.sources)
            for source, given in test.section("context").entries():
                here = (*path, "context", source)
                self._known("source", source, self.names.sources, given, here)

    def _obligation(self, do: Tree, path: Path) -> None:
        """One thing, and said in full; only `block:` needs no more than its name."""
        stands = [key for key, _ in do.entries()]
        if not isinstance(do.value, dict):
            return
        if len(stands) != 1:
            said = "says nothing" if not stands else f"says {len(stands)} things at once"
            self.problems.add(
                "rule.obligation",
                do.spot,
                f"this obligation {said}",
                path=path,
                suggestion="give each obligation its own `-`",
            )
        for key, value in do.entries():
            if value.value is None and key in {"require_approval", "rewrite", "redact", "annotate"}:
                self.problems.add(
                    "shape.empty",
                    do.key_spot(key),
                    f"`{key}` has no value",
                    path=(*path, key),
                    suggestion=f"see `{key}` in the reference",
                )

    def _app(self, name: str, tree: Tree) -> None:
        path: Path = ("apps", name)
        self._one("tenant", tree, path, "tenant", self.names.tenants)
        for key, capability in (("route", "chat"), ("embedding_route", "embedding")):
            if self._one("route", tree, path, key, self.names.routes):
                self._capable(str(tree.text(key)), capability, f"app `{name}`")
        self._all("source", tree, path, "sources", self.names.sources)
        self._all("rule", tree, path, "rules", self.names.rules)
        for alias, target in tree.section("aliases").entries():
            if isinstance(target.value, str):
                here = (*path, "aliases", alias)
                self._known("model", target.value, self.names.usable, target, here)
        self._examples(tree.section("scope"), (*path, "scope"))
        self._settings(tree, path)

    def _examples(self, scope: Tree, path: Path) -> None:
        """Examples have a word in them, and none stands on both sides."""
        inside = {word.strip().casefold() for _, _, word in words(scope, "in")}
        for key in ("in", "out"):
            for index, item, word in words(scope, key):
                wrong = "" if any(map(str.isalnum, word)) else "has no word in it"
                if key == "out" and word.strip().casefold() in inside:
                    wrong = "stands under `in` too"
                if wrong:
                    self.problems.add(
                        "scope.example",
                        item.spot,
                        f"the example {shown(word)} {wrong}",
                        path=(*path, key, index),
                        suggestion="take it out",
                    )

    def _capable(self, route: str, capability: str, user: str) -> None:
        """Every candidate of a route must be able to do what the app needs it for."""
        for index, item, word in words(self.names.routes[route], "candidates"):
            model = self.names.models.get(word)
            given = model.get("capabilities") if model is not None else None
            can = [c.value for c in given.items()] if given is not None else ["chat"]
            if model is not None and capability not in can:
                self.problems.add(
                    "route.capability",
                    item.spot,
                    f"model `{word}` has no capability `{capability}`, which {user} needs of "
                    f"route `{route}`",
                    path=("routes", route, "candidates", index),
                    suggestion=f"add `{capability}` to its `capabilities`, or take it out",
                )

    def _settings(self, tree: Tree, path: Path) -> None:
        settings, path = tree.section("settings"), (*path, "settings")
        self._all("model", settings, path, "models", self.names.usable)
        regions = {m.text("region") for m in self.names.models.values()} - {None, ""}
        for index, item, word in words(settings, "regions"):
            if word not in regions and self.whole:
                self.problems.warn(
                    "region.unused",
                    item.spot,
                    f"no model computes in the region {shown(word)}",
                    path=(*path, "regions", index),
                    suggestion=did_you_mean(word, filter(None, regions)),
                )
        detectors = settings.section("detectors")
        for pattern, _ in detectors.entries():
            if not any(matches(pattern, known) for known in self.names.detectors):
                families = {f"{known.split('.')[0]}.*" for known in self.names.detectors}
                suggestion = did_you_mean(pattern, self.names.detectors | families)
                self.problems.add(
                    "ref.detector",
                    detectors.key_spot(pattern),
                    f"unknown detector {shown(pattern)}",
                    path=(*path, "detectors", pattern),
                    suggestion=suggestion or f"families: {one_of(families)}",
                )

    def _issuer(self, name: str, tree: Tree) -> None:
        path: Path = ("identity", "issuers", name)
        self._one("tenant", tree, path, "tenant", self.names.tenants)
        claims = tree.section("attribute_claims")
        for attribute, _ in claims.entries():
            if attribute not in self.names.attributes and not self.unread.may_declare(
                attribute, self.names.attributes
            ):
                self.problems.add(
                    "ref.attribute",
                    claims.key_spot(attribute),
                    f"undeclared attribute {shown(attribute)}{self.unread.remark}",
                    path=(*path, "attribute_claims", attribute),
                    suggestion=did_you_mean(attribute, self.names.attributes)
                    or "declare it under `identity.attributes`",
                )
        at, where = tree.get("jwks"), tree.text("jwks")
        if at is not None and where is not None and not where.startswith(("file:", "https://")):
            host = urlsplit(where).hostname or ""
            if not (where.startswith("http://") and is_loopback(host)):
                self.problems.add(
                    "identity.jwks",
                    at.spot,
                    "keys that tokens are verified with must come from a file or over https",
                    path=(*path, "jwks"),
                    suggestion="write `file:path` or `https://…`",
                )

    def _unused(self) -> None:
        sections = (
            ("model", self.names.models),
            ("route", self.names.routes),
            ("source", self.names.sources),
            ("rule", self.names.rules),
        )
        for app in self.names.apps.values():
            for key in ("route", "embedding_route"):
                self.used["route"].add(app.text(key) or "")
        for kind, declared in sections:
            section = self.root.section(f"{kind}s")
            for name in declared:
                if name not in self.used[kind]:
                    self.problems.warn(
                        f"unused.{kind}",
                        section.key_spot(name),
                        f"{kind} `{name}` is never used",
                        path=(f"{kind}s", name),
                        suggestion="name it where it should hold, or remove it",
                    )
