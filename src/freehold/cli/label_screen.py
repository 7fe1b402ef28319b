"""What `freehold label` shows of a case. Every text of a stranger is made plain first."""

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from freehold.cli.plain import line, plain

MOST = 4_000
"""Characters of one text on the screen; `i` shows all of it."""
KEYS = "c correct  e edit  r reject  s skip  x escalate  a similar  u undo  i more  ? guide  q quit"


def screen(
    told: dict[str, Any], progress: dict[str, Any], *, whole: bool = False
) -> RenderableType:
    """A case in hand."""
    head = Text(f"{line(told['queue'])}  {line(told['tenant'])}/{line(told['app'])}", style="bold")
    head.append(f"   {progress['yours_today']} today by you, {progress['waiting']} wait", "dim")
    if progress["left_today"] is not None:
        head.append(f", {progress['left_today']} left today", "dim")
    parts: list[RenderableType] = [Rule(style="dim"), head]
    chips = Text()
    for reason in told["why"]:
        chips.append(f" {line(reason)} ", "reverse")
        chips.append(" ")
    parts.append(chips)
    if told["chosen"]:
        parts.append(Text(line(told["chosen"], 300), style="dim"))
    parts += _asked(told, whole=whole)
    parts += _evidence(told, whole=whole)
    parts += _suggested(told, whole=whole)
    if told["alike"]:
        parts.append(Text(f"{len(told['alike'])} similar wait: a says the same of them.", "dim"))
    return Group(*parts)


def _asked(told: dict[str, Any], *, whole: bool) -> list[RenderableType]:
    earlier = told["messages"] if whole else told["messages"][-3:]
    parts: list[RenderableType] = []
    for message in earlier:
        parts.append(Text(line(message["role"]), style="bold cyan"))
        parts.append(_text(message["content"], whole=whole))
    for comment in told["comments"]:
        parts.append(Text("said of it", style="bold cyan"))
        parts.append(_text(comment, whole=whole))
    return parts


def _evidence(told: dict[str, Any], *, whole: bool) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for piece in told["context"]:
        name = line(piece["title"] or piece["source"])
        parts.append(Text(f"context: {name}", style="bold blue"))
        if piece["text"] is None:
            parts.append(Padding(Text("you are not cleared for it", style="dim"), (0, 2)))
        else:
            parts.append(_text(piece["text"], whole=whole, most=600))
    said = [f"rule {line(rule['id'])}: {line(rule['why'])}" for rule in told["rules"]]
    said += [f"found: {line(finding)}" for finding in told["findings"] if whole]
    parts += [Text(one, style="blue") for one in said]
    for near in told["near"] if whole else told["near"][:1]:
        right = near["answer"] or near["intent"] or ""
        parts.append(
            Text(
                f"{near['near']:.0%} like: {line(near['question'])}\n"
                f"  {near['verdict']} by {line(near['by'])}: {line(right)}",
                style="magenta",
            )
        )
    return parts


def _suggested(told: dict[str, Any], *, whole: bool) -> list[RenderableType]:
    suggestion = told["suggestion"]
    parts: list[RenderableType] = []
    by = f" by {line(suggestion['by'])}" if suggestion["by"] else ""
    parts.append(Text(f"suggested{by}", style="bold green"))
    shown = suggestion["evidence"] if whole else suggestion["evidence"][:3]
    parts += [Padding(Text(line(one, 300), style="dim"), (0, 2)) for one in shown]
    if "answer" in told["asks"]:
        parts.append(_text(suggestion["answer"] or "(nothing)", whole=whole))
    if "intent" in told["asks"]:
        parts.append(Padding(Text(f"intent: {line(suggestion['intent']) or '(none)'}"), (0, 2)))
    return parts


def _text(text: str, *, whole: bool, most: int = MOST) -> RenderableType:
    shown = plain(text)
    if not whole and len(shown) > most:
        shown = f"{shown[:most]}…\n({len(shown) - most:,} more characters: i shows them)"
    return Padding(Text(shown), (0, 2))
