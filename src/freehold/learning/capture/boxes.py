"""A moment as it is kept: one sealed box."""

import msgspec

from freehold.core.cases import Case, Moment
from freehold.core.errors import StorageError
from freehold.core.subjects import SubjectKey

_decoder = msgspec.msgpack.Decoder(Moment)
_encoder = msgspec.msgpack.Encoder()


def box_of(moment: Moment, exchange_id: str, key: SubjectKey) -> bytes:
    """The box, sealed with a key of whoever asked and bound to the exchange."""
    return key.seal(_encoder.encode(moment), _bound(exchange_id))


def moment_in(case: Case, key: SubjectKey) -> Moment:
    """What is in a case's box.

    Raises:
        StorageError: it was not sealed with this key, or is another exchange's, or damaged.
    """
    try:
        return _decoder.decode(key.open(case.box, _bound(case.exchange_id)))
    except msgspec.MsgspecError as error:
        raise StorageError(f"case {case.case_id} is damaged") from error


def _bound(exchange_id: str) -> bytes:
    return f"case of {exchange_id}".encode("utf-8", "surrogatepass")
