"""Writes bundle/tenants/stores.yaml: one tenant for each of the 1,600 stores.

    python examples/retail/make_stores.py

The stores are those of the example's database (same seed), so a store's tenant and its rows have
one id. A store inherits everything from its region; only what differs is written down.
"""

import sys
from pathlib import Path

from freehold.testing.retail import rows

SEED = 2026
STORES = 1_600
TARGET = Path(__file__).resolve().parent / "bundle" / "tenants" / "stores.yaml"

# What differs, by store. Tightening only: the chain locks what matters.
DIFFERENT = {
    "store-0007": "    # A training store: small limits, so that a runaway exercise ends early.\n"
    "    settings: {limits: {requests_per_minute: 120, tokens_per_day: 400000}}\n",
    "store-0450": "    # The works council asked that nothing of the staff's questions be kept.\n"
    "    settings: {content: none}\n",
    "store-1203": "    # In a hospital: nothing leaves our own machines.\n"
    "    settings: {regions: [on-premises]}\n",
}

HEAD = """\
# Made by examples/retail/make_stores.py; change that, not this.
#
# A line says all there is to say about most stores: in which region it is. What it may do, it
# inherits; the few that differ say how.

tenants:
"""


def text() -> str:
    """The file's whole text."""
    store_rows, _, brief = rows.stores(SEED, STORES)
    parts = [HEAD]
    for row, store in zip(store_rows, brief, strict=True):
        title = str(row[1]).removeprefix("Harbor & Pine ")
        if store.id in DIFFERENT:
            parts.append(f"  {store.id}:\n    parent: {store.region_id}\n    title: {title}\n")
            parts.append(DIFFERENT[store.id])
        else:
            parts.append(f'  {store.id}: {{parent: {store.region_id}, title: "{title}"}}\n')
    return "".join(parts)


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{TARGET}: {STORES} stores\n")
