"""Who gets in, as whom, and what is reserved for it."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.ask import Message
from freehold.core.errors import (
    BudgetExhausted,
    IdentityRefused,
    KeyRefused,
    NotFound,
    Overloaded,
    RateLimited,
    ScopeRefused,
)
from freehold.core.handoffs import Admitted, Usage
from freehold.core.leases import Lease
from freehold.core.limits import Limits, Scope
from freehold.core.principal import KeyGrant, Principal
from freehold.core.spec import AppSpec, IdentitySpec
from freehold.core.trail import Call, Trail
from freehold.stages.admit import Admit, Shedder
from freehold.stages.admit.foreign_keys import issuer_of
from tests.stages import made

CREATE = "freehold key create --tenant TENANT --app APP"
SCOPES = (Scope(id="north", limits=Limits()), Scope(id="north/service", limits=Limits()))


class Keys:
    def __init__(self, **changes: Any) -> None:
        values: dict[str, Any] = {"key_id": "k1", "tenant": "north", "app": "service"}
        self.grant = KeyGrant(**(values | changes))

    def find(self, secret: str) -> KeyGrant | None:
        return self.grant if secret == "fh_secret" else None


class Tokens:
    """Believes ``good``, the second time from memory."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.known = False
        self.verified = 0

    def cached(self, token: str, issuers: tuple[IdentitySpec, ...]) -> Principal | None:
        return self.principal if self.known and token == "good" else None

    async def verify(self, token: str, issuers: tuple[IdentitySpec, ...]) -> Principal:
        self.verified += 1
        await asyncio.sleep(0)
        if token != "good":
            raise IdentityRefused("no")
        self.known = True
        return self.principal


class Limiter:
    def __init__(self) -> None:
        self.admitted: list[tuple[Scope, ...]] = []
        self.leases: list[Lease] = []
        self.settled: list[tuple[str, int, int]] = []
        self.full: Exception | None = None

    def admit(self, scopes: tuple[Scope, ...]) -> None:
        self.admitted.append(scopes)
        if self.full is not None:
            raise self.full

    def lease(
        self, scopes: tuple[Scope, ...], tokens: int, nano: int, model: Scope | None = None
    ) -> Lease:
        if self.full is not None:
            raise self.full
        lease = Lease(
            id=str(len(self.leases)), scopes=tuple(s.id for s in scopes), tokens=tokens, nano=nano
        )
        self.leases.append(lease)
        return lease

    def misfit(
        self, scopes: tuple[Scope, ...], tokens: int, nano: int, model: Scope | None = None
    ) -> str:
        return str(self.full or "")

    def settle(self, lease: Lease, tokens: int, nano: int) -> None:
        self.settled.append((lease.id, tokens, nano))


ADA = Principal(
    id="ada",
    verified=True,
    issuer="https://id.example",
    roles=frozenset({"clerk"}),
    clearances=frozenset({"orders"}),
    attributes={"tier": "gold", "undeclared": "x"},
)
ATTRIBUTES = {"tier": "guest", "home_store": ""}


class House:
    """An admit stage with everything that it asks."""

    def __init__(self, settings: dict[str, Any] | None = None, **grant: Any) -> None:
        self.keys = Keys(**grant)
        self.tokens = Tokens(ADA)
        self.limiter = Limiter()
        self.clock = made.Standing()
        self.app = made.app(scopes=SCOPES, attributes=ATTRIBUTES, **(settings or {}))
        self.stage = Admit(self.keys, self.tokens, self.limiter, self.app_for, self.clock)
        self.trail = made.trail()

    def app_for(self, tenant: str, app: str) -> AppSpec:
        if (tenant, app) != ("north", "service"):
            raise NotFound(f"no app {app} for {tenant}")
        return self.app

    def admit(self, *, trail: Trail | None = None, **arrival: Any) -> Admitted:
        asked = arrival.pop("asked", None)
        return asyncio.run(self.stage(made.arrival(asked, **arrival), trail or self.trail))


def test_a_good_key() -> None:
    house = House()
    admitted = house.admit()
    assert admitted.app is house.app
    assert admitted.grant is house.keys.grant
    assert admitted.principal == Principal(attributes=ATTRIBUTES)
    assert house.limiter.admitted == [(Scope(id="key:k1", limits=Limits()), *SCOPES)]
    (decision,) = house.trail.decisions
    assert decision.why == "key k1 of north may use service; no verified identity"
    assert house.trail.spent_ns["admit"] > 0


@pytest.mark.parametrize(
    ("app", "key", "counts"),
    [
        ("normal", None, "normal"),
        ("normal", "low", "low"),
        ("high", "normal", "normal"),
        ("low", "high", "low"),  # the app was put down after the key was made
    ],
)
def test_a_key_may_have_less_priority_than_its_app_and_never_more(
    app: str, key: str | None, counts: str
) -> None:
    shedder = Shedder(made.Standing(), ceiling=100)
    shedder.limit = 0
    house = House({"priority": app}, priority=key)
    house.stage = Admit(
        house.keys, house.tokens, house.limiter, house.app_for, house.clock, shedder=shedder
    )
    with pytest.raises(Overloaded):
        house.admit()
    assert {name: count for name, count in shedder.shed.items() if count} == {counts: 1}


# -- keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grant", "key"),
    [
        ({}, "fh_unknown"),
        ({}, ""),
        ({"revoked": True}, "fh_secret"),
        ({"expires_ns": made.NOW_NS}, "fh_secret"),
        ({"expires_ns": made.NOW_NS - 1}, "fh_secret"),
    ],
)
def test_a_key_that_does_not_open(grant: dict[str, Any], key: str) -> None:
    house = House(**grant)
    with pytest.raises(KeyRefused) as caught:
        house.admit(key=key)
    assert caught.value.status == 401
    assert CREATE in caught.value.public
    for secret in ("fh_secret", "fh_unknown"):
        assert secret not in str(caught.value) + caught.value.public
    assert house.limiter.admitted == []


def test_a_key_until_its_last_nanosecond() -> None:
    assert House(expires_ns=made.NOW_NS + 1).admit().grant.key_id == "k1"


@pytest.mark.parametrize(
    ("key", "issuer"),
    [
        ("sk-proj-abcdef1234567890", "an OpenAI"),
        ("sk-abcdef1234567890", "an OpenAI-style"),
        ("sk-ant-api03-abcdef", "an Anthropic"),
        ("AIzaSyabcdef1234567", "a Google"),
        ("gsk_abcdef1234567890", "a Groq"),
        ("hf_abcdef1234567890", "a Hugging Face"),
        ("xai-abcdef1234567890", "an xAI"),
        ("AKIAABCDEF1234567890", "an AWS"),
    ],
)
def test_a_providers_key_sent_by_mistake(key: str, issuer: str) -> None:
    with pytest.raises(KeyRefused) as caught:
        House().admit(key=key)
    public = caught.value.public
    assert f"This is {issuer} key, and" in public
    assert CREATE in public
    for said in (public, str(caught.value)):
        assert key not in said
        assert key[8:] not in said
    assert caught.value.status == 401


@pytest.mark.parametrize("key", ["", "fh_unknown", "gsk_abcdef1234567890"])
def test_the_command_names_an_app_that_exists(key: str) -> None:
    house = House()
    house.stage = Admit(
        house.keys, house.tokens, house.limiter, house.app_for, house.clock, ("north", "service")
    )
    with pytest.raises(KeyRefused) as caught:
        house.admit(key=key)
    assert caught.value.public.endswith("freehold key create --tenant north --app service")


def test_our_own_keys_look_like_nobody_elses() -> None:
    assert issuer_of("fh_0123") is None
    assert issuer_of("") is None


@pytest.mark.parametrize("operation", ["chat", "completion", "embedding"])
def test_scopes(operation: str) -> None:
    others = {"chat", "completion", "embedding", "models"} - {operation}
    asked = made.ask(operation=operation)
    assert House(scopes=frozenset({operation})).admit(asked=asked)
    with pytest.raises(ScopeRefused) as caught:
        House(scopes=frozenset(others)).admit(asked=asked)
    assert caught.value.status == 403


@pytest.mark.parametrize("grant", [{"tenant": "south"}, {"app": "stock"}])
def test_a_key_whose_app_is_not_in_the_bundle(grant: dict[str, str]) -> None:
    with pytest.raises(ScopeRefused) as caught:
        House(**grant).admit()
    assert "does not exist" in caught.value.public
    assert not set(grant.values()) & set(caught.value.public.split())


def test_doors_that_start_no_journey() -> None:
    house = House()
    assert house.stage.grant_for("fh_secret", "models") == (house.keys.grant, house.app)
    with pytest.raises(KeyRefused):
        house.stage.grant_for("sk-proj-x", "models")


# -- identities --------------------------------------------------------------------------------


def test_a_verified_end_user() -> None:
    house = House()
    principal = house.admit(identity_token="good").principal
    assert (principal.id, principal.verified, principal.issuer) == ("ada", True, ADA.issuer)
    assert (principal.roles, principal.clearances) == (ADA.roles, ADA.clearances)
    assert principal.attributes == {"tier": "gold", "home_store": ""}
    assert house.trail.decisions[0].why.endswith("identity verified")
    assert house.trail.waited_ns["admit"] > 0
    assert house.admit(identity_token="good").principal == principal
    assert house.tokens.verified == 1


def test_a_bad_token_is_refused_even_where_none_is_needed() -> None:
    for token in ("bad", ""):
        house = House()
        with pytest.raises(IdentityRefused):
            house.admit(identity_token=token)
        assert house.limiter.admitted == []
        assert house.trail.waited_ns["admit"] > 0


def test_an_app_that_wants_to_know_who() -> None:
    strict = {"require_identity": True}
    with pytest.raises(IdentityRefused) as caught:
        House(strict).admit()
    assert "x-freehold-identity" in caught.value.public
    with pytest.raises(IdentityRefused):
        House(strict, trusted_headers=frozenset({"subject"})).admit(
            client_headers={"x-freehold-subject": "ada"}
        )
    assert House(strict).admit(identity_token="good").principal.id == "ada"


HEADERS = {
    "x-freehold-attribute-tier": "platinum",
    "x-freehold-attribute-home-store": "0042",
    "x-freehold-attribute-roles": "manager",
    "x-freehold-attribute-clearances": "pii",
    "x-freehold-attribute-undeclared": "x",
    "x-freehold-subject": "ada",
}


@pytest.mark.parametrize(
    ("trusted", "attributes", "subject"),
    [
        (set(), ATTRIBUTES, ""),
        ({"tier"}, {"tier": "platinum", "home_store": ""}, ""),
        ({"home_store"}, {"tier": "guest", "home_store": "0042"}, ""),
        ({"subject"}, ATTRIBUTES, "ada"),
        ({"roles", "clearances", "undeclared"}, ATTRIBUTES, ""),
        ({"tier", "home_store", "subject"}, {"tier": "platinum", "home_store": "0042"}, "ada"),
    ],
)
def test_headers_count_only_where_the_key_allows_them(
    trusted: set[str], attributes: dict[str, str], subject: str
) -> None:
    house = House(trusted_headers=frozenset(trusted))
    principal = house.admit(client_headers=HEADERS).principal
    assert principal.attributes == attributes
    assert principal.id == subject
    assert not principal.verified
    assert principal.roles == frozenset()
    assert principal.clearances == frozenset()


def test_headers_never_overrule_a_token() -> None:
    house = House(trusted_headers=frozenset({"tier", "home_store", "subject"}))
    headers = HEADERS | {"x-freehold-subject": "root"}
    principal = house.admit(identity_token="good", client_headers=headers).principal
    assert principal.id == "ada"
    assert principal.attributes == {"tier": "gold", "home_store": ""}


def test_a_header_is_cut_to_a_bound() -> None:
    house = House(trusted_headers=frozenset({"tier", "subject"}))
    long = {"x-freehold-attribute-tier": "x" * 5_000, "x-freehold-subject": "y" * 5_000}
    principal = house.admit(client_headers=long).principal
    assert (len(principal.attributes["tier"]), len(principal.id)) == (256, 256)


def test_the_apps_own_defaults_are_never_changed() -> None:
    house = House(trusted_headers=frozenset({"tier"}))
    house.admit(client_headers=HEADERS)
    assert house.app.attributes == {"tier": "guest", "home_store": ""}


# -- conversations -----------------------------------------------------------------------------


def conversation(house: House, header: str | None = None, **changes: Any) -> str:
    headers = {} if header is None else {"x-freehold-conversation": header}
    return house.admit(
        client_headers=headers | changes.pop("headers", {}), **changes
    ).conversation_id


def test_a_conversation_has_its_own_id_or_one_from_how_it_began() -> None:
    house = House()
    first = made.ask("Hello")
    longer = made.ask("Hello", Message(role="assistant", content="Hi"), "And?")
    assert conversation(house, asked=first) == conversation(house, asked=longer)
    assert conversation(house, asked=first) != conversation(house, asked=made.ask("Bye"))
    assert conversation(house, "c1", asked=first) == conversation(house, "c1", asked=longer)
    assert conversation(house, "c1") != conversation(house, "c2")
    assert conversation(house, "c1") != "c1"


def test_nobody_without_the_key_can_try_out_how_a_conversation_began() -> None:
    ids = set()
    for key in (b"", b"k" * 32, b"x" * 32):
        house = House()
        house.stage = Admit(
            house.keys, house.tokens, house.limiter, lambda *_, app=house.app: app, house.clock,
            conversation_key=key,
        )  # fmt: skip
        ids.add(conversation(house, asked=made.ask("Hello")))
        assert conversation(house, asked=made.ask("Hello")) in ids
    assert len(ids) == 3


def test_a_conversation_belongs_to_tenant_app_and_principal() -> None:
    house = House(trusted_headers=frozenset({"subject"}))
    mine = conversation(house, "c1")
    ids = {
        mine,
        conversation(house, "c1", identity_token="good"),
        conversation(house, "c1", headers={"x-freehold-subject": "bob"}),
    }
    for grant in ({"tenant": "south"}, {"app": "stock"}):
        other = House(**grant)
        other.stage = Admit(
            other.keys, other.tokens, other.limiter, lambda *_, app=other.app: app, other.clock
        )
        ids.add(conversation(other, "c1"))
    assert len(ids) == 5


def test_the_parents_id_is_the_callers_word_within_a_bound() -> None:
    assert House().admit(client_headers={"x-freehold-parent": "p" * 999}).parent_id == "p" * 256
    assert House().admit().parent_id == ""


# -- limits and money --------------------------------------------------------------------------


def test_too_many_requests() -> None:
    house = House()
    house.limiter.full = RateLimited("too many", retry_after_s=7)
    with pytest.raises(RateLimited) as caught:
        house.admit()
    assert (caught.value.status, caught.value.retry_after_s) == (429, 7)


def lease(house: House, number: int = 1, **asked: Any) -> Lease:
    grounded = made.grounded(
        made.ask(*asked.pop("messages", ("Hello",)), **asked), made.app(scopes=SCOPES)
    )
    sent = made.sendable(grounded, number)
    priced = made.model(input_price_nano=10, output_price_nano=1_000)
    attempt = type(sent.attempt)(number=number, model=priced, max_tokens=100)
    sent = type(sent)(plan=sent.plan, attempt=attempt, messages=sent.messages, restorations={})
    house.stage.lease(sent, house.trail)
    return house.limiter.leases[-1]


def test_the_worst_case_is_reserved() -> None:
    house = House()
    one = lease(house)
    assert one.scopes == ("key:k1", "north", "north/service")
    prompt = one.tokens - 100
    assert prompt >= len("Hello")
    assert one.nano == prompt * 10 + 100 * 1_000
    assert lease(house, 2, n=3).tokens == prompt + 300
    assert lease(house, 3, operation="embedding").tokens == prompt
    assert set(house.trail.leases) == {1, 2, 3}


@given(st.text(max_size=200))
def test_no_prompt_has_more_tokens_than_reserved(text: str) -> None:
    """A token is a byte at least; over ASCII, two characters."""
    reserved = lease(House(), messages=(text,)).tokens - 100
    assert reserved >= sum(1 if char > "\x7f" else 0.5 for char in text)
    beyond = "".join(char for char in text if char > "\x7f")
    assert reserved >= len(beyond.encode("utf-8", "surrogatepass"))


def test_tools_count_too() -> None:
    house = House()
    tool = {"type": "function", "function": {"name": "f", "description": "x" * 4_000}}
    assert lease(house, tools=(tool,)).tokens > lease(house, 2).tokens + 1_900


def test_a_budget_that_is_spent() -> None:
    house = House()
    house.limiter.full = BudgetExhausted("spent")
    with pytest.raises(BudgetExhausted):
        lease(house)
    assert house.trail.leases == {}


def call(attempt: int, prompt: int = 0, answer: int = 0, cost: int = 0) -> Call:
    usage = Usage(prompt_tokens=prompt, completion_tokens=answer) if prompt else None
    return Call(
        attempt=attempt, model="m", upstream_model="m", started_ns=0, usage=usage, cost_nano=cost
    )


def test_every_attempt_is_settled_with_all_of_its_calls() -> None:
    house = House()
    lease(house, 1)
    lease(house, 2)
    lease(house, 3)
    house.trail.calls += [
        call(1),  # failed before anything was counted
        call(1, 10, 5, 700),  # its retry
        call(2, 20, 0, 200),
        call(2, 20, 30, 900),
    ]
    house.stage.settle(house.trail)
    assert house.limiter.settled == [("0", 15, 700), ("1", 70, 1_100), ("2", 0, 0)]


def test_nothing_reserved_nothing_settled() -> None:
    house = House()
    house.stage.settle(house.trail)
    assert house.limiter.settled == []


def test_whoever_is_refused_at_the_door_is_known_by_the_key() -> None:
    house = House()
    house.limiter.full = RateLimited("app:north/service: 2 requests a minute")
    with pytest.raises(RateLimited):
        house.admit()
    assert house.trail.grant is not None
    assert house.trail.app is house.app
    (decision,) = house.trail.decisions
    assert (decision.outcome, decision.rule) == ("deny", "limit")
    assert decision.why == "app:north/service: 2 requests a minute"

    for narrow in (House(scopes=frozenset({"models"})), House(app="gone")):
        with pytest.raises(ScopeRefused):
            narrow.admit()
        assert narrow.trail.grant is not None
        assert [d.rule for d in narrow.trail.decisions] == ["scope"]

    anonymous = House({"require_identity": True})
    with pytest.raises(IdentityRefused):
        anonymous.admit()
    assert anonymous.trail.app is anonymous.app

    revoked = House(revoked=True)
    with pytest.raises(KeyRefused):
        revoked.admit()
    assert revoked.trail.grant is None
