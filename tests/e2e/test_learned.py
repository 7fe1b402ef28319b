"""Custom models and datasets over HTTP: read only, with a scope, within the key's tenants."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from freehold.app.datasets import dataset_service
from freehold.testing import Simulator
from tests.e2e.custom import done, train, write
from tests.e2e.served import Served, make_key


def test_what_a_key_sees_of_models_and_datasets(tmp_path: Path, simulator: Simulator) -> None:
    home, folder = tmp_path / "home", tmp_path / "bundle"
    write(folder, simulator.url, "{shadow: 0, stages: []}")
    text = (folder / "bundle.yaml").read_text()
    below = "\n  store: {parent: chain}\nmodels:"
    (folder / "bundle.yaml").write_text(text.replace("\nmodels:", below, 1))
    scope = frozenset({"learning"})
    key = make_key(folder, home, app="service", tenant="chain", scopes=scope)
    stores = make_key(folder, home, app="service", tenant="store", scopes=scope)
    usual = make_key(folder, home, app="service", tenant="chain")
    file = tmp_path / "rows.jsonl"
    rows = [{"question": f"Number {n}?", "answer": "A secret text."} for n in range(5)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with dataset_service(home) as datasets:
        made = datasets.bring_in(file, "approved", owner="chain")
    version = train(home, "At nine.")
    with Served(folder, home) as served:

        def ask(path: str, by: str = key, method: str = "GET") -> tuple[int, Any]:
            headers = {"authorization": f"Bearer {by}"}
            request = urllib.request.Request(f"{served.url}/v1/{path}", None, headers)
            request.method = method
            try:
                with urllib.request.urlopen(request, timeout=60) as reply:
                    return reply.status, json.loads(reply.read())
            except urllib.error.HTTPError as error:
                told = json.loads(error.read())
                kind = error.headers["content-type"]
                return error.code, told if kind == "application/problem+json" else {"no": kind}

        done(home, "promote", "answers", "--reason", "ready")
        one = f"custom/answers/{version.name}"
        _, listed = ask("custom")
        assert [(row["id"], row["state"]) for row in listed["data"]] == [(version.id, "live")]
        assert ask("custom/answers")[1] == listed
        assert "folder" not in ask("custom/answers/v1")[1]
        assert ask(one)[1]["digest"] == version.manifest.digest
        assert ask(f"{one}/card")[1]["markdown"].startswith("# answers")
        assert ask(f"{one}/gate")[1]["verdict"] == "passed"
        _, history = ask("custom/answers/history?limit=1")
        assert [(s["became"], s["reason"]) for s in history["data"]] == [("live", "ready")]
        short = ask("datasets")[1]["data"][0]["version"]
        status, manifest = ask(f"datasets/approved/{short}")
        assert (status, manifest["digest"]) == (200, made.digest)
        assert "secret" not in json.dumps(manifest), "no text of anybody"
        assert len(ask("datasets/approved")[1]["data"]) == 1
        # whoever has another key, or asks for what is not there
        assert ask("custom", usual)[0] == 403
        assert "learning" in ask("datasets", usual)[1]["detail"]
        assert ask("custom", stores)[1]["data"] == [] == ask("datasets", stores)[1]["data"]
        for path in ("custom/answers", one, f"{one}/card", "custom/answers/history",
                     "datasets/approved", f"datasets/approved/{short}"):  # fmt: skip
            assert ask(path, stores)[0] == 404, path
        for path in ("custom/..", "custom/answers/v9", "datasets/..", "datasets/approved/zz",
                     "custom/a/b/c/d", "custom/%2e%2e/v1"):  # fmt: skip
            assert ask(path)[0] == 404, path
        assert ask("custom/answers/history?limit=x")[1]["param"] == "limit"
        assert "detail" in ask("custom?what=1")[1]
        assert ask("custom", method="DELETE")[0] == 400
        train(home, "At ten.", gate="")
        assert ask("custom/answers/v2/gate")[0] == 404
        path = version.folder / "card.md"
        path.chmod(0o600)
        path.write_text("better than it is")
        assert ask(f"{one}/card")[0] == 500, "an altered card is no card"
