"""What people write with a label: checked, sealed under the key of whoever asked, opened again."""

import re
from collections.abc import Callable

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.core.cases import Moment
from freehold.core.decisions import MILLION
from freehold.core.errors import RequestError, StorageError
from freehold.core.labels import Label, QueueSpec, Verdict, Words
from freehold.core.subjects import SubjectKey
from freehold.learning.labelling.settling import NO_CLASS

MAX_ANSWER = 200_000
MAX_COMMENT = 4_000
VERDICTS: tuple[Verdict, ...] = ("correct", "edit", "reject", "skip", "escalate")
FindKey = Callable[[str], SubjectKey | None]
_words = msgspec.msgpack.Decoder(Words)

_NAMED = re.compile(r"\S*\d\S*")
_EDGES = ".,;:!?()'\"#"
_NUMBER = re.compile(r"\d+")


class Suggestion(Struct, frozen=True, kw_only=True):
    """What a task is pre-filled with; ``by`` is ``model@version``, or empty; ``evidence`` why, in
    words that may quote the case.
    """

    answer: str = ""
    intent: str = ""
    by: str = ""
    evidence: tuple[str, ...] = ()


class Given(Struct, frozen=True, kw_only=True):
    """What somebody says of a case, as it comes in at a door.

    Attributes:
        rating: as it is asked for: 4 of 5, say.
        alike: other cases of which the same is said; see `Labelling.label`.
        took_ms: 0 where that is not known: then it is counted from when the task was given.
    """

    verdict: str
    answer: str = ""
    intent: str = ""
    rating: float | None = None
    comment: str = ""
    alike: tuple[str, ...] = ()
    took_ms: int = 0


class Checked(Struct, frozen=True, kw_only=True):
    """What it comes to."""

    verdict: Verdict
    intent: str
    rating: int | None
    words: Words


def sound(given: Given) -> None:
    """Raises: RequestError: what is written is no text, or too long."""
    _sound(given.answer, MAX_ANSWER, "answer")
    _sound(given.comment, MAX_COMMENT, "comment")


def checked(given: Given, queue: QueueSpec, suggestion: Suggestion, released: str) -> Checked:
    """What a label says, made whole by what was suggested; its texts are sound.

    Raises:
        RequestError: it is no label for this queue.
    """
    verdict = next((v for v in VERDICTS if v == given.verdict), None)
    if verdict is None:
        raise RequestError(f"A verdict is one of {', '.join(VERDICTS)}.", param="verdict")
    comment = given.comment.strip()
    if verdict in ("skip", "escalate"):
        return Checked(verdict=verdict, intent="", rating=None, words=Words(comment=comment))
    intent = _intent(given, verdict, queue, suggestion)
    answer = ""
    if "answer" in queue.ask:
        answer = _answer(given, verdict, suggestion)
    elif given.answer:
        raise RequestError(f"Queue `{queue.name}` asks for no answer.", param="answer")
    if verdict == "edit":
        nothing_new = ("answer" not in queue.ask or answer == suggestion.answer) and (
            "intent" not in queue.ask or intent == suggestion.intent
        )
        verdict = "correct" if nothing_new and (answer or intent) else "edit"
    wrong = suggestion.answer if verdict in ("edit", "reject") and "answer" in queue.ask else ""
    words = Words(
        answer="" if answer == released else answer,
        comment=comment,
        rejected="" if wrong in (released, answer) else wrong,
    )
    return Checked(verdict=verdict, intent=intent, rating=_rating(given, queue), words=words)


def unlike(verdict: str, shown: Suggestion, there: Suggestion) -> bool:
    """Whether a verdict on what was shown says nothing of what is suggested elsewhere: other words,
    where only numbers may differ, or another intent.
    """
    if verdict not in ("correct", "reject"):
        return False
    return _shape(shown) != _shape(there)


def of_another(answer: str, shown: Moment, there: Moment) -> bool:
    """Whether an answer names something with a number in it, such as an order, that was asked about
    in the case that was shown, and not in the other one.
    """
    named = {word.strip(_EDGES).casefold() for word in _NAMED.findall(answer)}
    return bool(named & _asked(shown) - _asked(there))


def _asked(moment: Moment) -> set[str]:
    said = " ".join(str(one.get("content") or "") for one in moment.asked)
    return {word.strip(_EDGES).casefold() for word in _NAMED.findall(said)}


def _shape(suggestion: Suggestion) -> tuple[str, str]:
    words = " ".join(suggestion.answer.casefold().split())
    return _NUMBER.sub("0", words), suggestion.intent


def followed(what: Checked, suggestion: Suggestion, released: str) -> Checked:
    """The same said of another case: whoever agrees agrees with what is suggested there, and
    whoever wrote an answer wrote it for both.
    """
    if what.verdict not in ("correct", "edit", "reject"):
        return what
    wrong = suggestion.answer if what.verdict != "correct" else ""
    answer = suggestion.answer if what.verdict == "correct" else what.words.answer
    words = Words(
        answer="" if answer == released else answer,
        comment=what.words.comment,
        rejected="" if wrong in (released, answer) else wrong,
    )
    return replace(what, words=words)


def fitted(what: Checked, fit: Callable[[str], str]) -> Checked:
    """With words as they may be kept; of a model's answer that may not, only that it is wrong.

    Raises:
        RequestError: the right answer or the comment may not be kept.
    """
    words = what.words
    try:
        rejected = fit(words.rejected)
    except RequestError:
        rejected = ""
    kept = Words(answer=fit(words.answer), comment=fit(words.comment), rejected=rejected)
    return replace(what, words=kept)


def _sound(text: str, most: int, name: str) -> None:
    if len(text) > most:
        raise RequestError(f"`{name}` has {most:,} characters at most.", param=name)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RequestError(f"`{name}` is no text.", param=name) from None


def _answer(given: Given, verdict: Verdict, suggestion: Suggestion) -> str:
    if verdict == "reject":
        if given.answer:
            raise RequestError("Whoever knows a better answer says `edit`.", param="verdict")
        return ""
    if verdict == "correct":
        if given.answer and given.answer != suggestion.answer:
            raise RequestError("Another answer than the suggestion is an `edit`.", param="verdict")
        if not suggestion.answer.strip():
            raise RequestError("There is no suggestion that could be right: say `edit`, with an"
                               " answer.", param="verdict")  # fmt: skip
        return suggestion.answer
    answer = given.answer or (suggestion.answer if given.intent else "")
    if not answer.strip():
        raise RequestError("An `edit` needs the right answer.", param="answer")
    return answer


def _intent(given: Given, verdict: Verdict, queue: QueueSpec, suggestion: Suggestion) -> str:
    if "intent" not in queue.ask:
        if given.intent:
            raise RequestError(f"Queue `{queue.name}` asks for no intent.", param="intent")
        return ""
    alone = "answer" not in queue.ask
    intent = given.intent
    if alone and verdict == "reject" and intent in ("", NO_CLASS):
        return NO_CLASS
    if alone and verdict == "reject":
        raise RequestError("Whoever knows the right intent says `edit`.", param="verdict")
    if alone and verdict == "edit" and not intent:
        raise RequestError("An `edit` needs the right intent.", param="intent")
    if verdict == "correct" and intent not in ("", suggestion.intent):
        raise RequestError("Another intent than the suggestion is an `edit`.", param="verdict")
    intent = intent or suggestion.intent
    if not intent:
        raise RequestError("Say which `intent` it is; none is suggested.", param="intent")
    known = (*queue.classes, NO_CLASS)
    if queue.classes and intent not in known:
        some = ", ".join(known[:20])
        raise RequestError(f"There is no intent {intent[:80]!r} here: {some}.", param="intent")
    if len(intent) > 128 or not intent.isprintable():
        raise RequestError("An intent is a short name.", param="intent")
    return intent


def _rating(given: Given, queue: QueueSpec) -> int | None:
    if "rating" not in queue.ask:
        if given.rating is not None:
            raise RequestError(f"Queue `{queue.name}` asks for no rating.", param="rating")
        return None
    ends = f"{queue.least // MILLION} to {queue.most // MILLION}"
    said = given.rating
    if said is None or not abs(said) <= MILLION:
        raise RequestError(f"A `rating` from {ends} is asked for.", param="rating")
    rating = round(said * MILLION)
    if not queue.least <= rating <= queue.most:
        raise RequestError(f"A `rating` is from {ends}.", param="rating")
    return rating


def sealed(words: Words, label_id: str, case_id: str, key: SubjectKey | None) -> bytes:
    """The words, sealed; nothing where nothing was written.

    Raises:
        RequestError: texts of this case are not kept, so nothing can be kept that was written.
    """
    if words == Words():
        return b""
    if key is None:
        raise RequestError(
            "The texts of this case are not kept, or were erased, so nothing that is written about"
            " it can be kept."
        )
    return key.seal(msgspec.msgpack.encode(words), _bound(label_id, case_id))


def opened(label: Label, find: FindKey) -> Words | None:
    """What was written; ``None`` where its key was destroyed. May do I/O.

    Raises:
        StorageError: the vault can't be read, or the box is damaged.
    """
    if not label.box:
        return Words()
    key = find(label.seal_key)
    if key is None:
        return None
    octets = key.open(label.box, _bound(label.label_id, label.case_id))
    try:
        return _words.decode(octets)
    except msgspec.MsgspecError as error:
        raise StorageError(f"the words of {label.label_id} are damaged") from error


def _bound(label_id: str, case_id: str) -> bytes:
    return f"label {label_id} of {case_id}".encode()
