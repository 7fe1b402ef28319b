"""How an app speaks: what its answers must not say, and what they must."""

from typing import Annotated, Literal

from pydantic import Field

from freehold.bundle.section import Section

Phrase = Annotated[str, Field(min_length=2, max_length=100, pattern=r"\w")]


class Tone(Section):
    """Simple limits; each that is left out sets none."""

    shouting: bool = Field(
        True, description="May words stand in capitals, three in a row or a whole sentence?"
    )
    emoji: bool = Field(True, description="May there be emoji?")
    exclamation_marks: int | None = Field(
        None, ge=0, le=100, description="How many a sentence may have."
    )
    not_first_person: list[Literal["singular", "plural"]] = Field(
        [], description="English words not to be used: `singular` I, me, my; `plural` we, us, our."
    )
    max_sentence_words: int | None = Field(
        None, ge=3, le=1000, description="How long a sentence may be."
    )


class Disclaimer(Section):
    """Words that must stand in an answer."""

    text: Annotated[str, Field(min_length=2, max_length=500)] = Field(
        description="The words; case, accents and blanks make no difference."
    )
    when: Annotated[str, Field(min_length=1)] = Field(
        "true", description="CEL over facts of the answer; needed only when it holds."
    )


class Voice(Section):
    """Read in answers by `voice.banned`, `voice.competitor` and `voice.tone`, which observe until
    `detectors` says otherwise.
    """

    banned: list[Phrase] = Field([], max_length=500, description="Phrases not to be used.")
    competitors: list[Phrase] = Field([], max_length=500, description="Names not to be mentioned.")
    tone: Tone = Field(Tone(), description="Simple limits.")
    disclaimers: list[Disclaimer] = Field(
        [],
        max_length=50,
        description="What must stand in answers; rules see `answer.missing_disclaimers`.",
    )
