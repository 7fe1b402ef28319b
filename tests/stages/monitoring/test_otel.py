"""Spans by the GenAI conventions, read back through the SDK's own exporter."""

import pytest

from freehold.core.errors import ProviderUnavailable
from freehold.core.trail import Trail
from freehold.stages.monitoring import otel, otel_names
from tests.audit_samples import SECRET_WORDS, START_NS, answered, arrival, exchange

exporters = pytest.importorskip(
    "opentelemetry.sdk.trace.export.in_memory_span_exporter", reason="needs the extra `otel`"
)


def test_one_span_for_the_exchange_and_one_for_each_call() -> None:
    exporter = exporters.InMemorySpanExporter()
    spans = otel.Spans("http://127.0.0.1:1/v1/traces", exporter=exporter).open()
    trail, _, one = exchange()
    answered(trail)
    spans.closed(trail, one, "allowed", 5_000_000)
    spans._provider.force_flush()
    child, parent = exporter.get_finished_spans()
    spans.close()
    assert parent.name == "freehold chat"
    assert parent.start_time == START_NS
    assert parent.end_time == START_NS + 5_000_000
    assert parent.attributes[otel_names.OUTCOME] == "allowed"
    assert parent.attributes[otel_names.RULES_FIRED] == ("rule-1",)
    assert child.parent.span_id == parent.context.span_id
    assert child.name == "chat large"
    assert child.attributes[otel_names.PROVIDER_NAME] == "openai"
    assert child.attributes[otel_names.RESPONSE_MODEL] == "large-2026-10"
    assert child.attributes[otel_names.USAGE_INPUT_TOKENS] == 120
    assert child.start_time == START_NS + 2_000
    written = parent.to_json() + child.to_json()
    for word in (
        SECRET_WORDS,
        "customer-17",
        "c0ffee00c0ffee00c0ffee00c0ffee00",
        "platinum",
        "till 3",
    ):
        assert word not in written


def test_a_failure_has_its_code() -> None:
    exporter = exporters.InMemorySpanExporter()
    spans = otel.Spans("http://127.0.0.1:1/v1/traces", exporter=exporter).open()
    trail, _, one = exchange()
    trail.failure = ProviderUnavailable("down")
    trail.call.error, trail.call.error_kind = "down", "unreachable"
    spans.closed(trail, one, "error", 5_000)
    spans._provider.force_flush()
    child, parent = exporter.get_finished_spans()
    spans.close()
    assert parent.attributes[otel_names.ERROR_TYPE] == "FH-INF-002"
    assert child.attributes[otel_names.ERROR_TYPE] == "unreachable"
    assert child.status.status_code.name == parent.status.status_code.name == "ERROR"


def test_nothing_is_exported_when_closed() -> None:
    exporter = exporters.InMemorySpanExporter()
    spans = otel.Spans("http://127.0.0.1:1/v1/traces", exporter=exporter)
    trail, _, one = exchange()
    spans.close()
    spans.open()
    spans.close()
    spans.closed(trail, one, "allowed", 1)
    assert exporter.get_finished_spans() == ()


def test_the_names_are_those_of_the_conventions() -> None:
    published = pytest.importorskip(
        "opentelemetry.semconv._incubating.attributes.gen_ai_attributes"
    )
    names = {value for value in vars(published).values() if isinstance(value, str)}
    ours = {
        value
        for value in vars(otel_names).values()
        if isinstance(value, str) and value.startswith("gen_ai.")
    }
    assert len(ours) >= 9
    assert ours <= names


def test_providers_have_the_conventions_names() -> None:
    published = pytest.importorskip(
        "opentelemetry.semconv._incubating.attributes.gen_ai_attributes"
    )
    known = {value.value for value in published.GenAiProviderNameValues}
    assert set(otel_names.PROVIDERS.values()) <= known
    known = {value.value for value in published.GenAiOperationNameValues}
    assert set(otel_names.OPERATIONS.values()) <= known


@pytest.mark.parametrize(
    ("header", "joins"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", False),
        ("x" * 5_000, False),
        ("", False),
    ],
)
def test_a_callers_own_trace_is_joined_where_its_header_can_be_read(
    header: str, joins: bool
) -> None:
    exporter = exporters.InMemorySpanExporter()
    spans = otel.Spans("http://127.0.0.1:1/v1/traces", exporter=exporter).open()
    coming = arrival(client_headers={"traceparent": header})
    trail = Trail(coming)
    spans.closed(trail, None, "denied", 5_000)
    spans._provider.force_flush()
    (span,) = exporter.get_finished_spans()
    spans.close()
    assert (f"{span.context.trace_id:032x}" == "4bf92f3577b34da6a3ce929d0e0e4736") is joins
    assert span.status.status_code.name == "UNSET"
