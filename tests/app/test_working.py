"""Workers, as processes of their own: killed, cancelled, side by side, silent to the outside."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from freehold.app import working
from freehold.app.datasets import dataset_service
from freehold.app.working import Slot, hardware, job_service
from freehold.core.errors import NotFound, RequestError
from freehold.core.jobs import Hardware, JobView, Needs
from freehold.learning.registry import Registry
from freehold.ledger.reading import read_all
from freehold.services.jobs import Jobs
from freehold.services.training import FOLDER, TrainingPlan
from freehold.storage.job_queue import queues_for

pytest.importorskip("dbos", reason="jobs need the extra `jobs`")

COUNTING = Path(__file__).parent.parent / "services" / "counting.py"
WATCH = """
import os, sys
def heard(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        with open(os.environ["HEARD"], "a") as file:
            file.write(f"{event} {arguments[-1] if event == 'socket.connect' else arguments[0]}\\n")
sys.addaudithook(heard)
"""


class House:
    """A home with a dataset, and a site where a trainer is installed."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.home = folder / "home"
        site = folder / "site"
        info = site / "acme_trainers-0.1.dist-info"
        info.mkdir(parents=True)
        shutil.copy(COUNTING, site / "acme_counting.py")
        (site / "sitecustomize.py").write_text(WATCH)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-trainers\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text(
            "[freehold.trainers]\ncounting = acme_counting:CountingTrainer\n"
        )
        self.heard = folder / "heard"
        self.heard.touch()
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)]),
            "HEARD": str(self.heard),
            **environment,
        }
        file = folder / "rows.jsonl"
        rows = ({"text": f"Question number {n}?", "answer": "Yes."} for n in range(9))
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        with dataset_service(self.home) as datasets:
            self.dataset = datasets.bring_in(file, "answers", owner="main")
        self.said = folder / "said"

    def plan(self, seed: int = 0, **options: Any) -> TrainingPlan:
        return TrainingPlan(
            model="answers", kind="counting", owner="main", dataset="answers",
            digest=self.dataset.digest, options=options, seed=seed, actor="ada",
        )  # fmt: skip

    @contextmanager
    def worker(self, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
        command = [sys.executable, "-m", "freehold", "worker", "--home", str(self.home), *options]
        with self.said.open("ab") as said:
            process = subprocess.Popen(command, env=self.environment, stderr=said, stdout=said)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def once(self, *options: str) -> None:
        with self.worker("--once", *options) as process:
            assert process.wait(90) == 0, self.said.read_text()

    def events(self, kind: str) -> list[dict[str, Any]]:
        bodies = (entry.envelope()["body"] for entry in read_all(self.home))
        return [body["details"] for body in bodies if body.get("kind") == kind]

    def steps(self, plan: TrainingPlan) -> int:
        state = self.home / FOLDER / plan.id / "out" / "state.txt"
        return len(state.read_text().splitlines()) if state.exists() else 0


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, {})


@pytest.fixture
def jobs(house: House) -> Iterator[Jobs]:
    with job_service(house.home, "ada") as found:
        yield found


def until(wanted: Callable[[], Any], patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while not wanted():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def ended(jobs: Jobs, job_id: str) -> JobView:
    until(lambda: jobs.find(job_id).state in ("done", "failed", "cancelled"))
    return jobs.find(job_id)


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """Jobs in a file, or in PostgreSQL."""
    if request.param == "sqlite":
        yield House(tmp_path, {})
        return
    import psycopg

    url = request.getfixturevalue("postgres_url")
    schema = f"jobs_{secrets.token_hex(6)}"
    told = {"FREEHOLD_JOBS_URL": url, "FREEHOLD_JOBS_SCHEMA": schema}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    yield House(tmp_path, told)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


def test_a_killed_worker_and_a_killed_training_go_on_where_they_were(anywhere: House) -> None:
    house = anywhere
    plan = house.plan(steps=40, pause=0.05)
    with job_service(house.home, "ada") as jobs:
        job = jobs.put(plan, Needs())
        with house.worker() as worker:
            until(lambda: house.steps(plan) >= 3)
            if sys.platform == "linux":
                path = Path(f"/proc/{worker.pid}/task")
                pids = " ".join((t / "children").read_text() for t in path.iterdir()).split()
                os.kill(int(pids[0]), signal.SIGKILL)
                begun = house.steps(plan)
                until(lambda: house.steps(plan) > begun)
            assert jobs.find(job.job_id).state == "running"
            assert jobs.progress(jobs.find(job.job_id)).total == 40
            # killed, or told to end
            rough = "FREEHOLD_JOBS_URL" not in house.environment
            os.kill(worker.pid, signal.SIGKILL if rough else signal.SIGTERM)
            assert worker.wait(60) == (-signal.SIGKILL if rough else 0)
        begun = house.steps(plan)
        assert 3 <= begun < 40
        house.once()
        view = jobs.find(job.job_id)
        assert (view.state, view.error) == ("done", "")
        assert view.result["figures"]["begun_at"] >= begun
    (version,) = Registry(house.home / "custom").versions("answers")
    assert view.result["version"] == version.manifest.version
    assert [told["resumed"] for told in house.events("training.started")][-1] is True
    assert len(house.events("training.finished")) == 1
    assert house.events("training.queued")[0]["job"] == job.job_id


def test_two_workers_never_do_one_job_twice(house: House, jobs: Jobs) -> None:
    plans = [house.plan(seed=n, steps=2, pause=0.05) for n in range(2)]
    ids = [jobs.put(plan, Needs()).job_id for plan in plans]
    with house.worker("--once") as one, house.worker("--once") as other:
        assert [one.wait(90), other.wait(90)] == [0, 0]
    assert {jobs.find(job_id).state for job_id in ids} == {"done"}
    assert sorted(told["seed"] for told in house.events("training.started")) == [0, 1]
    assert len(Registry(house.home / "custom").versions("answers")) == 2


def test_a_cancelled_job_ends_and_goes_on_when_it_is_tried_again(house: House, jobs: Jobs) -> None:
    plan = house.plan(steps=10_000, pause=0.05)
    job = jobs.put(plan, Needs())
    fails = jobs.put(house.plan(fail="no class has two rows: label more"), Needs())
    with house.worker():
        until(lambda: house.steps(plan) >= 2)
        with pytest.raises(RequestError, match=r"is running at .*: cancel it first"):
            jobs.retry(job.job_id)
        assert jobs.cancel(job.job_id).state == "cancelled"
        # the next one is begun when this one is over
        view = ended(jobs, fails.job_id)
    assert (view.state, view.error) == (
        "failed",
        "no class has two rows: label more (FH-LRN-001)",
    )
    assert 2 <= house.steps(plan) < 10_000
    with pytest.raises(RequestError, match="is cancelled"):
        jobs.cancel(job.job_id)
    assert jobs.retry(job.job_id).state == "waiting"
    assert jobs.cancel(job.job_id).state == "cancelled"
    with pytest.raises(NotFound, match="there is no job `job_x`"):
        jobs.retry("job_x")
    assert [view.job.job_id for view in jobs.list(10)] == [fails.job_id, job.job_id]
    assert len(house.events("training.cancelled")) == 2


def test_a_worker_takes_what_fits_and_reaches_for_nobody_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enticing = {
        "DBOS__CLOUD": "true",
        "DBOS__CONDUCTOR_KEY": "key",
        "DBOS__OTLP_TRACES_ENDPOINT": "http://192.0.2.1:4318",
        "DBOS_DOMAIN": "cloud.example",
    }
    for name, value in enticing.items():
        monkeypatch.setenv(name, value)
    house = House(tmp_path, enticing)
    with job_service(house.home, "ada") as jobs:
        fits = jobs.put(house.plan(steps=1), Needs())
        others = [
            jobs.put(house.plan(seed=1), Needs(memory_gb=9)),
            jobs.put(house.plan(seed=2), Needs(device="cuda")),
        ]
        waits = jobs.waits_for(jobs.find(others[1].job_id))
        assert waits.startswith("no worker runs on this machine: freehold worker")
        house.once("--device", "cpu", "--memory", "8")
        said = house.said.read_text()
        assert f"{others[1].job_id} still waits, for counting on cuda with 1 GB" in said
        with Slot(house.home) as slot:
            slot.tell(Hardware(memory_gb=8))
            assert jobs.waits_for(jobs.find(others[0].job_id)).startswith("no worker on this")
            slot.tell(Hardware(memory_gb=16))
            assert jobs.waits_for(jobs.find(others[0].job_id)) == ""
        assert jobs.find(fits.job_id).state == "done"
        assert {jobs.find(job.job_id).state for job in others} == {"waiting"}
    assert house.heard.read_text() == ""


def test_a_worker_whose_home_is_gone_ends(house: House) -> None:
    with house.worker() as process:
        until(lambda: "worker " in house.said.read_text())
        house.home.rename(house.home.with_name("elsewhere"))
        assert process.wait(90) == 1
    assert "is gone" in house.said.read_text()


def test_a_worker_takes_only_what_its_libraries_train(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "lacking", lambda kind: "no" if kind == "causal-lm" else "")
    assert hardware((), ("cpu",), 1).kinds == ("classifier", "responder")
    with pytest.raises(RequestError, match="causal-lm can't be trained here: no"):
        hardware(("causal-lm",), ("cpu",), 1)
    with pytest.raises(RequestError, match="did you mean `responder`"):
        hardware(("responde",), ("cpu",), 1)
    monkeypatch.setattr(working, "lacking", lambda _: "")
    assert hardware((), ("cpu",), 1).kinds == ()


def test_queues_are_where_a_job_fits() -> None:
    small = queues_for(Hardware(memory_gb=3), ["a"])
    assert small == ["train/a/cpu/1", "train/a/cpu/2"]
    both = Hardware(devices=("cpu", "cuda"), memory_gb=2, kinds=("b",))
    assert len(queues_for(both, ["a", "b"])) == 4
    assert Needs(memory_gb=5).size_gb == 8
