"""Two reports of one system: what must agree, and what may differ."""

from dataclasses import replace

import pytest

from harness.cli import comparing
from harness.errors import UsageError
from harness.model import catalogue
from harness.reporting import drawing, report, sameness
from harness.reporting.record import ClusterRecord


def drawn(run):
    return drawing.draw(run, catalogue.load())


def test_another_place_and_time_give_the_same_verdicts(run):
    elsewhere = replace(
        run,
        provider="kind",
        seed=43,
        duration=99.0,
        started="2026-11-24T08:00:00Z",
        clusters=(ClusterRecord("c1", "attached", "v1.33.0"),),
    )
    found = sameness.compare(drawn(run), drawn(elsewhere))

    assert found.verdicts == ()
    assert found.compared > len(run.scenarios)
    assert "provider: local / kind" in found.environment
    assert "seed: 42 / 43" in found.environment
    assert "Kubernetes: v1.34.1 / v1.33.0" in found.environment


def test_a_scenario_that_ended_otherwise_is_named_with_its_requirement(run):
    first, *others = run.scenarios
    assert first.outcome == "passed"
    broken = replace(first, outcome="failed", failed_step="Then x", message="no")
    found = sameness.compare(drawn(run), drawn(replace(run, scenarios=(broken, *others))))

    assert f"scenario {first.id}: passed / failed" in found.verdicts


def test_a_scenario_that_was_not_run_is_a_difference(run):
    found = sameness.compare(drawn(run), drawn(replace(run, scenarios=run.scenarios[1:])))

    assert f"scenario {run.scenarios[0].id}: passed / absent" in found.verdicts


def with_pods(run, outcome, *, claimed):
    """The run, with a scenario that needs pods."""
    first, *_ = run.scenarios
    needy = replace(first, id="workloads/running::x", capabilities=("workloads",), outcome=outcome)
    had = tuple(run.profile.capabilities) + (("workloads",) if claimed else ())
    return drawn(
        replace(
            run,
            scenarios=(*run.scenarios, needy),
            profile=replace(run.profile, capabilities=had),
        )
    )


def test_what_clusters_lack_is_no_verdict_on_a_system(run):
    found = sameness.compare(
        with_pods(run, "inconclusive", claimed=False), with_pods(run, "passed", claimed=True)
    )

    assert found.verdicts == ()
    assert "of the clusters: nothing / workloads" in found.environment


def test_where_both_have_pods_their_verdicts_are_compared(run):
    found = sameness.compare(
        with_pods(run, "failed", claimed=True), with_pods(run, "passed", claimed=True)
    )

    assert "scenario workloads/running::x: failed / passed" in found.verdicts


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"suite_digest": "sha256:other"}, "suite: "),
        ({"selection": "--tags '@sync'", "subset": True}, "selection: "),
        ({"system": "flux"}, "system: reference / flux"),
    ],
)
def test_what_makes_verdicts_incomparable_is_a_difference(run, change, told):
    found = sameness.compare(drawn(run), drawn(replace(run, **change)))

    assert any(line.startswith(told) for line in found.verdicts)


def test_the_command_reads_files_and_folders_and_exits_1_on_a_difference(run, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "report.yaml").write_text(report.to_yaml(drawn(run)))
    other = tmp_path / "b.yaml"
    other.write_text(report.to_yaml(drawn(replace(run, provider="kind"))))
    told: list[str] = []

    assert comparing.same_verdicts(tmp_path / "a", other, told.append) == 0
    assert "environment  provider: local / kind" in told
    assert told[-1].startswith("The same verdicts: ")

    other.write_text(report.to_yaml(drawn(replace(run, scenarios=run.scenarios[1:]))))

    assert comparing.same_verdicts(tmp_path / "a", other, told.append) == 1
    assert "verdicts differ." in told[-1]


@pytest.mark.parametrize("content", [None, "hello", "a: [", "word: conformant"])
def test_what_is_no_report_is_refused(tmp_path, content):
    path = tmp_path / "report.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=r"report\.yaml (cannot be read|is no report)"):
        comparing.same_verdicts(path, path, print)
