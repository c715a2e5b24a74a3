"""`makegood doctor`: each line says what is wrong and what mends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from makegood.kernel.clock import MovedClock, SystemClock
from makegood.payments.providers.sandbox.adapter import SandboxProvider
from makegood.product_api import Check
from makegood.proof.checks import ClockIsRight, MemoryHasRoom, ProvidersKnowUs, StoreWorks
from makegood.proof.doctor import Doctor
from makegood.proof.findings import Findings, found
from makegood.storage.objects import ObjectStore, StorageAway, StorageRefused
from makegood.web.checks import PagesAreThere
from tests.health.toyshop import command
from tests.shops import KEY, SECRET, Provider, free_port, until


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The sandbox, whose notifications reach nobody."""
    server = Provider(tmp_path_factory.mktemp("provider"), free_port())
    server.start()
    yield server
    server.stop()


def doctor(home: Path, **env: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """What the doctor says of a home, by the names of his lines."""
    code, told = command("doctor", "--json", env={"MAKEGOOD_HOME": str(home), **env})
    return code, {line["name"]: line for line in json.loads(told)["checks"]}


def wrong(lines: dict[str, dict[str, Any]]) -> list[str]:
    return [name for name, line in lines.items() if not line["ok"]]


@pytest.mark.parametrize("arguments", [("proof", "--json"), ("alerts",), ("orders", "show", "ORD-0000000000")])
@pytest.mark.parametrize(
    ("wrong_with", "said"),
    [
        ({"MAKEGOOD_DATABASE_URL": "postgresql://shop:PlAnTeDpw@127.0.0.1:1/x"}, "database"),
        ({"MAKEGOOD_PORT": "eighty"}, "MAKEGOOD_PORT"),
    ],
)
def test_what_a_command_cannot_do_it_says_in_a_sentence(
    tmp_path: Path, arguments: tuple[str, ...], wrong_with: dict[str, str], said: str
) -> None:
    code, told = command(*arguments, env={"MAKEGOOD_HOME": str(tmp_path / "home"), **wrong_with})

    assert code == 1
    assert "Traceback" not in told
    assert told.startswith("✗ ")
    assert said in told.splitlines()[0]
    assert "makegood doctor" in told
    assert "PlAnTeD" not in told


def test_an_empty_home_is_prepared_and_well(tmp_path: Path) -> None:
    code, lines = doctor(tmp_path / "home")
    assert (code, wrong(lines)) == (0, [])
    parts = {line["part"] for line in lines.values()}
    assert {
        "database", "schema", "models", "products", "pages", "letters", "storage", "disk", "memory", "mail", "payments",
        "clock", "workers", "settings",
    } <= parts  # fmt: skip
    assert doctor(tmp_path / "home")[0] == 0


@pytest.mark.parametrize(
    ("env", "name", "said"),
    [
        ({"MAKEGOOD_SMPT_HOST": "mail"}, "setting MAKEGOOD_SMPT_HOST", "MAKEGOOD_SMTP_HOST"),
        ({"MAKEGOOD_PORT": "eighty"}, "setting MAKEGOOD_PORT", "integer"),
        ({"MAKEGOOD_MAIL_FROM": "nobody"}, "mail server", "MAKEGOOD_MAIL_FROM"),
        ({"MAKEGOOD_ENV": "production"}, "mail server", "MAKEGOOD_SMTP_HOST"),
        ({"MAKEGOOD_DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "database", "MAKEGOOD_DATABASE_URL"),
        ({"MAKEGOOD_SANDBOX_URL": "http://127.0.0.1:1"}, "sandbox, key", "reachable"),
        ({"MAKEGOOD_MEMORY_FLOOR_MB": "99999999"}, "memory", "MAKEGOOD_ISOLATED_PROCESSES"),
        ({"MAKEGOOD_DISK_FLOOR_MB": "99999999"}, "disk", "Make room"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_what_is_wrong_is_named_with_what_mends_it(tmp_path: Path, env: dict[str, str], name: str, said: str) -> None:
    code, lines = doctor(tmp_path / "home", **env)
    assert code == 1
    line = next(line for line in lines.values() if not line["ok"])
    assert line["name"].startswith(name)
    assert said in line["problem"] + line["mend"]


def test_a_home_that_cant_be_used_is_a_finding_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    code, lines = doctor(tmp_path / "home")
    assert code == 1
    assert "MAKEGOOD_HOME" in next(iter(lines.values()))["mend"]


def adapter(provider: Provider, *, key: str = KEY, clock: Any = None) -> dict[str, SandboxProvider]:
    return {"sandbox": SandboxProvider(provider.url, key, SECRET, clock or SystemClock())}


def test_a_key_that_the_provider_does_not_know_is_named(provider: Provider) -> None:
    [line] = ProvidersKnowUs(adapter(provider, key="wrong")).look().lines
    assert (line.name, "401" in line.problem) == ("sandbox, key", True)


def test_notifications_that_do_not_arrive_are_noticed(provider: Provider) -> None:
    assert ProvidersKnowUs(adapter(provider)).look().is_well
    made = provider.http.post(
        "/v1/payments",
        json={"reference": "r", "amount": 1, "currency": "EUR", "description": "x",
              "return_url": "http://127.0.0.1/", "cancel_url": "http://127.0.0.1/"},
    )  # fmt: skip
    provider.act(made.json()["id"])

    def told() -> list[str]:
        return [line.problem for line in ProvidersKnowUs(adapter(provider)).look().lines if line.problem]

    assert "failed" in until(told, 10, "the notification's failure being noticed")[0]


def test_a_clock_that_is_off_is_told_by_how_much(provider: Provider) -> None:
    off = MovedClock(timedelta(minutes=-7))
    [line] = ClockIsRight(adapter(provider, clock=off), off).look().lines
    assert "-42" in line.problem or "-41" in line.problem
    assert ClockIsRight(adapter(provider), SystemClock()).look().is_well


def test_the_store_is_tried_and_leaves_nothing_behind(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "objects")
    assert StoreWorks(store).look().is_well
    assert list(store.keys()) == []


def test_a_folder_that_is_not_the_store_is_neither_written_to_nor_taken_for_an_empty_one(tmp_path: Path) -> None:
    ObjectStore(tmp_path / "objects").root.rename(tmp_path / "away")
    store = ObjectStore(tmp_path / "objects", known=["uploads/1/abc"])
    with pytest.raises(StorageAway):
        store.probe()
    assert not store.root.exists()
    (store.root / "lost+found").mkdir(parents=True)
    with pytest.raises(StorageAway):
        ObjectStore(store.root, known=["uploads/1/abc"]).probe()
    (store.root / "lost+found").rmdir()
    store.root.rmdir()
    (tmp_path / "away").rename(tmp_path / "objects")
    store.probe()


def test_a_store_that_refuses_to_be_written_to_is_named(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "objects")
    (store.root / "probe").write_text("a file where a folder should be")
    with pytest.raises(StorageRefused, match="refused to write"):
        store.probe()
    assert "rights on the folder" in StoreWorks(store).look().lines[0].mend


class Counting:
    """An examination that counts how often it is looked at, and finds what it is told to."""

    name = "counting"
    keeps: float | None = 60.0
    needs_database = False

    def __init__(self, problem: str = "") -> None:
        self.looks, self.problem = 0, problem

    def look(self) -> Findings:
        self.looks += 1
        return found(self.name, [Check("it", self.problem)])


def test_health_does_not_look_again_at_what_it_has_just_seen_and_the_doctor_does() -> None:
    counting = Counting()
    examined = Doctor([counting])
    for _ in range(5):
        examined.recent()
    assert counting.looks == 1
    counting.problem = "gone"
    assert not examined.examine()[0].findings.is_well


def test_a_template_that_pages_name_and_nobody_has_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "desk.py").write_text('render("there.html"); render("gone.html")')
    (tmp_path / "templates" / "there.html").write_text("here")

    [line] = PagesAreThere("console", tmp_path).look().lines

    assert "gone.html" in line.name
    assert "console/templates" in line.mend


def test_an_examination_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Counting):
        def look(self) -> Findings:
            raise RuntimeError("of all things")

    [examined] = Doctor([Failing()]).recent()
    assert "of all things" in examined.findings.lines[0].problem
    assert examined.findings.issues


def test_memory_that_is_short_is_told_in_megabytes() -> None:
    [line] = MemoryHasRoom(10**9).look().lines
    assert "MB" in line.name
    assert line.problem
