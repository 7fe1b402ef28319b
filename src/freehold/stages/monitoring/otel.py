"""OpenTelemetry spans by the GenAI semantic conventions (in development; v1.38 of the names).

Off unless an endpoint is configured; needs the extra ``otel``. All names stand here, since they
still change. Spans carry no text, no identity and no conversation. Costs about 0.1 ms an exchange.
"""

from typing import Any, Self

from freehold.core.errors import FreeholdError
from freehold.core.handoffs import Admitted
from freehold.core.trail import Call, Trail

SCOPE = "freehold"
OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_CHOICE_COUNT = "gen_ai.request.choice.count"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
ERROR_TYPE = "error.type"
EXCHANGE_ID = "freehold.exchange.id"
APP = "freehold.app"
TENANT = "freehold.tenant"
OUTCOME = "freehold.outcome"
RULES_FIRED = "freehold.rules.fired"
ATTEMPT = "freehold.attempt"
COST_NANO = "freehold.cost_nano"
SIMULATED = "freehold.simulated"

OPERATIONS = {"chat": "chat", "completion": "text_completion", "embedding": "embeddings"}
_PROVIDERS = {"openai": "openai", "azure": "azure.ai.openai"}


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
        self._tracer = self._provider.get_tracer(SCOPE)
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
        operation = OPERATIONS[arrival.ask.operation]
        attributes: dict[str, Any] = {
            EXCHANGE_ID: arrival.exchange_id,
            OPERATION_NAME: operation,
            REQUEST_STREAM: arrival.ask.stream,
            REQUEST_CHOICE_COUNT: arrival.ask.n,
            OUTCOME: outcome,
            RULES_FIRED: sorted({f.rule for f in trail.firings if f.fired}),
        }
        app = admitted.app if admitted is not None else trail.app
        if app is not None:
            attributes |= {APP: app.id, TENANT: app.tenant}
        if trail.failure is not None:
            attributes[ERROR_TYPE] = trail.failure.code
        from opentelemetry.trace import SpanKind, set_span_in_context

        span = self._tracer.start_span(
            f"freehold {operation}",
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
            ended = call.ended_ns if call.ended_ns is not None else took_ns
            child.end(end_time=began + max(ended, call.started_ns))
        span.end(end_time=began + took_ns)

    def _otlp(self) -> Any:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=self._endpoint, headers=self._headers)


def _call_attributes(call: Call, operation: str, admitted: Admitted | None) -> dict[str, Any]:
    spec = None
    if admitted is not None:
        spec = admitted.app.models.get(call.model) or admitted.app.guards.get(call.model)
    provider = spec.provider if spec is not None else "unknown"
    attributes: dict[str, Any] = {
        OPERATION_NAME: operation,
        PROVIDER_NAME: _PROVIDERS.get(provider, provider),
        REQUEST_MODEL: call.upstream_model,
        ATTEMPT: call.attempt,
        COST_NANO: call.cost_nano,
        SIMULATED: call.simulated,
    }
    if call.reported_model:
        attributes[RESPONSE_MODEL] = call.reported_model
    if call.first_ns is not None:
        attributes[RESPONSE_TIME_TO_FIRST_CHUNK] = (call.first_ns - call.started_ns) / 1e9
    if call.usage is not None:
        attributes[USAGE_INPUT_TOKENS] = call.usage.prompt_tokens
        attributes[USAGE_OUTPUT_TOKENS] = call.usage.completion_tokens
    if call.error:
        attributes[ERROR_TYPE] = "provider_error"
    return attributes
