"""A pod's own cluster; where there is none, that is told."""

import pytest

from harness.cluster import pod
from harness.errors import SetupError


def test_outside_of_a_pod_it_is_told(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    with pytest.raises(SetupError, match=r"no --kubeconfig for c1, and this is no pod"):
        pod.connect(name="c1", user_agent="test")
