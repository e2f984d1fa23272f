"""What both kinds share: durations, status patches, triggers."""

import pytest

from harness.cluster.reflector import Change
from harness.controllers import attached, attached_fields
from harness.model.objects import Object


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1.0), ("500ms", 0.5), ("1m30s", 90.0), ("1h", 3600.0), ("1.5m", 90.0), (None, 7.0)],
)
def test_a_go_duration_is_read(text: str | None, seconds: float) -> None:
    assert attached_fields.duration(text, 7.0) == seconds


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1, "b": 1}, {"a": 1}, {"b": None}),
        ({"a": {"x": 1, "y": 1}}, {"a": {"x": 1}}, {"a": {"x": 1, "y": None}}),
        ({"a": [1]}, {"a": []}, {"a": []}),
    ],
)
def test_a_status_patch_makes_the_one_of_the_other(
    before: Object, after: Object, patch: Object
) -> None:
    assert attached_fields.status_patch(before, after) == patch


def obj(generation: int = 1, status: Object | None = None, **metadata: object) -> Object:
    return {"metadata": {"name": "n", "generation": generation, **metadata}, "status": status or {}}


@pytest.mark.parametrize(
    ("old", "new", "requested"),
    [
        (obj(), obj(2), True),
        (obj(), obj(annotations={"reconcile.fluxcd.io/requestedAt": "now"}), True),
        (obj(), obj(deletionTimestamp="now"), True),
        (obj(), obj(labels={"a": "b"}), False),
        (obj(), obj(annotations={"other": "x"}), False),
        (obj(), obj(finalizers=["x"]), False),
        (obj(), obj(status={"a": 1}), False),
    ],
)
def test_only_a_wish_triggers_a_run(old: Object, new: Object, requested: bool) -> None:
    assert attached.is_request(Change("c1", "MODIFIED", new, old)) is requested


def test_a_new_archive_triggers_and_a_new_condition_does_not() -> None:
    old = obj(status={"artifact": {"digest": "1"}})
    same = obj(status={"artifact": {"digest": "1"}, "conditions": []})
    new = obj(status={"artifact": {"digest": "2"}})
    assert not attached.offers_something_new(Change("c1", "MODIFIED", same, old))
    assert attached.offers_something_new(Change("c1", "MODIFIED", new, old))
    assert attached.offers_something_new(Change("c1", "DELETED", old, old))
