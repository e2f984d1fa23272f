import base64
from datetime import UTC, datetime

import pytest

from harness.observe import timeline
from harness.observe.timeline import Entry
from tests.fakes import config_map

PASSWORD = "correct-horse-battery"
ENCODED = base64.b64encode(PASSWORD.encode()).decode()


def _secret():
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "login",
            "namespace": "demo",
            "managedFields": [{"manager": "x"}],
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": f'{{"data":"{ENCODED}"}}',
                "note": "kept",
            },
        },
        "data": {"password": ENCODED},
        "stringData": {"password": PASSWORD},
    }


def _federated():
    return {
        "apiVersion": "types.kubefed.io/v1beta1",
        "kind": "FederatedSecret",
        "metadata": {"name": "login", "namespace": "demo"},
        "spec": {
            "template": {"data": {"password": ENCODED}, "stringData": {"username": PASSWORD}},
            "overrides": [
                {
                    "clusterName": "c1",
                    "clusterOverrides": [{"path": "/data/password", "value": ENCODED}],
                }
            ],
        },
    }


@pytest.mark.parametrize("made", [_secret, _federated])
@pytest.mark.parametrize("show", [timeline.redacted, timeline.plain, timeline.summary])
def test_no_secret_is_told(made, show):
    if show is timeline.redacted and made is _secret:
        told = str({k: v for k, v in show(made()).items() if k != "metadata"})
    else:
        told = str(show(made()))

    assert PASSWORD not in told
    assert ENCODED not in told


@pytest.mark.parametrize("made", [_secret, _federated])
def test_redaction_leaves_the_object_itself_alone(made):
    original = made()
    timeline.plain(original)

    assert original == made()


def test_two_values_are_told_apart_by_their_digest():
    other = _secret()
    other["data"]["password"] = "b3RoZXI="

    assert timeline.redacted(_secret())["data"] != timeline.redacted(other)["data"]
    assert timeline.redacted(_secret())["data"] == timeline.redacted(_secret())["data"]


def test_the_names_of_a_secrets_keys_stay():
    assert list(timeline.plain(_secret())["data"]) == ["password"]


def test_managed_fields_and_kubectls_copy_say_nothing_and_go():
    metadata = timeline.plain(_secret())["metadata"]

    assert "managedFields" not in metadata
    assert metadata["annotations"] == {"note": "kept"}


def _entry(obj, change="MODIFIED"):
    return Entry(12.5, datetime(2026, 1, 1, tzinfo=UTC), "c1", change, obj)


@pytest.mark.parametrize(
    ("obj", "told"),
    [
        pytest.param(config_map("a", text="x"), "data={'text': 'x'}", id="small data"),
        pytest.param(config_map("a", text="x" * 100), "", id="large data"),
        pytest.param(
            {
                "kind": "GitRepository",
                "metadata": {"name": "a"},
                "spec": {"suspend": True},
                "status": {
                    "conditions": [
                        {"type": "Ready", "status": "False", "reason": "No", "message": "why"}
                    ]
                },
            },
            "suspended Ready=False No: why",
            id="condition",
        ),
        pytest.param(
            {
                "kind": "Event",
                "metadata": {"name": "a"},
                "type": "Warning",
                "reason": "Failed",
                "message": "why",
                "involvedObject": {"kind": "Kustomization"},
            },
            "Warning Failed on Kustomization: why",
            id="event",
        ),
        pytest.param(
            {"kind": "Namespace", "metadata": {"name": "a", "deletionTimestamp": "now"}},
            "deleting",
            id="deletion",
        ),
    ],
)
def test_a_summary_is_what_a_person_wants_to_know(obj, told):
    assert timeline.summary(obj) == told


def test_a_line_has_the_time_since_the_scenario_began():
    line = _entry(config_map("a")).line(10.0)

    assert line.split()[:5] == ["2.500s", "c1", "MODIFIED", "ConfigMap", "demo/a"]
