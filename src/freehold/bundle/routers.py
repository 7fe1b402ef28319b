"""The routers that a bundle names: are they there?"""

from collections.abc import Collection, Iterator

from freehold.bundle.declared import Names
from freehold.bundle.problems import Problems, did_you_mean, one_of
from freehold.bundle.schema import Bundle
from freehold.bundle.tree import Tree

NO_ROUTER = "route.policy"


def check_routers(names: Names, router_ids: Collection[str] | None, problems: Problems) -> None:
    """Warn of each policy that is none of ``router_ids``, which are those that can be had here. A
    warning, because the bundle may run where the package is; a gateway without it refuses the
    bundle. Without any ids, nobody looks.
    """
    if router_ids is None:
        return
    for aims, path in _aims(names):
        said = aims.text("policy")
        if said is not None and said not in router_ids:
            problems.warn(
                NO_ROUTER,
                aims.key_spot("policy"),
                f"no router `{said}` is installed here; a gateway without it refuses this bundle",
                path=(*path, "policy"),
                suggestion=did_you_mean(said, router_ids)
                or f"there is {one_of(router_ids)}; packages bring others",
            )


def policies(bundle: Bundle) -> frozenset[str]:
    """The routers by which something in a bundle chooses."""
    aims = [
        *(route.objective for route in bundle.routes.values()),
        *(tenant.settings.routing for tenant in bundle.tenants.values()),
        *(app.settings.routing for app in bundle.apps.values()),
    ]
    return frozenset(aim.policy for aim in aims if aim.policy is not None)


def _aims(names: Names) -> Iterator[tuple[Tree, tuple[str, ...]]]:
    for name, route in names.routes.items():
        yield route.section("objective"), ("routes", name, "objective")
    for kind, trees in (("tenants", names.tenants), ("apps", names.apps)):
        for name, tree in trees.items():
            path = (kind, name, "settings", "routing")
            yield tree.section("settings").section("routing"), path
