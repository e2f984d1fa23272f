"""Which baseline is used."""

import pytest

from harness.cli import baselines
from harness.errors import UsageError
from harness.model import baseline
from tests.unit.cli.test_commands import BASELINE


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(baseline, "SHIPPED", tmp_path)
    (tmp_path / "reference.yaml").write_text(BASELINE)
    return tmp_path


def test_what_is_shipped_for_the_system_is_the_default(shipped):
    read = baselines.chosen(None, "reference")
    assert read is not None
    assert read.file == "reference.yaml"
    assert baselines.chosen(None, "flux-plain") is None


def test_none_switches_it_off(shipped):
    assert baselines.chosen("none", "reference") is None
    assert baselines.records(None) == ()


def test_a_file_takes_its_place(shipped):
    (shipped / "mine.yaml").write_text(BASELINE.replace("refused", "slow"))
    [listed] = baselines.records(baselines.chosen(str(shipped / "mine.yaml"), "reference"))
    assert (listed.requirement, listed.reason) == ("CD-AUTH-05", "It is slow.")


@pytest.mark.parametrize("given", [True, False])
def test_a_baseline_about_other_versions_is_never_used(shipped, given):
    read = baselines.chosen(None, "reference")
    assert baselines.fitting(read, {"etcd": "v3"}, given=given) is read
    assert baselines.fitting(None, {"etcd": "v3"}, given=given) is None
    if given:
        with pytest.raises(UsageError, match="other versions: etcd v4 runs, not v3"):
            baselines.fitting(read, {"etcd": "v4"}, given=True)
    else:
        assert baselines.fitting(read, {"etcd": "v4"}, given=False) is None
