"""What rules cost: sets of 5, 50 and 100, judged as the gateway judges them.

    python -m benchmarks.rules [--json] [--write-docs] [--repeats N]

Facts are those of one question and one answer, extracted once; what is timed is judging them, with
the verdict of every rule written into the exchange's trail. Beside it: the compiled conditions
alone, and the same conditions one by one, which is what happens when one of them errs. The three
take turns, so that other work on the machine slows all of them alike.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.marked import replaced, turns_command
from freehold.core.ask import Arrival, Ask, Message
from freehold.core.spec import Obligation, RuleSpec
from freehold.core.trail import Trail
from freehold.rules.facts import records
from freehold.rules.program import ConditionSet
from freehold.stages.policy.verdicts import RuleSet
from freehold.text.facts import extract

COUNTS = (5, 50, 100)
AIM_US, AIM_COUNT = 60, 100
PAGE = Path("docs/explanation/benchmarks.md")
BEGIN, END = "<!-- rules: begin -->", "<!-- rules: end -->"
QUESTION = "I have been a customer for ten years. Is there anything you can do about the price?"
ANSWER = (
    "Thank you for your loyalty! For your order of $89.90 I can offer you 10 % off, which makes it "
    "$80.91, and shipping takes 3 to 5 days. If it does not fit, you have 30 days to return it."
)
_KINDS = (
    'answer.percents.exists(p, p.role == "discount" && p.polarity != "negated" && p.upper > {0}00)',
    'principal.attributes.tier == "gold" && request.chars > {0}000',
    'answer.money.exists(m, m.role == "refund" && m.value > {0}000)',
    '"manager" in principal.roles && size(answer.tools) > {0}',
    'answer.text.contains("clause {0}") || request.language == "x{0}"',
)
"""In each, `{0}` is another number, so that no two rules are the same; none of them fires."""


def rules(count: int) -> tuple[RuleSpec, ...]:
    """So many rules, all different, of five kinds in turn."""
    return tuple(
        RuleSpec(
            id=f"rule-{number}",
            version=1,
            phase="answer",
            when=_KINDS[number % len(_KINDS)].replace("{0}", str(number + 11)),
            obligations=(Obligation(action="block"),),
        )
        for number in range(count)
    )


def facts() -> dict[str, Any]:
    """What the rules read, as the gateway hands it over."""
    found = extract(ANSWER)
    return {
        "answer.percents": records(found, "percent"),
        "answer.money": records(found, "money"),
        "answer.text": ANSWER,
        "answer.tools": [],
        "principal.attributes.tier": "silver",
        "principal.roles": ["customer"],
        "request.chars": len(QUESTION),
        "request.language": "en",
    }


def measure(count: int, repeats: int) -> dict[str, float]:
    """Microseconds, medians of so many turns, and the least of them, which is close to what an idle
    machine takes; ``ratio`` is one by one over judged.

    Raises:
        RuntimeError: a rule fires, so that something else would be measured.
    """
    several, sheet = rules(count), facts()
    judged, together = RuleSet(several, "answer"), ConditionSet([r.when for r in several], "answer")
    single = [ConditionSet([rule.when], "answer") for rule in several]
    asked = Arrival(
        ask=Ask(operation="chat", messages=(Message(role="user", content=QUESTION),)),
        route="", key="", exchange_id="", received_ns=0, started_ns=0,
    )  # fmt: skip
    if judged.judge(sheet, Trail(asked), {}).fired or any(together.run(sheet)):
        raise RuntimeError("a rule of the benchmark fires")
    trails = iter([Trail(asked) for _ in range(repeats + 1)])
    turns: dict[str, Callable[[], object]] = {
        "judged_us": lambda: judged.judge(sheet, next(trails), {}),
        "together_us": lambda: together.run(sheet),
        "one_by_one_us": lambda: [each.run(sheet) for each in single],
    }
    took: dict[str, list[int]] = {name: [] for name in turns}
    for turn in range(repeats + 1):
        for name, run in turns.items():
            began = time.perf_counter_ns()
            run()
            if turn:  # the first one warms up
                took[name].append(time.perf_counter_ns() - began)
    medians = {name: round(statistics.median(each) / 1e3, 1) for name, each in took.items()}
    ratio = statistics.median(
        one / whole for one, whole in zip(took["one_by_one_us"], took["judged_us"], strict=True)
    )
    least = round(min(took["judged_us"]) / 1e3, 1)
    return medians | {"judged_least_us": least, "ratio": round(ratio, 1)}


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown, and whether the aim is met."""
    lines = [
        f"{result['machine']}, load average {result['load']:.1f}, medians of {result['repeats']}:",
        "",
        "| rules | judged, µs | the least | conditions alone | one by one | one by one / judged |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for count, each in result["rules"].items():
        lines.append(
            f"| {count} | {each['judged_us']:.1f} | {each['judged_least_us']:.1f} |"
            f" {each['together_us']:.1f} | {each['one_by_one_us']:.1f} | {each['ratio']:.1f} |"
        )
    each = result["rules"][str(AIM_COUNT)]
    took, least = each["judged_us"], each["judged_least_us"]
    met = "met" if took <= AIM_US else "MISSED"
    said = f"- The aim of {AIM_US} µs for {AIM_COUNT} rules is {met}: {took:.1f} in the median"
    lines += ["", f"{said}, {least:.1f} at the least."]
    return "\n".join(lines)


def written(page: str, result: dict[str, Any]) -> str:
    """The page with the figures between its marks."""
    return replaced(page, BEGIN, END, table(result), PAGE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""

    def found(repeats: int) -> dict[str, Any]:
        rules = {str(count): measure(count, repeats) for count in COUNTS}
        return {"aim_us": AIM_US, "rules": rules}

    return turns_command("benchmarks.rules", __doc__, PAGE, (BEGIN, END), found, table, arguments)


if __name__ == "__main__":
    sys.exit(main())
