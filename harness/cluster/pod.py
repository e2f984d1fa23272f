"""The cluster that this process is a pod of, asked as the pod's account."""

from kubernetes import client as kubernetes_client
from kubernetes import config as kubernetes_config

from harness.cluster.client import CONNECTIONS, Cluster
from harness.errors import SetupError


def connect(*, name: str, user_agent: str) -> Cluster:
    """That cluster; its token is read again from the pod before it expires."""
    configuration = kubernetes_client.Configuration()
    try:
        kubernetes_config.load_incluster_config(  # type: ignore[no-untyped-call] # it has no types
            client_configuration=configuration
        )
    except kubernetes_config.ConfigException as error:
        raise SetupError(
            f"There is no --kubeconfig for {name}, and this is no pod with an account: {error}"
        ) from error
    configuration.connection_pool_maxsize = CONNECTIONS
    return Cluster(name, kubernetes_client.ApiClient(configuration), user_agent=user_agent)
