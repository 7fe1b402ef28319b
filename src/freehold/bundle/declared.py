"""Every name that a bundle declares."""

from collections.abc import Collection, Iterator

from freehold.bundle.names import BUILT_IN_LABELS, REDACTABLE_LABELS
from freehold.bundle.tree import Tree


class Names:
    """Everything that the bundle declares, by kind."""

    def __init__(self, root: Tree, detector_ids: Collection[str]) -> None:
        def declared(*section: str) -> dict[str, Tree]:
            return dict(root.section(*section).entries())

        self.models = declared("models")
        self.custom = declared("custom_models")
        self.usable = {**self.models, **self.custom}
        self.routes = declared("routes")
        self.sources = declared("sources")
        self.rules = declared("rules")
        self.invariants = declared("invariants")
        self.metrics = declared("metrics")
        self.tenants = declared("tenants")
        self.apps = declared("apps")
        self.attributes = declared("identity", "attributes")
        self.labels = frozenset(declared("labels")) | REDACTABLE_LABELS
        self.found_labels = self.labels | BUILT_IN_LABELS
        self.detectors = frozenset(detector_ids)

    def instead(self, custom: str) -> str:
        """What to do where a custom model stands among models that must always be there."""
        routes = ", ".join(f"`{word}`" for _, _, word in words(self.custom[custom], "routes"))
        where = f"stands before all candidates of {routes}" if routes else "stands on its `routes`"
        return f"`{custom}` is a custom model and {where} once it is live: take it out here"


def words(tree: Tree, key: str) -> Iterator[tuple[int, Tree, str]]:
    """The strings of a list, each with its index and place; other items are shape errors."""
    listed = tree.get(key)
    for index, item in enumerate(listed.items() if listed is not None else []):
        if isinstance(item.value, str):
            yield index, item, item.value
