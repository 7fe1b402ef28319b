"""A canary that is carried away: it goes on where it was, and what it showed stays."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from freehold.app.deployments import custom_rows
from freehold.app.homes import store_of
from freehold.app.ownership import export_all, far
from freehold.app.taking_over import Asked, Taken, import_all
from freehold.bundle.kept import live_mark
from freehold.bundle.route_specs import trial_spec
from freehold.cli.main import main
from freehold.core.trials import Seen, Standing
from freehold.services.bundles import kept_bundle
from freehold.services.ownership_pick import Wanted
from freehold.storage.trials import StoredTrials
from tests.services.made_owned import AT_NS, BUNDLE, go_live, stand, train


def into(base: Path, name: str, **asked: Any) -> Taken:
    bundle = asked.pop("bundle", base / f"{name}-bundle")
    return import_all(base / "a.zip", base / name, Asked(bundle=bundle, **asked), print)


def stands(home: Path) -> list[Standing]:
    with store_of(home) as database:
        return StoredTrials(database).all()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose canary is at its second stage, of which three exchanges are known."""
    base = tmp_path_factory.mktemp("canary")
    home, folder = base / "home", base / "bundle"
    folder.mkdir()
    (folder / "bundle.yaml").write_text(BUNDLE)
    version = train(home, "We open at nine.")
    stand(home, version, "canary")
    go_live(home, folder)
    bundle = kept_bundle(home, live_mark(home)[1])
    spec = trial_spec(bundle.bundle.custom_models["answers"].deploy, version.id)
    with store_of(home) as database:
        trials = StoredTrials(database)
        first = trials.of(spec, "customer")
        assert trials.move(first, Standing(trial=first.trial, route="customer", model=version.id,
                                           stage=1, since_ns=AT_NS, by="ann"))  # fmt: skip
        trials.saw(
            Seen(
                exchange_id=f"ex-{number}", conversation=f"talk-{number}", trial=first.trial,
                stage=1, share=250_000, newcomer=number == 0, failed=False, refused=False,
                took_ms=1, cost_nano=0, at_ns=2**62,
            )
            for number in range(3)
        )  # fmt: skip
        trials.refresh()
    made = export_all(home, Wanted(), base / "a.zip", force=True, tell=print).manifest
    (canary,) = made.canaries
    assert (canary.stage, canary.share) == (1, 250_000)
    assert (canary.newcomers, canary.others) == (1, 2)
    return base


def test_it_goes_on_at_its_stage_and_says_what_stayed(base: Path) -> None:
    command = ["import", str(base / "a.zip"), "--home", str(base / "new"),
               "--bundle", str(base / "new-bundle")]  # fmt: skip
    told = CliRunner().invoke(main, command)
    assert told.exit_code == 0, told.output
    assert "a canary with 25.00% of the conversations, as where it comes from" in told.stdout
    assert "What 3 exchanges showed there at that stage (1 with it) stays there" in told.stdout
    assert stands(base / "new") == stands(base / "home")
    with store_of(base / "new") as database:
        bundle = kept_bundle(base / "new", live_mark(base / "new")[1])
        (here,) = far(database, bundle, custom_rows(base / "new"))
    assert (here.stage, here.share, here.newcomers + here.others) == (1, 250_000, 0)
    # an export of it has the same content
    again = export_all(base / "new", Wanted(), base / "b.zip", force=True, tell=print).manifest
    first = into(base, "third", dry_run=True).signed.manifest
    assert again.digest == first.digest
    assert "a canary" not in CliRunner().invoke(main, command).stdout, "all of it is there"


def test_a_bundle_with_other_stages_is_said_to_begin_anew(base: Path) -> None:
    home, folder = base / "other", base / "other-bundle"
    shutil.copytree(base / "bundle", folder)
    text = (folder / "bundle.yaml").read_text()
    (folder / "bundle.yaml").write_text(text + "    deploy: {stages: [0.1, 0.5]}\n")
    home.mkdir()
    go_live(home, folder)
    command = ["import", str(base / "a.zip"), "--home", str(home), "--without", "bundle"]
    told = CliRunner().invoke(main, command)
    assert "10.00% of the conversations, not the 25.00% that it had" in told.stdout


def test_one_that_goes_into_the_shadow_first_brings_no_stage(base: Path) -> None:
    taken = into(base, "shadow", as_state="shadow")
    assert (taken.done, taken.brought, stands(base / "shadow")) == (True, (), [])
