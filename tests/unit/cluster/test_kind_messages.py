"""What Docker and kind say, and the sentence that is made of it."""

from pathlib import Path

import pytest

from harness.cluster import kind_messages
from harness.cluster.kind_messages import Circumstances

AROUND = Circumstances("kindest/node:v1.34.4", 1024, 524_288)
LOW = Circumstances("kindest/node:v1.34.4", 128, 65_536)


def check(sentence: str | None, told: str) -> None:
    assert sentence is not None
    assert told in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        pytest.param(
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker "
            "daemon running?",
            "its engine does not run",
            id="not running",
        ),
        pytest.param(
            "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path "
            "is correct and if the daemon is running",
            "its engine does not run",
            id="not running, in the words of Docker 29",
        ),
        pytest.param(
            "permission denied while trying to connect to the Docker daemon socket at "
            "unix:///var/run/docker.sock: dial unix: connect: permission denied",
            "add the user to the group `docker`",
            id="not allowed",
        ),
        pytest.param(
            "Error response from daemon: client version 1.50 is too new. Maximum supported API "
            "version is 1.41",
            "too far apart in version",
            id="versions apart",
        ),
        pytest.param(
            "write /var/lib/containerd/x: no space left on device", "out of space", id="disk"
        ),
        pytest.param(
            "could not find an available, non-overlapping IPv4 address pool among the defaults",
            "no address range left",
            id="networks",
        ),
    ],
)
def test_what_docker_says_becomes_one_sentence(said, told):
    check(kind_messages.of_docker(f"ERROR: something\n{said}\n"), told)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        pytest.param(
            'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on '
            "10.0.0.2:53: no such host",
            "kindest/node:v1.34.4 could not be pulled: its registry cannot be reached",
            id="no name service",
        ),
        pytest.param(
            'Get "https://registry-1.docker.io/v2/": net/http: TLS handshake timeout',
            "its registry cannot be reached",
            id="proxy",
        ),
        pytest.param(
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "its registry cannot be reached",
            id="certificate",
        ),
        pytest.param(
            "manifest for kindest/node:v1.34.4 not found: manifest unknown: manifest unknown",
            "does not exist in its registry",
            id="no such tag",
        ),
        pytest.param(
            "pull access denied for x/y, repository does not exist or may require 'docker login'",
            "wants credentials or has no such image",
            id="credentials",
        ),
        pytest.param(
            "toomanyrequests: You have reached your pull rate limit.", "rate limit", id="rate"
        ),
    ],
)
def test_what_a_pull_says_becomes_one_sentence(said, told):
    check(kind_messages.of_pull(said, AROUND.image), told)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        pytest.param(
            "Failed to create control group inotify object: Too many open files",
            "inotify limits (max_user_instances is 1024, max_user_watches is 524288)",
            id="inotify",
        ),
        pytest.param(
            "kubelet is configured to not run on a host using cgroup v1. cgroup v1 support is "
            "unsupported and will be removed in a future release",
            "refuses this machine's cgroup v1",
            id="cgroup v1",
        ),
        pytest.param(
            "ERROR: failed to create cluster: running kind with rootless provider requires cgroup "
            "v2, see https://kind.sigs.k8s.io/docs/user/rootless/",
            "Rootless Docker lacks the cgroups",
            id="rootless",
        ),
        pytest.param(
            'mkdir /sys/fs/cgroup/kubelet: read-only file system ("cgroup" mount: permission '
            "denied)",
            "cannot use this machine's cgroups",
            id="nested",
        ),
        pytest.param("kube-apiserver: OOMKilled", "too little memory", id="memory"),
    ],
)
def test_what_kind_says_becomes_one_sentence(said, told):
    check(kind_messages.of_creation(f"ERROR: x\n{said}\n", "", AROUND), told)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("kubelet is configured to not run on a host using cgroup v1", "refuses this machine's"),
        ("Failed to create control group inotify object: Too many open files", "inotify limits"),
        ("inotify_add_watch /x: no space left on device", "inotify limits"),
    ],
)
def test_the_node_names_what_kind_does_not(said, told):
    check(kind_messages.of_creation("ERROR: failed to init node", f"x\n{said}\n", AROUND), told)


@pytest.mark.parametrize(
    "harmless",
    [
        "dial tcp 172.18.0.2:6443: connect: connection refused",
        'Recording event message for node "x" event="NodeHasNoDiskPressure"',
        "WARNING: cgroup v1 is deprecated in Kubernetes and will not be supported in a future kind "
        "release, please upgrade to cgroup v2",
        "Failed to attach to a cgroup: Operation not permitted",
        "x509: certificate signed by unknown authority",
    ],
)
def test_what_every_node_says_is_no_cause(harmless):
    assert kind_messages.of_creation("ERROR: failed", harmless, AROUND) is None


def test_what_kind_always_says_is_no_cause():
    said = (
        "WARNING: cgroup v1 is deprecated in Kubernetes and will not be supported in a future kind "
        "release, please upgrade to cgroup v2\n"
        "WARNING: Here be dragons! This is not supported currently.\n"
        "I1124 round_trippers.go] dial tcp 172.18.0.2:6443: connect: connection refused\n"
    )
    assert kind_messages.of_creation(said, "", AROUND) is None


@pytest.mark.parametrize(
    "symptom",
    [
        'could not find a log line that matches "Reached target .*Multi-User System.*"',
        "[kubelet-check] The kubelet is not healthy after 4m0.0s",
        "error: timed out waiting for the condition",
    ],
)
def test_a_symptom_is_laid_to_limits_only_where_they_are_low(symptom):
    assert kind_messages.of_creation(symptom, "", AROUND) is None
    assert kind_messages.of_creation(symptom, "", Circumstances()) is None
    told = kind_messages.of_creation(symptom, "", LOW)

    assert told is not None
    assert "max_user_instances is 128" in told


def test_what_is_unknown_stays_untold():
    for said in ("the moon is full", ""):
        assert kind_messages.of_docker(said) is None
        assert kind_messages.of_pull(said, "x") is None
        assert kind_messages.of_creation(said, said, LOW) is None


def test_every_image_message_says_what_to_do_without_a_registry():
    for said in ("manifest unknown", "dial tcp", "unauthorized", "toomanyrequests"):
        assert kind_messages.air_gap() in (kind_messages.of_pull(said, "x") or "")


def test_numbers_are_told_as_people_say_them():
    told = kind_messages.no_room(Path("/var/lib/docker"), 1_500_000_000, 4_000_000_000)

    assert "1.5 GB free" in told
    assert "about 4.0 GB" in told
    assert "Docker 19.3 is too old for kind: install 20.10" in kind_messages.too_old(
        "19.3", (20, 10)
    )
    assert "within 30 s" in kind_messages.silent(30.0)
