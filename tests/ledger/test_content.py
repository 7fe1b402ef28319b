"""Kept texts: readable with their key, for the exchange and conversation they belong to."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.core.errors import StorageError
from freehold.core.subjects import Destroyed, Subject
from freehold.ledger.canonical import encode
from freehold.ledger.content import (
    ContentSealer,
    Opened,
    Sealed,
    Texts,
    TextsDoNotFit,
    opened,
    plain_texts,
)
from freehold.ledger.record import Record
from freehold.testing.fakes import MemoryKeys

ADA, BEN = Subject("north", "idp", "ada"), Subject("north", "idp", "ben")
TALK, OTHER = "c0ffee00c0ffee00c0ffee00c0ffee00", "0ddba110c0ffee00c0ffee00c0ffee00"


def sealer(keys: MemoryKeys, who: Subject = ADA, exchange: str = "e1", talk: str = TALK):
    return ContentSealer(keys.of(who, 180), exchange, talk)


def record(sealed: Sealed, exchange: str = "e1", part: str = "opened") -> Record:
    content = {"kept": "redacted", "input": None, "output": None, "sealed": sealed}
    body = orjson.loads(encode({"facts": {}, "content": content}))
    return Record(
        exchange_id=exchange, tenant="north", app="a", outcome="allowed",
        opened=body if part == "opened" else {}, closed=body if part == "closed" else None,
        lines=(),
    )  # fmt: skip


@given(st.text(max_size=300), st.lists(st.tuples(st.sampled_from(["EMAIL", "API_KEY", "X9"]),
       st.text(min_size=1, max_size=40)), max_size=12))  # fmt: skip
def test_what_was_sealed_comes_back(text: str, values: list[tuple[str, str]]) -> None:
    keys = MemoryKeys()
    mine = sealer(keys)
    kept = text + "".join(mine.placeholder(tag, value) for tag, value in values)
    whole = text + "".join(value for _, value in values)
    sealed = mine.seal("opened", Texts(input=kept))
    found = opened(record(sealed), keys.find)
    assert found.state == "open"
    assert found.record.opened["content"]["input"] == kept
    assert "sealed" not in found.record.opened["content"]
    assert found.restored(kept) == whole


def test_equal_values_look_equal_within_a_conversation_and_nowhere_else() -> None:
    keys = MemoryKeys()
    first = sealer(keys).placeholder("EMAIL", "ann@home.net")
    assert sealer(keys, exchange="e2").placeholder("EMAIL", "ann@home.net") == first
    others = {
        sealer(keys, talk=OTHER).placeholder("EMAIL", "ann@home.net"),
        sealer(keys, who=BEN).placeholder("EMAIL", "ann@home.net"),
        sealer(MemoryKeys()).placeholder("EMAIL", "ann@home.net"),
        sealer(keys).placeholder("EMAIL", "ann@home.org"),
    }
    assert len(others) == 4
    assert first not in others
    same = Texts(input="the same")
    boxes = {sealer(keys, exchange=e).seal(p, same).box for e in "ab" for p in ("opened", "closed")}
    assert len(boxes) == 4


def test_thousands_of_values_keep_placeholders_of_their_own() -> None:
    mine = sealer(MemoryKeys())
    made = {mine.placeholder("PHONE", str(number)) for number in range(20_000)}
    assert len(made) == 20_000


def test_a_seal_can_not_be_moved() -> None:
    keys = MemoryKeys()
    mine = sealer(keys)
    sealed = mine.seal("opened", Texts(input="hello"))
    assert opened(record(sealed), keys.find).record.opened["content"]["input"] == "hello"
    with pytest.raises(StorageError, match="seal"):
        opened(record(sealed, exchange="e2"), keys.find)
    with pytest.raises(StorageError, match="seal"):
        opened(record(sealed, part="closed"), keys.find)
    with pytest.raises(StorageError, match="seal"):
        opened(record(Sealed(key=sealed.key, subject="", box=sealed.box[:-1])), keys.find)
    broken = record(sealed)
    broken.opened["content"]["sealed"]["box"] = "not base64!"
    with pytest.raises(StorageError, match="damaged"):
        opened(broken, keys.find)


def test_facts_that_are_fewer_than_their_words_are_an_error() -> None:
    keys = MemoryKeys()
    sealed = sealer(keys).seal("opened", Texts(answer_facts=["30 %"]))
    made = record(sealed)
    made.opened["answer_facts"] = []
    with pytest.raises(TextsDoNotFit, match="do not fit"):
        opened(made, keys.find)


def test_each_value_is_sealed_once_and_all_are_found() -> None:
    keys = MemoryKeys()
    mine = sealer(keys)
    first = mine.placeholder("EMAIL", "ann@home.net")
    begin = record(mine.seal("opened", Texts(input=first)))
    second = mine.placeholder("PHONE", "555 0187")
    assert mine.placeholder("EMAIL", "ann@home.net") == first
    end = record(mine.seal("closed", Texts(output=first + second)), part="closed")
    whole = replace(begin, closed=end.closed)
    found = opened(whole, keys.find)
    assert found.values == {first: "ann@home.net", second: "555 0187"}
    assert opened(end, keys.find).values == {second: "555 0187"}


def test_what_a_destroyed_key_leaves_is_said() -> None:
    keys = MemoryKeys()
    sealed = sealer(keys).seal("opened", Texts(input="hello"))
    keys.erase(ADA)
    assert opened(record(sealed), keys.find).state == "lost"
    gone = opened(record(sealed), lambda _: Destroyed(1_795_224_600_000_000_000, "erased"))
    assert (gone.state, gone.at[:10]) == ("erased", "2026-11-21")
    assert "hello" not in str(gone)


def test_records_of_older_versions_are_read_as_they_are() -> None:
    old = Record(
        exchange_id="e", tenant="n", app="a", outcome="allowed", closed=None, lines=(),
        opened={"content": {"kept": "full", "input": "[]", "output": None}, "facts": {"x": 1}},
    )  # fmt: skip
    assert plain_texts(old)
    assert opened(old, {}.get) == Opened(record=old, state="open")
