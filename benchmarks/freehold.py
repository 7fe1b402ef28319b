"""Freehold under test: a bundle made ready, a key, and the two ways to run it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from freehold.testing.identity import LocalIssuer

BUNDLES = Path(__file__).parent / "bundles"
KINDS = ("off", "on")
_KEY_S = 60


class Prepared(Struct, frozen=True):
    """A bundle, a home and a key, with the environment that the bundle's references need."""

    kind: str
    bundle: Path
    home: Path
    environment: Mapping[str, str]
    key: str
    issuer: LocalIssuer


def prepare(kind: str, folder: Path, *, upstream: str, database: Path) -> Prepared:
    """Copy the bundle ``kind`` into ``folder``, write its issuer's keys, and make an API key."""
    bundle, home = folder / "bundle", folder / "home"
    shutil.copytree(BUNDLES / kind, bundle)
    home.mkdir()
    issuer = LocalIssuer.create(folder / "issuer")
    issuer.write_jwks(bundle / "jwks.json")
    environment = {
        "BENCH_UPSTREAM_URL": f"{upstream}/v1",
        "BENCH_RETAIL_DB": f"sqlite:///{database.resolve()}",
    }
    where = ["--bundle", str(bundle), "--home", str(home)]
    made = subprocess.run(
        [sys.executable, "-m", "freehold", "key", "create", "--tenant", "bench", "--app", "bench",
         *where, "--json"],
        env=clean(environment), capture_output=True, text=True, timeout=_KEY_S, check=False,
    )  # fmt: skip
    if made.returncode:
        raise RuntimeError(f"freehold key create: {made.stderr.strip()}")
    return Prepared(kind, bundle, home, environment, json.loads(made.stdout)["key"], issuer)


def clean(more: Mapping[str, str]) -> dict[str, str]:
    """An environment without keys, proxies or settings of whoever runs the benchmark."""
    path = os.environ.get("PYTHONPATH")  # another version's code, where that is measured
    return {**BASE, **({"PYTHONPATH": path} if path else {}), **more}


BASE = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
}
