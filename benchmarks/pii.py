"""Freehold's detectors and Presidio's patterns on the same texts, by the same metric.

    python -m benchmarks.pii FILE [--json]

FILE is JSON in presidio-research's form. Presidio is installed into `.bench`, in an environment of
its own, and runs without a language model. Progress goes to stderr.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from freehold.services.measure_pii import Measured, Sample, builtin, measure, read_samples

PRESIDIO = "2.2.366"
_ROOT = Path(__file__).resolve().parents[1]


def presidio(file: Path, samples: tuple[Sample, ...]) -> Measured:
    """What Presidio's patterns find; installs it when it is not there yet."""
    home = _ROOT / ".bench" / f"presidio-{PRESIDIO}"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        _say(f"installing presidio-analyzer {PRESIDIO} into {home}")
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        wanted = f"presidio-analyzer=={PRESIDIO}"
        subprocess.run([str(python), "-m", "pip", "install", "-qq", wanted], check=True)
        (home / "ready").touch()
    script = str(Path(__file__).with_name("presidio.py"))
    # -P: or else this folder's modules would stand before Python's own
    ran = subprocess.run(
        [str(python), "-P", script, str(file)], capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise SystemExit(f"Presidio failed:\n{ran.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(ran.stdout)
    found = iter(answer["found"])
    measured = measure(samples, lambda _: [tuple(span) for span in next(found)])
    return Measured(**asdict(measured) | {"us_per_text": round(answer["us_per_text"], 1)})


def table(results: dict[str, Measured]) -> str:
    """The figures side by side, as Markdown."""
    names = list(results)
    rows = [["", *names], ["---"] + ["---:"] * len(names)]
    rows += [
        [key, *(f"{getattr(r, key):.3f}" for r in results.values())]
        for key in ("precision", "recall", "f2")
    ]
    rows.append(["µs a text", *(f"{r.us_per_text:.0f}" for r in results.values())])
    for kind in sorted({kind for r in results.values() for kind in r.per_type}):
        found = [r.per_type.get(kind, {}).get("recall", 0.0) for r in results.values()]
        rows.append([f"recall of `{kind}`", *(f"{share:.2f}" for share in found)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Measure both and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pii",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    wanted = parser.parse_args()
    samples = read_samples(wanted.file)
    results = {
        "Freehold": measure(samples, builtin()),
        f"Presidio {PRESIDIO}, patterns only": presidio(wanted.file, samples),
    }
    if wanted.json:
        print(json.dumps({name: asdict(found) for name, found in results.items()}, indent=2))
    else:
        print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
