"""What this release can't serve of what is deployed, told apart from the rest."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from freehold.bundle.deployed import text_of, trial_id
from freehold.bundle.model import Local
from freehold.bundle.snapshot import DEPLOYED_FILE

Inspect = Callable[[Local, Mapping[str, bytes]], str | None]
"""What is wrong with a model that shall run in this process; ``None`` when nothing is."""


class Servable:
    """Leaves out of what is deployed the versions whose files can't be read here: another release
    may have written them. A version's files never change, so each is looked at once.

    Args:
        inspect: looks at one.
    """

    def __init__(self, inspect: Inspect) -> None:
        self._inspect = inspect
        self._known: dict[tuple[str, str], str] = {}

    def of(self, files: Mapping[str, bytes]) -> tuple[Mapping[str, bytes], dict[str, str]]:
        """What can be served of an overlay's files; and ``model@version`` → why not, of the rest.

        An overlay that is no JSON is left as it is, for the bundle's check to judge.
        """
        try:
            deployments = json.loads(files[DEPLOYED_FILE].partition(b"\n")[2])["deployments"]
        except (KeyError, ValueError, TypeError):
            return files, {}
        left: dict[str, str] = {}
        gone: set[str] = set()
        stays: dict[str, dict[str, Any]] = {}
        for model, standing in deployments.items():
            kept = dict(standing)
            for place in ("live", "trial"):
                served = kept.get(place)
                if served is None:
                    continue
                why = self._why(served, files)
                if why:
                    left[trial_id(model, served["version"])] = why
                    gone.add(served["file"])
                    del kept[place]
            if "trial" not in kept:
                kept.pop("state", None)
            if kept:
                stays[model] = kept
        if not left:
            return files, {}
        rest = {path: data for path, data in files.items() if path not in gone}
        rest[DEPLOYED_FILE] = text_of(stays)
        return (rest if stays else {}), left

    def _why(self, served: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
        place = served["file"], served["digest"]
        if place not in self._known:
            wrong = self._inspect(_local(served), files)
            self._known[place] = "" if wrong is None else _words(wrong)
        return self._known[place]


def _local(served: Mapping[str, Any]) -> Local:
    return Local(
        kind=served["kind"],
        file=served["file"],
        threshold=served["threshold"],
        options=served["options"],
    )


def _words(wrong: str) -> str:
    return (
        f"this release can't read it, so the route goes on without it ({wrong}); where it was made"
        " by another release: train it again"
    )
