"""The models of apps' intents, learned once for the same examples, whichever bundle has them."""

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

from freehold.core.decisions import MILLION
from freehold.core.spec import IntentSet
from freehold.text.intent_files import unpack
from freehold.text.intents import Intent, Intents, learn

NONE = Intent("", 0, False)
_KEPT = 64
_known: OrderedDict[str, Intents] = OrderedDict()
_lock = Lock()


class IntentBook:
    """Finds the model for a digest; learns it where nobody has yet."""

    def __init__(self, sets: Mapping[str, IntentSet]) -> None:
        self._sets = sets
        self._own: dict[str, Intents] = {}

    def of(self, digest: str) -> Intents:
        """The model; the same object every time.

        Raises:
            ValueError: the examples, or the trained file, can't be used.
        """
        found = self._own.get(digest)
        if found is None:
            found = self._own[digest] = learned(self._sets[digest])
        return found


def learned(examples: IntentSet) -> Intents:
    """The model of these examples. Any thread may; a bundle's watcher comes before its requests.

    Raises:
        ValueError: the examples, or the trained file, can't be used.
    """
    with _lock:
        found = _known.get(examples.digest)
        if found is None:
            if examples.trained:
                found = unpack(examples.trained)
            else:
                inside = dict(examples.inside)
                found = learn(inside, examples.outside, keep=examples.keep / MILLION)
            _known[examples.digest] = found
            if len(_known) > _KEPT:
                _known.popitem(last=False)
        else:
            _known.move_to_end(examples.digest)
        return found
