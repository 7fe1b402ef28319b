"""However an answer is cut, what leaves is what would have left of the whole."""

import random
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.handoffs import Sendable
from freehold.stages.governance import Governance
from tests.stages.governance import kit

PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7 xyz\nabcdef+/==\n"
    "-----END RSA PRIVATE KEY-----"
)
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
LEAKS = {
    "email": "eve.adams@corp.io",
    "email written out": "eve.adams [at] corp [dot] io",
    "phone": "(212) 555-0187",
    "phone abroad": "+44 20 7946 0958",
    "phone in groups": "01 84 17 61 18",
    "card": "4111 1111 1111 1111",
    "card in one": "5555555555554444",
    "iban": "GB82 WEST 1234 5698 7654 32",
    "ssn": "536-90-4399",
    "nino": "AB 12 34 56 C",
    "nir": "1 85 05 19 123 456 33",
    "fiscal code": "RSSMRA85T10A562S",
    "ip": "93.184.216.34",
    "ip6": "2606:2800:220:1:248:1893:25c8:1946",
    "mac": "00:1B:44:11:3A:B7",
    "wallet": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "url": "admin:hunter2@db.internal",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "key": "sk-proj-Ab3dEf6hIj9kLm2nOp5qRs8t",
    "jwt": JWT,
    "pem": PEM,
    "bearer": "Bearer abc123def456ghi789",
    "password": "password: Tr0ub4dor&3",
    "said": "the password is Tr0ub4dor3",
    "short word": "pass: hunter2!x",
    "short word, no sign": "pw hunter2",
    "beside a login": "login jane, password hunter2",
    "iban with a slip": "DE89 3704 0044 0532 0130 00x",
    "passport": "passport number: X4711293",
    "licence": "driver's license no. S123-4567-8901",
    "birth": "born on Apr. 5, 1990",
    "birth in words": "date of birth: the 5th of April 1990",
    "mot de passe": "mot de passe : Tr0ub4dor3",
    "email in a link": "q=jane.roe%40acme-corp.com",
    "email as entity": "jane.roe&#64;acme-corp.com",
    "email escaped": "jane.roe\\u0040acme-corp.com",
    "email with blanks": "jane.roe @ acme-corp.com",
    "email with one blank": "jane.roe@ acme-corp.com",
    "card with dots": "4111.1111.1111.1111",
    "card with tabs": "4111\t1111\t1111\t1111",
    "card with blanks": "4111  1111  1111  1111",
    "card in lines": "4111\r\n1111\r\n1111\r\n1111",
    "card in columns": "4111 | 1111 | 1111 | 1111",
    "card digit by digit": "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    "card in words": "card4111 1111 1111 1111x",
    "card in bold": "4111 **1111** 1111 1111",
    "card in code": "`4111` `1111` `1111` `1111`",
    "card with escapes": "4111\\t1111\\t1111\\t1111",
    "key in bold": "**sk-pro**j-Ab3dEf6hIj9kLm2nOp5qRs8t",
    "key in two": "sk-proj-Ab3dEf6h``Ij9kLm2nOp5qRs8t",
    "named key": "AZURE_KEY = 9f86d081884c7d659a2f",
    "german mobile": "0171 2345678",
    "british mobile": "07700 900123",
    "command line": "mysql -u root -pS3cretPw9 shop",
    "typed": 'sshpass -p "Summer2024!" ssh x',
    "in a table": "| password | Welcome123 |",
    "in an element": "<password>Abc12345</password>",
    "docker": '{"auths": {"x": {"auth" : "Ym9iOmh1bnRlcjI="}}}',
    "token in a url": "https://ghx9Kq2mVb7LpQ4tRz8W@github.com/a",
    "url with two": "mongodb+srv://u:p@ss@cluster0.ab.mongodb.net/x",
    "putty": "PuTTY-User-Key-File-3: ssh-rsa\nLines: 1\nAb3d Ef6h\nPrivate-MAC: " + "0a" * 20,
    "pension": "65 170839 J 003",
    "pps": "PPS number 1234567 T",
    "birth number": "rodné číslo: 736028 / 5163",
    "card over lines": "4111 1111\n1111 1111",
    "card over quoted lines": "4111 1111 1111\r\n> 1111",
    "card with entities": "4539&nbsp;5787&nbsp;6362&nbsp;1486",
    "ssn over lines": "536-90-\n4399",
    "iban over lines": "DE89 3704 0044\n0532 0130 00",
    "iban with entities": "DE89&nbsp;3704&#160;0044&nbsp;0532 0130 00",
    "email over lines": "eve.adams@corp-\nmail.io",
    "email behind a dash": "eve-\nadams@corp.io",
    "email behind the at": "eve.adams@\ncorp.io",
    "code over lines": "personas kods 161175-\n19997",
    "phone in a row": "x,+14155552671,12",
}
TEXTS = (
    *(f"Sure. It is {leak}, as you asked." for leak in LEAKS.values()),
    *(f"{leak}" for leak in LEAKS.values()),
    *(f"<{leak}>\n{leak} and {leak} {leak}." for leak in LEAKS.values()),
    f"A list: {' '.join(str(n) for n in range(1, 120))} and {LEAKS['card']} {LEAKS['phone']}.",
    f"{'4111 1111 1111 1111 ' * 12}end",
    f"{'555-123-4567 ' * 14}end, call 467 3395 now",
    f"日本語の答えです。メールは{LEAKS['email']}です。電話は+81 3-1234-5678。以上",
    f"Grüße, Ihre IBAN ist {LEAKS['iban']} – danke schön",
    "No secrets here: order W2378156 of 2024-05-14, 3 items at $ 1,299.00, flight HAT136.",
    "The password reset link was sent; your token is ready and the key is under the mat.",
    f"{PEM[:60]} and no end in sight " + "word " * 30,
    "I know {email} and {phone}, but not [EMAIL_00000000] or [CARD_1234ABCD], and [x] is fine.",
    "{email}{email} [{phone}] [[EMAIL_00000000]] [EMAIL_0000",
    "a" * 300 + "@" + "b" * 40 + ".example.org " + "9" * 80 + " 1" * 60,
    "Bearer\nabc123def456ghi789 Authorization: Basic dXNlcjpwYXNzd29yZDEyMw== ok",
    '{"a":"x\\n(212) 555-0187\\t\\"eve@corp.io\\\\n4111111111111111\\u00e9536-90-4399"}',
    "\\n\\n4111 1111 1111 1111\\r\\nand \\\\n555-123-4567 \\ \\",
    "api key = 'Zx9Yw8Vu7Ts6Rq5P' , secret:\n  Qw3rTy9uIop0",
)


SPANS = tuple(s for s in kit.ALL if s.id != "injection.patterns")
ROOMS = {"spans": SPANS, "sentences": kit.ALL}
"""Detectors that need a span only, and with one that reads whole sentences."""


@cache
def house(room: str) -> tuple[Governance, Sendable]:
    gov = kit.governance()
    request = kit.prepared("Hello, I am ann@home.net, phone (555) 234-5678.", detectors=ROOMS[room])
    return gov, kit.travel(gov, request)[1]


def filled(text: str) -> str:
    by_kind = {k.split("_")[0].strip("[").lower(): k for k in house("spans")[1].restorations}
    return text.replace("{email}", by_kind["email"]).replace("{phone}", by_kind["phone"])


def check(text: str, cuts: list[int], room: str) -> str:
    gov, sendable = house(room)
    arrival = sendable.plan.ruled.admitted.arrival
    whole = kit.stream(gov, sendable, text, (), arrival)[1]
    released, final = kit.stream(gov, sendable, text, cuts, arrival)
    assert final == whole
    for before, after in pairwise([*released, final]):
        assert after.startswith(before)
    return whole


@pytest.mark.parametrize("name", LEAKS)
def test_every_leak_is_taken_out_of_a_whole_answer(name: str) -> None:
    whole = check(f"Sure. It is {LEAKS[name]}, as you asked.", [], "spans")
    assert "removed]" in whole
    for word in LEAKS[name].split():
        assert not any(c.isdigit() for c in word) or word not in whole


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("text", TEXTS)
def test_cut_at_every_position(text: str, room: str) -> None:
    text = filled(text)
    for cut in range(len(text) + 1):
        check(text, [cut], room)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("text", TEXTS)
def test_character_by_character(text: str, room: str) -> None:
    text = filled(text)
    check(text, list(range(len(text) + 1)), room)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("text", TEXTS)
def test_cut_at_random(text: str, room: str) -> None:
    text = filled(text)
    dice = random.Random(text)
    for _ in range(40):
        count = dice.randint(1, 12)
        check(text, sorted(dice.randint(0, len(text)) for _ in range(count)), room)


@given(
    parts=st.lists(
        st.one_of(
            st.sampled_from(tuple(LEAKS.values())),
            st.sampled_from(
                (" ", "\n", ", ", ". ", "-", "(", "+", "and", "AB", "call ", "key: ", "**", "`")
            ),
            st.text(alphabet="aZ09 +-.,:/()@[]_\né電*`|\t\\%&", max_size=12),
        ),
        max_size=14,
    ),
    dice=st.randoms(use_true_random=False),
)
@settings(max_examples=300)
def test_any_mixture_cut_at_random(parts: list[str], dice: random.Random) -> None:
    text = "".join(parts)
    cuts = sorted(dice.randint(0, len(text)) for _ in range(dice.randint(1, 20)))
    check(text, cuts, "spans")
    check(text, cuts, "sentences")


def test_little_is_held_back_of_plain_text() -> None:
    gov, sendable = house("spans")
    text = "You can return the blue kettle within thirty days at any of our stores. " * 6
    cuts = list(range(4, len(text), 4))
    released, _ = kit.stream(gov, sendable, text, cuts, sendable.plan.ruled.admitted.arrival)
    held = sorted(cut - len(out) for cut, out in zip(cuts, released, strict=True))
    assert held[len(held) // 2] <= 8
    assert held[-1] <= 24
