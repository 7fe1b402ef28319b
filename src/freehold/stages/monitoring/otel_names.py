"""Names of OpenTelemetry's GenAI semantic conventions, which are in development and still change,
and Freehold's own. A test holds them against the published ones.
"""

SCOPE = "freehold"
OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_CHOICE_COUNT = "gen_ai.request.choice.count"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens"
USAGE_CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
ERROR_TYPE = "error.type"
EXCHANGE_ID = "freehold.exchange.id"
APP = "freehold.app"
TENANT = "freehold.tenant"
OUTCOME = "freehold.outcome"
RULES_FIRED = "freehold.rules.fired"
ATTEMPT = "freehold.attempt"
COST_NANO = "freehold.cost_nano"
ROUTE = "freehold.route"
ROLE = "freehold.call.role"
SIMULATED = "freehold.simulated"

OPERATIONS = {"chat": "chat", "completion": "text_completion", "embedding": "embeddings"}
PROVIDERS = {
    "openai": "openai",
    "azure": "azure.ai.openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
    "bedrock": "aws.bedrock",
}
"""Wire dialect → the conventions' name; others keep their own."""
