import asyncio
import contextlib
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from freehold.bundle.activate import Activator, InvalidBundle
from freehold.bundle.check import Report
from freehold.bundle.kept import keep, kept_folder, load_kept
from freehold.bundle.problems import Problems
from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.snapshot import read_folder
from freehold.bundle.watch import BundleWatcher
from freehold.core.errors import BundleError, NotFound, StorageError
from tests.bundle.samples import edited, write

FAST_S = 0.02


class Live:
    """What a gateway is told, in order."""

    def __init__(self) -> None:
        self.activated: list[ResolvedBundle] = []
        self.refused: list[Report] = []
        self.fail: Exception | None = None

    def activate(self, bundle: ResolvedBundle) -> None:
        if self.fail is not None:
            raise self.fail
        self.activated.append(bundle)

    def codes(self) -> list[str]:
        return [problem.code for problem in self.refused[-1].errors]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "bundle")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@contextlib.asynccontextmanager
async def watching(
    folder: Path,
    home: Path,
    live: Live,
    interval_s: float = FAST_S,
    router_ids: tuple[str, ...] | None = None,
) -> AsyncIterator[BundleWatcher]:
    activator = Activator(
        folder, home, lookup={"SET": "https://set.example/v1"}.get, router_ids=router_ids
    )
    watcher = BundleWatcher(
        activator,
        activator.first(),
        on_activate=live.activate,
        on_reject=live.refused.append,
        interval_s=interval_s,
    )
    task = asyncio.create_task(watcher.run())
    try:
        yield watcher
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(0.005)


def replaced(folder: Path, old: str, new: str) -> None:
    """Edit a file as an editor does: a scratch file first, then a rename over the old one."""
    for name, text in edited(old, new).items():
        path = folder / name
        if path.read_text() != text:
            scratch = path.with_name(f".{path.name}.swp")
            scratch.write_text(text)
            scratch.rename(path)


async def test_a_change_goes_live_and_both_versions_are_kept(folder: Path, home: Path) -> None:
    live = Live()
    async with watching(folder, home, live) as watcher:
        first = watcher.live
        request_under_way = first.app_for("1001", "service")
        replaced(folder, "currency: EUR", "currency: CHF")
        await until(lambda: live.activated)
        assert watcher.live is live.activated[0]
        assert watcher.live.hash != first.hash
        assert watcher.live.app_for("1001", "service").currency == "CHF"
        assert request_under_way.currency == "EUR"
    assert load_kept(home, first.hash).currency == "EUR"
    assert load_kept(home, watcher.live.hash).currency == "CHF"
    assert live.refused == []


async def test_at_its_usual_pace_a_change_is_live_within_two_seconds(
    folder: Path, home: Path
) -> None:
    live = Live()
    async with watching(folder, home, live, interval_s=0.5):
        await asyncio.sleep(0.6)
        replaced(folder, "currency: EUR", "currency: CHF")
        changed = time.monotonic()
        await until(lambda: live.activated, 5)
        assert time.monotonic() - changed < 2


async def test_an_invalid_change_is_refused_and_the_old_one_stays_live(
    folder: Path, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    live = Live()
    async with watching(folder, home, live) as watcher:
        first = watcher.live
        replaced(folder, "candidates: [gpt-5, small]", "candidates: [gpt5, small]")
        await until(lambda: live.refused)
        assert live.codes() == ["ref.model"]
        assert watcher.live is first
        assert watcher.refused is live.refused[0]
        assert "did you mean `gpt-5`?" in caplog.text
        await asyncio.sleep(FAST_S * 10)
        assert len(live.refused) == 1, "one state is refused once"
        write(folder)
        await until(lambda: live.activated)
        assert live.activated == [first], "taken back: the old one is confirmed"
        assert watcher.refused is None
    assert len(list((home / "bundles").iterdir())) == 1


async def test_a_file_that_is_still_being_written_is_not_read(folder: Path, home: Path) -> None:
    live = Live()
    async with watching(folder, home, live, interval_s=0.1):
        text = edited("currency: EUR", "currency: CHF")["freehold.yaml"]
        for end in range(0, len(text), 40):
            (folder / "freehold.yaml").write_text(text[:end])
            await asyncio.sleep(0.03)
        (folder / "freehold.yaml").write_text(text)
        await until(lambda: live.activated)
    assert [bundle.bundle.currency for bundle in live.activated] == ["CHF"]
    assert live.refused == []


async def test_rapid_changes_end_with_the_last_one(folder: Path, home: Path) -> None:
    live = Live()
    async with watching(folder, home, live):
        for number in range(50):
            (folder / "freehold.yaml").write_text(
                edited("requests_per_minute: 600", f"requests_per_minute: {number + 1}")[
                    "freehold.yaml"
                ]
            )
            await asyncio.sleep(0.005)
        await until(
            lambda: (
                live.activated
                and live.activated[-1].app_for("chain", "service").limits.requests_per_minute == 50
            )
        )
    assert live.refused == []


async def test_a_deleted_folder_changes_nothing_until_it_is_back(folder: Path, home: Path) -> None:
    live = Live()
    async with watching(folder, home, live) as watcher:
        first = watcher.live
        shutil.rmtree(folder)
        await until(lambda: live.refused)
        assert live.codes() == ["folder.missing"]
        assert watcher.live is first
        write(folder, edited("currency: EUR", "currency: CHF"))
        await until(lambda: live.activated)
        assert live.activated[-1].bundle.currency == "CHF"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read anything")
async def test_an_unreadable_file_is_a_refusal(folder: Path, home: Path) -> None:
    live = Live()
    async with watching(folder, home, live):
        (folder / "models.yaml").chmod(0)
        await until(lambda: live.refused)
        assert live.codes() == ["file.unreadable"]
        (folder / "models.yaml").chmod(0o600)
        await until(lambda: live.activated)


async def test_reading_errors_are_a_refusal(
    folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live()
    async with watching(folder, home, live) as watcher:
        first, path_open = watcher.live, Path.open

        def failing(self: Path, *args: object, **options: object) -> object:
            if self.name == "models.yaml" and args[:1] == ("rb",):
                raise PermissionError(13, "Permission denied")
            return path_open(self, *args, **options)  # type: ignore[call-overload]

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", failing)
            replaced(folder, "currency: EUR", "currency: CHF")
            await until(lambda: live.refused)
        assert live.codes() == ["file.unreadable"]
        assert watcher.live is first
        os.utime(folder / "models.yaml")
        await until(lambda: live.activated)


async def test_scratch_files_of_editors_and_touches_change_nothing(
    folder: Path, home: Path
) -> None:
    live = Live()
    async with watching(folder, home, live):
        (folder / ".models.yaml.swp").write_text("half: [a")
        (folder / "models.yaml~").write_text("half: [a")
        os.utime(folder / "models.yaml")
        await asyncio.sleep(FAST_S * 10)
    assert live.activated == []
    assert live.refused == []


async def test_a_version_that_can_not_go_live_is_refused(folder: Path, home: Path) -> None:
    live = Live()
    async with watching(folder, home, live) as watcher:
        first = watcher.live
        live.fail = RuntimeError("no room")
        replaced(folder, "currency: EUR", "currency: CHF")
        await until(lambda: live.refused)
        assert live.codes() == ["activate.failed"]
        assert "no room" in str(live.refused[0].errors[0])
        assert watcher.live is first
        live.fail = None
        os.utime(folder / "models.yaml")
        await until(lambda: live.activated)


async def test_a_missing_variable_is_named_with_its_place(folder: Path, home: Path) -> None:
    live = Live()
    async with watching(folder, home, live):
        replaced(folder, "https://api.example.com/v1", "env:NOT_SET")
        await until(lambda: live.refused)
        problem = live.refused[0].errors[0]
        assert (problem.code, problem.file, problem.line) == ("env.unset", "models.yaml", 3)
        assert "NOT_SET" in problem.message
        write(folder, edited("https://api.example.com/v1", "env:SET"))
        await until(lambda: live.activated)
        assert live.activated[0].models["gpt-5"].base_url == "https://set.example/v1"


async def test_a_router_that_nobody_has_is_a_refusal(folder: Path, home: Path) -> None:
    live = Live()
    async with watching(folder, home, live, router_ids=("learned", "static", "theirs")):
        text = (folder / "models.yaml").read_text()
        objective = "\n    objective: {policy: "
        wrong = text.replace("\n    candidates:", f"{objective}lerned}}\n    candidates:", 1)
        assert wrong != text
        (folder / "models.yaml").write_text(wrong)
        await until(lambda: live.refused)
        assert live.codes() == ["route.policy"]
        assert "did you mean `learned`" in live.refused[0].errors[0].suggestion
        (folder / "models.yaml").write_text(wrong.replace("lerned", "theirs"))
        await until(lambda: live.activated)


def test_the_first_version_must_be_valid(folder: Path, home: Path) -> None:
    (folder / "models.yaml").unlink()
    with pytest.raises(InvalidBundle, match="unknown model") as caught:
        Activator(folder, home, lookup={}.get).first()
    assert caught.value.report.errors
    assert not home.exists()


def test_a_kept_bundle_is_a_faithful_copy_and_its_damage_is_found(folder: Path, home: Path) -> None:
    snapshot = read_folder(folder, Problems())
    target = keep(snapshot, home)
    assert target == kept_folder(home, snapshot.hash)
    assert read_folder(target, Problems()).files == snapshot.files
    assert keep(snapshot, home) == target
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    damaged = target / "freehold.yaml"
    damaged.chmod(0o600)
    damaged.write_text(damaged.read_text().replace("600", "6000"))
    with pytest.raises(BundleError, match="was changed"):
        load_kept(home, snapshot.hash)
    with pytest.raises(BundleError, match="was changed"):
        keep(snapshot, home)


@pytest.mark.parametrize("name", ["sha256:" + "0" * 64, "sha256:../../etc", "", "0" * 64])
def test_what_was_never_live_is_not_found(home: Path, name: str) -> None:
    with pytest.raises(NotFound):
        load_kept(home, name)


def test_a_full_disk_leaves_no_half_copy(
    folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    activation = Activator(folder, home, lookup={}.get).prepare()
    assert activation is not None
    assert activation.resolved is None
    assert [problem.code for problem in activation.report.errors] == ["keep.failed"]
    assert list((home / "bundles").iterdir()) == []


def test_a_home_that_can_not_be_made_is_no_fault_of_the_bundle(folder: Path, home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    home.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=r"the home .* can't be written: ") as raised:
        Activator(folder, home, lookup={}.get).first()
    assert "bundle is not valid" not in str(raised.value)
    activation = Activator(folder, home, lookup={}.get).prepare()
    assert activation is not None
    assert [problem.code for problem in activation.report.errors] == ["keep.failed"]
