"""Settings: from the command line, live through the control endpoint, refused with a reason."""

import pytest

from freehold.testing import Simulator, SimulatorError
from freehold.testing.simulator.settings import (
    DEFAULT_MISBEHAVE,
    ModelSettings,
    SettingsError,
    SimulatorSettings,
    parse_misbehave,
    parse_model,
    patch_misbehave,
    patch_model,
)
from freehold.testing.simulator.state import State


def test_a_model_on_the_command_line() -> None:
    name, changes = parse_model("big:latency_ms=120,error_rate=0.5,errors=500|drop,behaviour=echo")
    model = patch_model(ModelSettings(), name, changes)
    assert name == "big"
    assert model == ModelSettings(
        latency_ms=120, error_rate=0.5, errors=("500", "drop"), behaviour="echo"
    )
    assert parse_model("llama3:8b") == ("llama3:8b", {})
    assert parse_model("llama3:8b:tokens_per_s=9") == ("llama3:8b", {"tokens_per_s": "9"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("m:latency=3", "did you mean 'latency_ms'"),
        ("m:latency_ms=soon", "expected a number"),
        ("m:error_rate=2", "not between 0 and 1"),
        ("m:latency_ms=-1", "not between 0 and inf"),
        ("m:latency_ms=nan", "not between"),
        ("m:errors=501", "unknown '501'"),
        ("m:behaviour=retial", "did you mean 'retail'"),
        ("m:latency_ms=3,4", "expected key=value"),
        ("m:dimensions=2.5", "whole number"),
    ],
)
def test_wrong_model_settings_say_why(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        patch_model(ModelSettings(), *parse_model(text))


def test_shares_of_misbehaviour() -> None:
    shares = patch_misbehave(DEFAULT_MISBEHAVE, parse_misbehave("discount=0.5,leak=0"))
    assert shares["discount"] == 0.5
    assert shares["leak"] == 0.0
    assert shares["price"] == DEFAULT_MISBEHAVE["price"]
    assert not any(patch_misbehave(DEFAULT_MISBEHAVE, parse_misbehave("none")).values())
    with pytest.raises(SettingsError, match="above 1"):
        patch_misbehave(DEFAULT_MISBEHAVE, {"discount": 0.99})
    with pytest.raises(SettingsError, match="did you mean 'discount'"):
        patch_misbehave(DEFAULT_MISBEHAVE, {"discounts": 0.1})
    with pytest.raises(SettingsError, match="kind=share"):
        parse_misbehave("discount")


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": "x"},
        {"behavior": "echo"},
        {"models": []},
        {"models": {"m": {"next": ["501"]}}},
        {"models": {"m": {"next": "500"}}},
        {"models": {"m": {"answers": [3]}}},
        {"models": {"m": {"answers": [{"content": 3}]}}},
        {"models": {"m": {"answers": [{"tool_calls": [{"id": "x"}]}]}}},
        {"models": {"m": {"behaviour": "recorded"}}},
        {"misbehave": {"discount": 3}},
    ],
)
def test_a_control_message_that_is_wrong_changes_nothing(changes: dict[str, object]) -> None:
    state = State(SimulatorSettings(behaviour="echo"))
    before = state.settings
    good = {"models": {"simulated-small": {"latency_ms": 5, "next": ["500"]}}}
    models = changes.get("models")
    mixed = {**good, **changes}
    if isinstance(models, dict):
        mixed["models"] = {**good["models"], **models}
    with pytest.raises(SettingsError):
        state.control(mixed)
    assert state.settings == before
    assert state.chaos.scheduled == {}


async def test_control_while_it_runs() -> None:
    async with Simulator(behaviour="echo", models={"extra": {"errors": ["500", "429"]}}) as one:
        await one.control(models={"extra": {"latency_ms": 1}, "new": {}})
        with pytest.raises(SimulatorError, match="did you mean 'latency_ms'"):
            await one.control(models={"extra": {"latency": 1}})
        stats = await one.stats()
        assert stats["simulator"] == "freehold"
        assert stats["requests"] == 0
