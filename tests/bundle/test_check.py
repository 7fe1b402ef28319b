from pathlib import Path

import pytest

from freehold.bundle.check import Report, check
from freehold.bundle.problems import Problem
from tests.bundle.samples import GOOD, edited, write


def found(report: Report, code: str) -> Problem:
    matching = [problem for problem in report.problems if problem.code == code]
    assert len(matching) == 1, "\n".join(map(str, report.problems))
    return matching[0]


def only(report: Report) -> Problem:
    assert len(report.problems) == 1, "\n".join(map(str, report.problems))
    return report.problems[0]


def line_of(folder: Path, problem: Problem) -> str:
    return (folder / problem.file).read_text(encoding="utf-8").splitlines()[problem.line - 1]


def test_a_good_bundle_has_no_problems(tmp_path: Path) -> None:
    report = check(write(tmp_path))
    assert report.problems == ()
    assert report.ok
    assert report.bundle is not None
    assert report.bundle.name == "corner-shop"
    assert report.hash.startswith("sha256:")


TEN = {
    "a-freehold.yaml": """\
        freehold: 1
        name: ten mistakes
        tenants:
          chain:
            settings:
              content: none
              limits: {requests_per_minute: 60}
            lock: [content, limits]
          north:
            parent: chian
          south:
            parent: chain
            settings:
              content: full
        """,
    "b-models.yaml": """\
        models:
          gpt-5:
            base_url: https://api.example.com/v1
            api_key: sk-abcdefghijklmnopqrstuvwx
            tiemout_ms: 500
        routes:
          main:
            candidates: [gpt5]
        """,
    "c-apps.yaml": """\
        apps:
          service:
            tenant: chain
            purpose: Answers customers
            route: main
            sources: [orders]
            settings:
              limits: {requests_per_minute: many}
        sources:
          orders:
            type: sql
            url: sqlite:orders.db
            query: SELECT * FROM orders WHERE customer = :who
        """,
    "d-broken.yaml": """\
        rules:
          first:
          \tphase: answer
        """,
}
TEN_EXPECTED = [
    ("a-freehold.yaml", 2, "shape.pattern"),
    ("a-freehold.yaml", 10, "ref.tenant"),
    ("a-freehold.yaml", 14, "lock.loosened"),
    ("b-models.yaml", 4, "secret.inline"),
    ("b-models.yaml", 5, "shape.unknown-key"),
    ("b-models.yaml", 8, "ref.model"),
    ("c-apps.yaml", 8, "shape.type"),
    ("c-apps.yaml", 10, "source.unbound"),
    ("c-apps.yaml", 13, "source.parameter"),
    ("d-broken.yaml", 3, "yaml.tab"),
]


def test_ten_mistakes_of_ten_kinds_are_reported_at_once(tmp_path: Path) -> None:
    report = check(write(tmp_path, TEN))
    assert [(p.file, p.line, p.code) for p in report.problems] == TEN_EXPECTED
    assert len({p.code for p in report.errors}) == 10
    assert all(p.column > 0 for p in report.errors)
    assert report.bundle is None
    unread = "unless d-broken.yaml, which can't be read, declares it"
    for code, near in (("ref.model", "gpt-5"), ("ref.tenant", "chain")):
        assert unread in found(report, code).message
        assert found(report, code).suggestion == f"did you mean `{near}`?"
    assert found(report, "shape.unknown-key").suggestion == "did you mean `timeout_ms`?"
    # Mended, the others stay as they were, without the remark.
    (tmp_path / "d-broken.yaml").write_text("")
    mended = check(tmp_path)
    assert [(p.file, p.line, p.code) for p in mended.errors] == TEN_EXPECTED[:-1]
    assert not any("unless" in p.message for p in mended.errors)


BROKEN = {
    "syntax": (b"rules:\n  mine:\n    phase: answer\n    when: [\n", "yaml.syntax"),
    "encoding": (b"rules:\n  mine: {phase: answer, why: caf\xe9}\n", "yaml.encoding"),
    "utf-16": ("rules: {mine: {phase: answer}}".encode("utf-16"), "yaml.encoding"),
    "document": (b"labels: {fine: {}}\n---\nrules: {mine: {}}\n", "yaml.documents"),
    "duplicate": (b"labels: {fine: {}, fine: {}}\n", "yaml.duplicate-key"),
    "character": (b"labels: {fine: {}}\nrules: '\x07'\n", "yaml.character"),
    "tag": (b"rules: {mine: !!set {}}\n", "yaml.tag"),
    "list": (b"- rules\n", "shape.type"),
}


@pytest.mark.parametrize(("content", "code"), BROKEN.values(), ids=BROKEN)
def test_one_broken_file_hides_no_unknown_name(tmp_path: Path, content: bytes, code: str) -> None:
    write(tmp_path, edited("route: main\n", "route: mian\n"))
    models = tmp_path / "models.yaml"
    models.write_text(models.read_text().replace("[pii]", "[ppi]").replace("s.tier", "s.teir"))
    service = tmp_path / "apps" / "service.yaml"
    service.write_text(
        service.read_text().replace("who: principal.id", "who: principal.attributes.sore")
    )
    (tmp_path / "z.yaml").write_bytes(content)
    codes = [problem.code for problem in check(tmp_path).errors]
    assert codes.count(code) == 1
    refs = sorted(c for c in codes if c.startswith("ref."))
    assert refs == ["ref.attribute", "ref.attribute", "ref.label", "ref.route"]


def test_what_stands_in_the_broken_file_is_not_missed(tmp_path: Path) -> None:
    files = edited("            candidates: [embedder]".strip(), "candidates: [embedder, {]")
    report = check(write(tmp_path, files))
    # models and the first route were read in full; the broken one at least has a name
    assert [problem.code for problem in report.errors] == ["yaml.syntax"]
    files = {
        name: text.replace("prefer: [small]", "prefer: [smal]") for name, text in files.items()
    }
    report = check(write(tmp_path, files))
    assert [problem.code for problem in report.errors] == ["ref.model", "yaml.syntax"]
    assert found(report, "ref.model").suggestion == "did you mean `small`?"


def test_a_misspelt_phase_or_obligation_hides_no_expression(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def compile_rule(expression: str, phase: str) -> str | None:
        asked.append((expression, phase))
        return "it is wrong" if "percents" in expression else None

    old = "phase: answer\n    when: 'answer.percents"
    for phase, meant in (("answr", "answer"), ("requets", "request"), ("later", "answer")):
        files = edited(old, old.replace("answer", phase, 1))
        report = check(write(tmp_path, files), compile_rule=compile_rule)
        assert [p.code for p in report.errors] == ["shape.choice", "rule.expression"]
        assert asked[0] == ("answer.percents.exists(p, p.value > 2000)", meant)
        asked.clear()
    report = check(
        write(tmp_path, edited("require_approval:", "require_approvl:")), compile_rule=compile_rule
    )
    assert sorted(p.code for p in report.errors) == ["rule.expression", "shape.unknown-key"]


DO = "when: 'true'\n    do:\n      - "
MARK = f"phase: answer\n    {DO}annotate: {{tag: money}}"
SENTENCE = f"phase: answer\n    needs: sentence\n    {DO}"
LATE = f"phase: answer\n    late: terminate\n    {DO}"
STREAM = f"phase: stream\n    {DO}"


@pytest.mark.parametrize(
    ("old", "new", "code", "at", "says"),
    [
        ("route: main\n", "route: mian\n", "ref.route", "mian", "did you mean `main`?"),
        ("[orders, stock]", "[order, stock]", "ref.source", "order,", "did you mean `orders`?"),
        ("rules: [mark-money]", "rules: [markmoney]", "ref.rule", "markmoney", "`mark-money`"),
        ("tenant: chain", "tenant: chains", "ref.tenant", "chains", "did you mean `chain`?"),
        ("{gpt-4o: gpt-5}", "{gpt-4o: gpt5}", "ref.model", "gpt5", "did you mean `gpt-5`?"),
        ("clearances: [pii]", "clearances: [ppi]", "ref.label", "ppi", "did you mean `pii`?"),
        ("phase: answer\n    when: 'true'", "phase: anwser\n    when: 'true'", "shape.choice",
         "anwser", "did you mean `answer`?"),
        ("currency: EUR", "currency: euro", "shape.pattern", "euro", "such as `EUR`"),
        ("{requests_per_minute: 600}", "{requests_per_minute: 0}", "shape.value", "0",
         "at least 1"),
        ("{requests_per_minute: 600}", "{requests_per_minute: 6_00}", "shape.type", "6_00",
         "write `600`"),
        ("public: true", "public: yes", "shape.type", "yes", "write `true`"),
        ("sources: [orders, stock]", "sources: orders", "shape.type", "sources:",
         "write `[orders]`"),
        ("title: The chain", "title: 7", "shape.type", "7", 'put it in quotes: "7"'),
        ("title: The chain", "title:", "shape.empty", "title:", "remove the key"),
        ("name: corner-shop\n", "", "shape.missing-key", None, "no `name` in any file"),
        ("freehold: 1\n", "", "shape.missing-key", None, "add `freehold: 1`"),
        ("freehold: 1\n", "freehold: 2\n", "shape.choice", "2", "write `freehold: 1`"),
        ("    purpose: Answers customers\n", "", "shape.missing-key", "service:", "`purpose`"),
        ("- annotate: {tag: money}", "- annotate: {tag: money}\n        block: {}",
         "rule.obligation", "annotate", "its own `-`"),
        ("- annotate: {tag: money}", "- annotate:", "shape.empty", "annotate", "`annotate`"),
        ("- annotate: {tag: money}", "- block", "shape.type", "- block", "write `block: {}`"),
        ("- annotate: {tag: money}", "- redact: {}", "rule.obligation", "redact", "to take out"),
        ("north: {parent: chain}", "north: {}", "tenant.root", "north:", "`parent: chain`"),
        ("north: {parent: chain}", "north: {parent: '1001'}", "tenant.cycle", "", "circle"),
        ("north: {parent: chain}", "north: {parent: chain, settings: {content: full}}",
         "lock.loosened", "content", "tenant `chain` locks `content` in freehold.yaml"),
        ("aliases: {gpt-4o: gpt-5}",
         "aliases: {gpt-4o: gpt-5}\n    settings: {limits: {requests_per_minute: 601}}",
         "lock.loosened", "requests_per_minute", "looser than the `600`"),
        ("prefer: [small]", "prefer: [embedder]", "route.candidate", "embedder", "`candidates`"),
        ("prefer: [small]", "exclude: [embedder]", "route.candidate", "embedder", "`candidates`"),
        ("prefer: [small]", "why: nobody", "route.rule", "why", "`only`"),
        ("candidates: [embedder]", "candidates: [embedder]\n    objective: {policy: learned}",
         "route.metric", "policy", "metrics:"),
        ("candidates: [embedder]", "candidates: [embedder]\n    learn: {metric: solved}",
         "ref.metric", "solved", ""),
        ("apps:", "metrics: {stars: {type: float, min: 5}}\napps:", "metric.range", "min", "max"),
        ("apps:", "metrics: {solved: {max: 5}}\napps:", "metric.range", "max", "leave them out"),
        ("candidates: [embedder]", "candidates: [embedder, small]", "route.capability", "small",
         "no capability `embedding`"),
        ("content: redacted", "content: redacted\n      models: [embedder]", "route.ruled-out",
         "route: main", "ruled out"),
        ("content: redacted", "content: redacted\n      detectors: {pi.email: {}}", "ref.detector",
         "pi.email", "did you mean `pii.email`?"),
        ("https://stock.example.com", "https://elsewhere.example.org", "egress.host", "elsewhere",
         "not in `egress.allow`"),
        ("allow: [stock.example.com]", "allow: ['stock.example.com:8443']", "egress.host",
         "https://stock", "did you mean `stock.example.com:8443`?"),
        ("who: principal.id", "who: principal.attributes.teir", "ref.attribute", "teir",
         "did you mean `tier`?"),
        ("principal.attributes.tier ==", "principal.attributes.teir ==", "ref.attribute", "teir",
         "did you mean `tier`?"),
        ("who: principal.id", "who: principle.id", None, "principle", "`principal.id`"),
        ("who: principal.id", "who: request.text", "source.unbound", "orders:", "`public: true`"),
        ("terms: request.terms}", "term: request.terms}", None, "", "did you mean `term`?"),
        ("SELECT * FROM orders", "DELETE FROM orders", "source.query", "query", "`DELETE`"),
        ("https://api.example.com/v1", "http://api.example.com/v1", "model.plain-http", "http:",
         "use https"),
        ("input: 1.25", "input: 1.2525", "model.price", "1.2525", "at most three decimals"),
        ("base_url: https://api.example.com/v1", "base_url: api.example.com", "shape.pattern",
         "api.example", "`https://…`"),
        ("api_key: env:EXAMPLE_KEY", "api_key: hunter2", "shape.pattern", "hunter2", "`env:NAME`"),
        ("api_key: env:EXAMPLE_KEY", "headers: {Authorization: hunter2}", "secret.header",
         "hunter2", "`env:NAME`"),
        ("  small:\n", "  un used:\n    base_url: https://a.example/v1\n  small:\n", "shape.id",
         "un used", "no valid id"),
        ("  small:\n", "  spare:\n    base_url: https://a.example/v1\n  small:\n", "unused.model",
         "spare", "never used"),
        ("rules: [mark-money]", "rules: []", "unused.rule", "mark-money:", "never used"),
        (MARK, f"{SENTENCE}require_approval: {{role: boss}}", "rule.late", "sentence",
         "`needs: whole`"),
        (MARK, f"{LATE}rewrite: {{template: N}}", "rule.late", "terminate", "`late: buffer`"),
        (MARK, f"{LATE}redact: {{facts: [money]}}", "rule.late", "terminate", "`late: buffer`"),
        (MARK, f"needs: sentence\n    {LATE}block: {{}}", "rule.late", "terminate", "remove it"),
        (MARK, LATE.replace("answer", "stream") + "block: {}", "rule.late", "terminate",
         "remove it"),
        (MARK, f"needs: whole\n    {STREAM}block: {{}}", "rule.needs", "whole", "`phase: answer`"),
        (MARK, f"{STREAM}require_approval: {{role: boss}}", "rule.stream", "require_approval",
         "`needs: whole`"),
        (MARK, f"{STREAM}redact: {{labels: [pii]}}", "rule.stream", "labels", "`facts`"),
        ("content: redacted", "content: redacted\n      detectors: {pii.*: {late: terminate}}",
         "detector.late", "terminate", "remove it"),
        ("content: redacted", "content: redacted\n      detectors: {pii.card: {late: soon}}",
         "shape.choice", "soon", "terminate"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_where_it_stands(
    tmp_path: Path, old: str, new: str, code: str | None, at: str | None, says: str
) -> None:
    report = check(write(tmp_path, edited(old, new)))
    assert report.problems, "not found"
    if code is None:
        problem = next(p for p in report.problems if says in str(p))
    else:
        problem = found(report, code)
    assert says in str(problem)
    if at is not None:
        line = line_of(tmp_path, problem)
        assert at in line
        assert line[problem.column - 1 :].strip()
    assert report.ok is (problem.severity == "warning")


def test_secrets_are_found_and_never_repeated(tmp_path: Path) -> None:
    secret = "sk-" + "a1B2" * 8
    files = edited("api_key: env:EXAMPLE_KEY", f"api_key: {secret}")
    files["notes.md"] = "first\npostgresql://me:hunter2hunter2@db.example/x\n"
    files["freehold.yaml"] += f"# old key: {secret}\nlabels: {secret}\n"
    report = check(write(tmp_path, files))
    spots = {(p.file, p.line) for p in report.problems if p.code == "secret.inline"}
    assert ("notes.md", 2) in spots
    assert {file for file, _ in spots} == {"notes.md", "models.yaml", "freehold.yaml"}
    said = "\n".join(map(str, report.problems))
    assert secret not in said
    assert "hunter2" not in said


@pytest.mark.parametrize("place", ["keys/model", "./keys/../keys/model"])
def test_a_secret_s_file_does_not_lie_in_the_bundle(tmp_path: Path, place: str) -> None:
    files = edited("api_key: env:EXAMPLE_KEY", f"api_key: file:{place}")
    (tmp_path / "outside").write_text("secret")
    folder = write(tmp_path / "bundle", files)
    assert check(folder).ok, "where it will be, it is not now"
    (folder / "keys").mkdir()
    (folder / "keys" / "model").write_text("secret")
    problem = only(check(folder))
    assert (problem.code, problem.file) == ("secret.inside", "models.yaml")
    assert check(write(tmp_path / "bundle", edited("env:EXAMPLE_KEY", "file:../outside"))).ok


def test_a_misspelt_name_is_one_mistake_not_two(tmp_path: Path) -> None:
    report = check(write(tmp_path, edited("candidates: [embedder]", "candidates: [embeder]")))
    assert only(report).code == "ref.model"
    report = check(
        write(tmp_path, edited("candidates: [gpt-5, small]", "candidates: [gpt-5, smal]"))
    )
    assert only(report).code == "ref.model"  # and not that a route's rule prefers no candidate
    report = check(
        write(tmp_path, edited("candidates: [gpt-5, small]", "candidates: [gpt-5, other]"))
    )
    assert {p.code for p in report.errors} == {"ref.model", "route.candidate"}


def test_the_compiler_is_asked_about_every_expression_with_its_phase(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def compile_rule(expression: str, phase: str) -> str | None:
        asked.append((expression, phase))
        return "undeclared `percents`" if "percents" in expression else None

    files = edited("    public: true\n", "    public: true\n    when: request.asks_stock\n")
    report = check(write(tmp_path, files), compile_rule=compile_rule)
    problem = only(report)
    assert problem.code == "rule.expression"
    assert "undeclared `percents`" in problem.message
    assert "percents" in line_of(tmp_path, problem)
    assert sorted(phase for _, phase in asked) == ["answer", "answer", "route", "source"]


def test_detectors_of_third_parties_are_known_when_named(tmp_path: Path) -> None:
    files = edited("content: redacted", "content: redacted\n      detectors: {acme.names: {}}")
    assert only(check(write(tmp_path, files))).code == "ref.detector"
    assert check(tmp_path, detector_ids=frozenset({"acme.names"})).ok


def test_a_file_that_can_not_be_read_hides_no_other_mistake(tmp_path: Path) -> None:
    files = dict(GOOD)
    files["models.yaml"] = "models: [unclosed\n"
    files["freehold.yaml"] = GOOD["freehold.yaml"].replace("currency: EUR", "curency: EUR")
    report = check(write(tmp_path, files))
    codes = [p.code for p in report.problems]
    assert codes.count("shape.unknown-key") == codes.count("yaml.syntax") == 1
    assert "unless models.yaml, which can't be read, declares it" in str(report.problems[0])


@pytest.mark.parametrize("files", [{}, {"readme.txt": "hello"}, {"a.yaml": ""}, {"a.yaml": "- 1"}])
def test_a_folder_without_a_bundle_is_an_error(tmp_path: Path, files: dict[str, str]) -> None:
    assert not check(write(tmp_path, files)).ok


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    assert only(check(tmp_path / "nowhere")).code == "folder.missing"
