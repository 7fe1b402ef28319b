"""A conversation as the token ids that a causal language model reads: the same words in training,
in measuring and in serving, or what was learned is not what is asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'] | capitalize }}: "
    "{{ message['content'] | trim }}{% if message['role'] == 'assistant' %}"
    "{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For a base that has no chat template of its own."""

_ROLES = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    # Templates differ in what they make of tools; as a user's words every one can read them.
    "tool": "user",
    "function": "user",
}

Turn = dict[str, str]


def turns(messages: Iterable[Mapping[str, Any]], special: Iterable[str]) -> list[Turn]:
    """Messages with the three roles that every template knows, and without the special tokens in
    ``special``: what a user wrote can't end a turn or begin another one.
    """
    made: list[Turn] = []
    for message in messages:
        role = _ROLES.get(str(message.get("role", "")), "user")
        content = _text(message.get("content"))
        for token in special:
            content = content.replace(token, " ")
        if content.strip():
            made.append({"role": role, "content": content})
    return made


def taking_turns(said: Sequence[Turn]) -> list[Turn]:
    """At most one system message, the first; then user and assistant in turns, the user first."""
    begins = bool(said) and said[0]["role"] == "system" and len(said) > 1
    return [*said[:1], *_folded(said[1:])] if begins else _folded(said)


def prompt_ids(tokenizer: Any, said: Sequence[Turn]) -> list[int]:
    """What stands before the answer.

    Raises:
        ValueError: the base's chat template can't say this.
    """
    return _ids(tokenizer, _prompt(tokenizer, said))


def answer_ids(tokenizer: Any, said: Sequence[Turn], answer: str) -> list[int]:
    """The answer as its template ends it: the last token tells the model to stop.

    Raises:
        ValueError: the base's chat template can't say this.
    """
    before = _prompt(tokenizer, said)
    answered = [*said, {"role": "assistant", "content": answer}]
    try:
        whole = _render(tokenizer, answered, open_turn=False)
    except ValueError:
        whole = _render(tokenizer, _folded(answered), open_turn=False)
    # Templates that think aloud write the open turn otherwise than the closed one.
    after = whole[len(before) :] if whole.startswith(before) else answer
    end = tokenizer.eos_token or ""
    if end and end in after:
        after = after[: after.rindex(end) + len(end)]
    ids = _ids(tokenizer, after)
    if tokenizer.eos_token_id is not None and (not ids or ids[-1] != tokenizer.eos_token_id):
        ids.append(tokenizer.eos_token_id)
    return ids


def _prompt(tokenizer: Any, said: Sequence[Turn]) -> str:
    try:
        return _render(tokenizer, said, open_turn=True)
    except ValueError:
        return _render(tokenizer, _folded(said), open_turn=True)


def _render(tokenizer: Any, said: Sequence[Turn], *, open_turn: bool) -> str:
    try:
        text: str = tokenizer.apply_chat_template(
            list(said),
            chat_template=None if tokenizer.chat_template else TEMPLATE,
            add_generation_prompt=open_turn,
            tokenize=False,
        )
    except Exception as error:  # noqa: BLE001  # templates are programs of strangers
        raise ValueError(f"the base's chat template refuses: {error}") from None
    return text


def _folded(said: Sequence[Turn]) -> list[Turn]:
    """For templates that know no system message, or want user and assistant in turns."""
    made: list[Turn] = []
    for turn in said:
        role = "user" if turn["role"] == "system" else turn["role"]
        if made and made[-1]["role"] == role:
            made[-1] = {"role": role, "content": f"{made[-1]['content']}\n\n{turn['content']}"}
        else:
            made.append({"role": role, "content": turn["content"]})
    return made[1:] if made and made[0]["role"] == "assistant" else made


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return list(ids)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = (part.get("text", "") for part in content if isinstance(part, dict))
        return "\n".join(part for part in parts if isinstance(part, str) and part)
    return ""
