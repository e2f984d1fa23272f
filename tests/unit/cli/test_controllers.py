"""Where controllers may run: what does not go together is told before anything is started."""

import pytest
from click.testing import CliRunner

from harness.cli import commands, controllers
from harness.errors import UsageError
from harness.systems import front


@pytest.mark.parametrize(
    ("clusters", "git", "command", "told"),
    [
        ("local", "auto", front.CONTROLLERS, "add `--clusters kind`"),
        ("kind", "host", front.CONTROLLERS, "leave `--git host` out"),
        ("kind", "auto", ("python", "-m", "faulty"), "unset GITOPS_CONFORMANCE_CONTROLLERS"),
    ],
)
def test_what_does_not_go_together_is_told(clusters, git, command, told):
    with pytest.raises(UsageError, match=told):
        controllers.check("in-cluster", clusters, git, command)
    controllers.check("host", clusters, git, command)


@pytest.mark.parametrize("git", ["auto", "container"])
def test_on_kind_with_git_in_containers_it_goes(git):
    controllers.check("in-cluster", "kind", git, front.CONTROLLERS)


@pytest.mark.parametrize("command", ["run", "up"])
def test_the_commands_refuse_it_where_no_pod_runs(command):
    done = CliRunner().invoke(commands.cli, [command, "--controllers", "in-cluster"])

    assert isinstance(done.exception, UsageError)
    assert "needs nodes" in str(done.exception)
