"""A simulator of a model provider: a process of its own that speaks the OpenAI wire.

It is no model. Everything it sends says so: the models are called `simulated-…`, every answer has
the header `x-simulator: freehold` and the fingerprint `simulator`. It exists so that tests, the
demo and the benchmarks need no key and no network, and so that bad days (slow answers, errors,
dropped connections, answers that break the rules) can be had at will and repeated exactly.

    python -m freehold.testing.simulator --port 0 --behaviour retail

Nothing here imports the gateway.
"""
