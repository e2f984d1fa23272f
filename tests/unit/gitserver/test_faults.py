"""Which fault a request meets, and who hears that it is over."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.gitserver.faults import Fault, Faults


def kind(faults: Faults, *names: str, operation: str = "fetch") -> str | None:
    active = faults.take("r", names, operation)
    return active.fault.kind if active else None


def test_fault_of_a_user_goes_first() -> None:
    faults = Faults()
    faults.set("r", Fault("500"))
    faults.set("r", Fault("404", user="c1"))
    assert (kind(faults, "c1"), kind(faults, "c2"), kind(faults)) == ("404", "500", "500")
    assert faults.take("other", (), "fetch") is None


def test_fault_wears_out() -> None:
    faults = Faults()
    faults.set("r", Fault("500", times=2))
    assert [kind(faults) for _ in range(3)] == ["500", "500", None]


def test_cut_spares_listings() -> None:
    faults = Faults()
    faults.set("r", Fault("cut", times=1))
    assert kind(faults, operation="advertise") is None
    assert kind(faults, operation="fetch") == "cut"


def test_clearing_wakes_all_who_wait() -> None:
    faults, woken = Faults(), []
    faults.set("r", Fault("hang"))
    active = faults.take("r", (), "fetch")
    assert active
    active.on_clear(lambda: woken.append(1))
    assert faults.clear("r") == 1
    active.on_clear(lambda: woken.append(2))
    assert woken == [1, 2]
    assert kind(faults) is None


def test_forgotten_waiter_is_not_called() -> None:
    faults, woken = Faults(), []
    faults.set("r", Fault("hang"))
    active = faults.take("r", (), "fetch")
    assert active

    def wake() -> None:
        woken.append(1)

    active.on_clear(wake)
    active.forget(wake)
    faults.set("r", Fault("500"))
    assert active.cleared
    assert woken == []


def test_clear_one_user_or_all() -> None:
    faults = Faults()
    for repository, user in (("r", "c1"), ("r", None), ("s", "c1")):
        faults.set(repository, Fault("500", user=user))
    assert faults.clear("r", "c1") == 1
    assert faults.clear() == 2


def test_fault_survives_the_wire() -> None:
    fault = Fault("slow", "c1", 1.5, 2)
    assert Fault.from_json(fault.to_json()) == fault
    with pytest.raises(UsageError, match="'sulk' is none of refuse"):
        Fault.from_json({"kind": "sulk"})
