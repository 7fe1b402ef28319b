"""OpenTelemetry spans by the GenAI semantic conventions; the names stand in ``otel_names``.

Off unless an endpoint is configured; needs the extra ``otel``. Spans carry no text, no identity and
no conversation, and no setting adds any. Costs about 0.1 ms an exchange.
"""

from collections.abc import Mapping
from typing import Any, Self

from freehold.core.errors import FreeholdError
from freehold.core.handoffs import Admitted
from freehold.core.trail import Call, Trail
from freehold.stages.monitoring import otel_names as name
from freehold.stages.monitoring.sample import route_of


class Spans:
    """One server span for each exchange, one client span for each call; an `Observer`.

    Args:
        endpoint: where OTLP over HTTP goes (``http://collector:4318/v1/traces``); without one,
            where OpenTelemetry's own settings say (``OTEL_EXPORTER_OTLP_ENDPOINT``).
        exporter: an exporter to use instead.
        headers: sent along with every export.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        exporter: Any = None,
        headers: dict[str, str] | None = None,
        service: str = "freehold",
    ) -> None:
        self._endpoint = endpoint
        self._exporter = exporter
        self._headers = headers
        self._service = service
        self._provider: Any = None
        self._tracer: Any = None

    def open(self) -> Self:
        """Start exporting in the background.

        Raises:
            FreeholdError: the extra is not installed.
        """
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise FreeholdError("spans need the extra: pip install 'freehold[otel]'") from error
        self._provider = TracerProvider(resource=Resource({"service.name": self._service}))
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter or self._otlp()))
        self._tracer = self._provider.get_tracer(name.SCOPE)
        return self

    def close(self) -> None:
        """Export what is left and stop."""
        if self._provider is not None:
            self._provider.shutdown()
            self._provider = self._tracer = None

    def closed(self, trail: Trail, admitted: Admitted | None, outcome: str, took_ns: int) -> None:
        """One exchange is over."""
        if self._tracer is None:
            return
        arrival = trail.arrival
        began = arrival.received_ns
        operation = name.OPERATIONS[arrival.ask.operation]
        attributes: dict[str, Any] = {
            name.EXCHANGE_ID: arrival.exchange_id,
            name.OPERATION_NAME: operation,
            name.REQUEST_STREAM: arrival.ask.stream,
            name.REQUEST_CHOICE_COUNT: arrival.ask.n,
            name.OUTCOME: outcome,
            name.RULES_FIRED: sorted({f.rule for f in trail.firings if f.fired}),
        }
        app = admitted.app if admitted is not None else trail.app
        if app is not None:
            attributes |= {
                name.APP: app.id, name.TENANT: app.tenant, name.ROUTE: route_of(trail, app)
            }  # fmt: skip
        if trail.failure is not None:
            attributes[name.ERROR_TYPE] = trail.failure.code
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        span = self._tracer.start_span(
            f"freehold {operation}",
            context=_callers(arrival.client_headers),
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=began,
        )
        inside = set_span_in_context(span)
        for call in trail.calls:
            child = self._tracer.start_span(
                f"{operation} {call.model}",
                context=inside,
                kind=SpanKind.CLIENT,
                attributes=_call_attributes(call, operation, admitted),
                start_time=began + call.started_ns,
            )
            if call.failed:
                child.set_status(StatusCode.ERROR)
            ended = call.ended_ns if call.ended_ns is not None else took_ns
            child.end(end_time=began + max(ended, call.started_ns))
        if outcome == "error":  # a refusal is an answer, and no fault of this server
            span.set_status(StatusCode.ERROR)
        span.end(end_time=began + took_ns)

    def _otlp(self) -> Any:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=self._endpoint, headers=self._headers)


def _callers(headers: Mapping[str, str]) -> Any:
    """The caller's own trace, by W3C Trace Context; none where it sent none that can be read."""
    parent = headers.get("traceparent")
    if not parent:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})


def _call_attributes(call: Call, operation: str, admitted: Admitted | None) -> dict[str, Any]:
    spec = None
    if admitted is not None:
        spec = admitted.app.models.get(call.model) or admitted.app.guards.get(call.model)
    provider = spec.provider if spec is not None else "unknown"
    attributes: dict[str, Any] = {
        name.OPERATION_NAME: operation,
        name.PROVIDER_NAME: name.PROVIDERS.get(provider, provider),
        name.REQUEST_MODEL: call.upstream_model,
        name.ATTEMPT: call.attempt,
        name.ROLE: call.role,
        name.COST_NANO: call.cost_nano,
        name.SIMULATED: call.simulated,
    }
    if call.reported_model:
        attributes[name.RESPONSE_MODEL] = call.reported_model
    if call.first_ns is not None:
        attributes[name.RESPONSE_TIME_TO_FIRST_CHUNK] = (call.first_ns - call.started_ns) / 1e9
    if call.usage is not None:
        attributes[name.USAGE_INPUT_TOKENS] = call.usage.prompt_tokens
        attributes[name.USAGE_OUTPUT_TOKENS] = call.usage.completion_tokens
        if call.usage.cached_tokens:
            attributes[name.USAGE_CACHE_READ] = call.usage.cached_tokens
    if call.error:
        attributes[name.ERROR_TYPE] = call.error_kind
    return attributes
