"""What could not be read of a bundle, so that little is hidden by it and nothing is claimed."""

import re
from collections.abc import Iterable, Sized

from msgspec import Struct

_KEY = re.compile(
    r"""(?:^|[{,])[ \t]*(?:-[ \t]+)*(["']?)"""
    r"""([^\s"'{}\[\],:#&*!|>%@`-][^\s"'{},:]*)\1[ \t]*:""",
    re.MULTILINE,
)


class Unread(Struct, frozen=True):
    """The files that can't be read, and the words in them that look like keys.

    Attributes:
        whole: nothing is missing.
        blind: of some files not even the text is known (they could not be opened, say).
    """

    whole: bool = True
    blind: bool = False
    files: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()

    @property
    def remark(self) -> str:
        """What a message about a missing name ends with; nothing if all could be read."""
        if self.whole:
            return ""
        if not self.files:
            return ", unless something that can't be read declares it"
        return f", unless {' or '.join(self.files[:3])}, which can't be read, declares it"

    def may_declare(self, name: str, known: Sized) -> bool:
        """Whether it would be a guess that the name is missing, where ``known`` are declared.

        It stands as a key in a broken file; or the files that could not be opened seem to hold
        the whole section, and then each of its names would be reported.
        """
        return name in self.keys or (self.blind and not known)


def keys_in(texts: Iterable[str]) -> frozenset[str]:
    """The words that look like keys of a YAML text which does not parse."""
    return frozenset(match.group(2) for text in texts for match in _KEY.finditer(text))
