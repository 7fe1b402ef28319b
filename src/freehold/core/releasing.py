"""What leaves of an answer that has been judged."""

from collections.abc import Iterator

from freehold.core.handoffs import Awaiting, Due, Released
from freehold.core.trail import Trail


def release(judged: Due, trail: Trail) -> Iterator[tuple[int, Released]]:
    """What of a judged answer has not left yet; what is held leaves only its notice."""
    if isinstance(judged, Awaiting) or judged.held is not None:
        yield 0, Released(held=judged.held, finish_reason="content_filter", model=judged.model)
        return
    answer = judged.checked.answer
    for place, (choice, end) in enumerate(zip(judged.choices, judged.release_chars, strict=True)):
        text = choice.text[trail.left(place) : end]
        if text or answer.complete:
            yield (
                place,
                Released(
                    index=choice.index,
                    text=text,
                    tool_calls=choice.tool_calls if answer.complete else (),
                    finish_reason=(choice.finish_reason or "stop") if answer.complete else None,
                    usage=answer.usage if place == 0 and answer.complete else None,
                    model=judged.model,
                    embeddings=answer.embeddings if place == 0 else (),
                ),
            )
