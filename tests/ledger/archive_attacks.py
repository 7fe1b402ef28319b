"""What somebody may do to an archive for auditors, one function for each attack.

All but the first have the private key of the ledger, so they sign anew what they changed: whoever
makes an archive is whom it is about. The names are those of the table in
docs/reference/verification.md.
"""

import base64
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freehold.bundle.kept import keep
from freehold.bundle.snapshot import Snapshot
from freehold.core.clock import rfc3339
from freehold.ledger import notes, verifying
from freehold.ledger.canonical import encode
from freehold.ledger.signing import LedgerKeys
from tests.audit_samples import START_NS
from tests.services.made_ledger import SECOND, event, exchange, write_log
from tests.services.test_audit_export import GATEWAY, House, Opened

Files = dict[str, bytes]
LINES, SKELETON = f"logs/{GATEWAY}/lines.jsonl", f"logs/{GATEWAY}/skeleton.jsonl"
RULES = Snapshot(
    "shop",
    {"shop.yaml": b"freehold: 1\nname: shop\n", "deployed/clerk/v1/model.onnx": b"\0weights"},
)
OTHER_RULES = Snapshot("shop", {"shop.yaml": b"freehold: 1\nname: shop-2\n"})
MARCH = {"since_ns": START_NS + 150 * SECOND, "until_ns": START_NS + 850 * SECOND}


class Office(House):
    """A home whose rules are kept, and a mirror elsewhere that has a checkpoint of yesterday."""

    def __init__(self, folder: Path) -> None:
        bodies: list[dict[str, Any]] = [event("bundle.activated", RULES.hash)]
        for number in range(10):
            tenant = ("north", "south")[number % 2]
            ended = {"outcome": "denied"} if number in (2, 5) else {}
            made = exchange(f"x{number}", tenant=tenant, at=number * 100, **ended)
            made[0]["opened"]["app"]["bundle"] = (RULES if number < 5 else OTHER_RULES).hash
            bodies += made
        self.bodies = bodies
        super().__init__(folder / "home", bodies)
        for snapshot in (RULES, OTHER_RULES):
            keep(snapshot, self.home)
        self.mirror = folder / "kept.jsonl"
        self._mirror()

    def _mirror(self) -> None:
        note = (self.home / "ledger" / GATEWAY / "checkpoint").read_text("utf-8")
        at = rfc3339(START_NS - 86_400 * SECOND)
        self.mirror.write_bytes(encode({"at": at, "note": note}) + b"\n")

    def rewrite(self, bodies: list[dict[str, Any]]) -> None:
        """The gateway's log with these lines; as far as they are the same, so are their bytes."""
        shutil.rmtree(self.home / "ledger" / GATEWAY)
        self.lines = write_log(self.home, GATEWAY, bodies)

    def signed(self, files: Files, change: Callable[[dict[str, Any]], None]) -> Files:
        """The archive with another manifest and every hash right, as who has the key makes it."""
        manifest = json.loads(files["manifest.json"])
        change(manifest)
        listed = {name: manifest["files"].get(name, {}) for name in files}
        for name in ("manifest.json", "manifest.sig"):
            del listed[name]
        for name in listed:
            digest = hashlib.sha256(files[name]).hexdigest()
            listed[name] = {"sha256": digest, "bytes": len(files[name])}
        manifest["files"] = listed
        data = encode(manifest)
        keys = LedgerKeys(self.home)
        text = f"freehold audit export\n{keys.base}\nsha256:{hashlib.sha256(data).hexdigest()}\n"
        note = notes.sign(text, keys.signer(keys.base))
        return {**files, "manifest.json": data, "manifest.sig": note.encode()}


def files_of(made: Opened) -> Files:
    return {name: made.zip.read(name) for name in made.zip.namelist()}


def zipped(files: Files) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in sorted(files.items()):
            made.writestr(name, data)
    return file.getvalue()


def hidden(files: Files, gone: Callable[[dict[str, Any]], bool]) -> tuple[Files, int]:
    """Lines of the gateway's log behind hashes, and how many: the root stays what it was."""
    lines = files[LINES].splitlines()
    hide = [line for line in lines if gone(json.loads(line))]
    rows = [json.loads(row) for row in files[SKELETON].splitlines()]
    for line in hide:
        digest = base64.b64encode(verifying.leaf_hash(line)).decode()
        rows.append([0, json.loads(line)["seq"] - 1, digest])
    rows.sort(key=lambda row: row[1] << row[0])
    kept = b"".join(line + b"\n" for line in lines if line not in hide)
    skeleton = b"".join(encode(row) + b"\n" for row in rows)
    return {**files, LINES: kept, SKELETON: skeleton}, len(hide)


def of_gateway(manifest: dict[str, Any]) -> Any:
    (found,) = (log for log in manifest["logs"] if log["writer"] == GATEWAY)
    return found


def fewer(manifest: dict[str, Any], count: int) -> None:
    manifest["lines"] -= count
    of_gateway(manifest)["lines"] -= count


def denied(line: dict[str, Any]) -> bool:
    return bool(line["body"].get("exchange") == "x5")


Attack = Callable[[Office], Files]
ATTACKS: dict[str, Attack] = {}


def attack(told: str) -> Callable[[Attack], Attack]:
    """Register under the words of the table."""

    def register(function: Attack) -> Attack:
        ATTACKS[told] = function
        return function

    return register


def without_denials(office: Office, change: Callable[[dict[str, Any]], None]) -> Files:
    files, count = hidden(files_of(office.export(tenants="south")), denied)

    def told(manifest: dict[str, Any]) -> None:
        fewer(manifest, count)
        manifest["exchanges"] -= 1
        change(manifest)

    return office.signed(files, told)


@attack("a line is changed")
def _line(office: Office) -> Files:
    files = files_of(office.export(tenants="south"))
    return {**files, LINES: files[LINES].replace(b'"denied"', b'"Denied"')}


@attack("a tenant's denials are taken out")
def _denials(office: Office) -> Files:
    return without_denials(office, lambda _: None)


@attack("a tenant's denials are taken out, and the range of its lines")
def _no_range(office: Office) -> Files:
    return without_denials(office, lambda one: of_gateway(one).update(tenants=[]))


@attack(
    "a tenant's denials are taken out, the range of its lines, and the word of the ledger's line"
)
def _no_range_no_event(office: Office) -> Files:
    def change(manifest: dict[str, Any]) -> None:
        of_gateway(manifest)["tenants"] = []
        manifest["event"] = None

    return without_denials(office, change)


@attack("a tenant's denials are taken out, and the scope says no tenant's name")
def _no_tenants(office: Office) -> Files:
    def change(manifest: dict[str, Any]) -> None:
        of_gateway(manifest)["tenants"] = []
        manifest["scope"]["tenants"] = []
        manifest["event"] = None

    return without_denials(office, change)


@attack("a tenant's last lines are taken out, and its range is made shorter")
def _shorter(office: Office) -> Files:
    files = files_of(office.export(tenants="south"))
    files, count = hidden(files, lambda line: line["body"].get("exchange") == "x9")

    def change(manifest: dict[str, Any]) -> None:
        fewer(manifest, count)
        of_gateway(manifest)["tenants"][0]["to"] -= count

    return office.signed(files, change)


@attack("the first lines of a period are taken out, and its range is made shorter")
def _period(office: Office) -> Files:
    files = files_of(office.export(tenants="south", **MARCH))
    files, count = hidden(files, lambda line: line["tenant_seq"] < 6)

    def change(manifest: dict[str, Any]) -> None:
        fewer(manifest, count)
        of_gateway(manifest)["tenants"][0]["from"] = 6

    return office.signed(files, change)


@attack("an archive of one exchange is said to be complete")
def _single(office: Office) -> Files:
    files = files_of(office.export(exchange="x1"))
    return office.signed(files, lambda manifest: manifest.update(claim="complete"))


@attack("later lines are taken out, and the ledger's line about an earlier export is used again")
def _again(office: Office) -> Files:
    office.rewrite(office.bodies[:15])
    first = office.export(tenants="south").manifest
    office.rewrite(office.bodies)
    files = files_of(office.export(tenants="south"))
    files, count = hidden(files, lambda line: line["seq"] > 15)

    def change(manifest: dict[str, Any]) -> None:
        fewer(manifest, count)
        manifest["event"] = first["event"]
        of_gateway(manifest)["tenants"] = of_gateway(first)["tenants"]

    return office.signed(files, change)


def without_log(office: Office, change: Callable[[dict[str, Any]], None]) -> Files:
    files = files_of(office.export())
    files = {name: data for name, data in files.items() if not name.startswith(f"logs/{GATEWAY}/")}
    files = {name: data for name, data in files.items() if not name.startswith("bundles/")}

    def told(manifest: dict[str, Any]) -> None:
        manifest["lines"] -= of_gateway(manifest)["lines"]
        manifest["logs"].remove(of_gateway(manifest))
        manifest["bundles"] = []
        change(manifest)

    return office.signed(files, told)


@attack("a log is left out")
def _log(office: Office) -> Files:
    return without_log(office, lambda _: None)


@attack("a log is left out, and the word of the ledger's line")
def _log_no_event(office: Office) -> Files:
    return without_log(office, lambda manifest: manifest.update(event=None))


def rules(snapshot: Snapshot, name: str = "shop.yaml") -> str:
    return f"bundles/{snapshot.hash.removeprefix('sha256:')}/{name}"


def unchanged(manifest: dict[str, Any]) -> None:
    """Only the hashes of files are others."""


@attack("a rule is changed")
def _rule(office: Office) -> Files:
    files = files_of(office.export(tenants="south"))
    return office.signed({**files, rules(RULES): b"freehold: 1\nname: shap\n"}, unchanged)


@attack("a file of a custom model is changed")
def _model(office: Office) -> Files:
    files = files_of(office.export(tenants="south"))
    path = rules(RULES, "deployed/clerk/v1/model.onnx")
    return office.signed({**files, path: b"\0Weights"}, unchanged)


@attack("a file is put beside the rules")
def _beside(office: Office) -> Files:
    files = files_of(office.export(tenants="south"))
    return office.signed({**files, rules(RULES, "more.yaml"): b"rules: {}\n"}, unchanged)


@attack("a version of the rules that no line names is put in")
def _stranger(office: Office) -> Files:
    files = files_of(office.export(tenants="south"))
    made_up = Snapshot("shop", {"shop.yaml": b"freehold: 1\nname: made-up\n"})

    def change(manifest: dict[str, Any]) -> None:
        manifest["bundles"] = sorted([*manifest["bundles"], made_up.hash])

    return office.signed({**files, rules(made_up): made_up.files["shop.yaml"]}, change)


@attack("a version of the rules is taken out")
def _no_rules(office: Office) -> Files:
    files = files_of(office.export(tenants="south"))
    del files[rules(OTHER_RULES)]
    return office.signed(files, unchanged)


@attack("a version of the rules is taken out, and the manifest names it no more")
def _unnamed(office: Office) -> Files:
    files = files_of(office.export(tenants="south"))
    del files[rules(OTHER_RULES)]
    return office.signed(files, lambda manifest: manifest["bundles"].remove(OTHER_RULES.hash))


@attack("the archive is made of an older copy of the ledger")
def _older(office: Office) -> Files:
    office.rewrite(office.bodies[:15])
    return files_of(office.export(tenants="south"))


@attack("a log is passed off as one of format 1, which was never signed")
def _format_one(office: Office) -> Files:
    shutil.rmtree(office.home / "ledger" / GATEWAY)
    kept = [body for body in office.bodies if body.get("exchange") != "x5"]
    lines = write_log(office.home, GATEWAY, kept, version=1)
    root = verifying.merkle_root([verifying.leaf_hash(line) for line in lines])
    details = {"writer": GATEWAY, "lines": len(lines), "root": root.hex()}
    office.mine.append(event("ledger.adopted", GATEWAY, **details))
    office._sign()
    return files_of(office.export())


@attack("a version of the rules is taken out, and is said not to have been kept")
def _not_kept(office: Office) -> Files:
    files = files_of(office.export(tenants="south"))
    del files[rules(OTHER_RULES)]
    return office.signed(files, lambda one: one["missing_bundles"].append(OTHER_RULES.hash))


@attack("a false line about the export is written into the ledger, and the archive is made to fit")
def _false(office: Office) -> Files:
    """It says that the tenant had no line in the gateway's log."""

    def lie(kind: str, actor: str, subject: str, details: Any, *, tenant: str = "") -> str:
        (mine,) = (log for log in details["logs"] if log["writer"] != GATEWAY)
        (lied,) = (log for log in details["logs"] if log["writer"] == GATEWAY)
        path = office.home / "ledger" / mine["writer"] / "segment-00000001.log"
        leaves = b"".join(map(verifying.leaf_hash, path.read_bytes().splitlines()))
        digests = hashlib.sha256(b"").digest() + hashlib.sha256(leaves).digest()
        details |= {"lines": mine["lines"], "exchanges": 0}
        details["digest"] = hashlib.sha256(digests).hexdigest()
        lied |= {"lines": 0, "tenants": {}}
        return office.log(kind, actor, subject, details, tenant=tenant)

    files = files_of(office.export(lie, tenants="south"))
    files, count = hidden(files, lambda _: True)
    files = {name: data for name, data in files.items() if not name.startswith("bundles/")}

    def change(manifest: dict[str, Any]) -> None:
        fewer(manifest, count)
        manifest |= {"exchanges": 0, "bundles": []}
        of_gateway(manifest)["tenants"] = []

    return office.signed(files, change)
