"""Real installed packages, made in a folder: a module, and metadata with its entry points."""

import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from freehold.stages.governance.installed import loading

GOOD = """\
from freehold.core.decisions import Finding

class Badge:
    id = "acme.badge"
    version = "1.2"
    needs = "span"

    def __init__(self, word="BADGE"):
        self.word = word

    def detect(self, text, folded, where):
        found, at = [], text.find(self.word)
        while at >= 0:
            found.append(Finding(detector=self.id, version=self.version, kind="badge", label="pii",
                                 where=where, start=at, end=at + len(self.word) + 4))
            at = text.find(self.word, at + 1)
        return [f for f in found if f.end <= len(text)]
"""


def install(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    module: str,
    source: str = GOOD,
    offers: Mapping[str, str] | None = None,
    package: str = "acme-detectors",
) -> None:
    """As an installer would leave it: importable, with its dist-info beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
    info = folder / f"{package.replace('-', '_')}-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.3\n")
    lines = "".join(
        f"{name} = {place}\n"
        for name, place in (offers or {"acme.badge": f"{module}:Badge"}).items()
    )
    (info / "entry_points.txt").write_text(f"[{loading.GROUP}]\n{lines}")
    (info / "RECORD").write_text("")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, module, raising=False)
    loading._load.cache_clear()
