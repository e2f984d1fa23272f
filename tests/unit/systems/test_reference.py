import pytest

from harness.errors import UsageError
from harness.model import profile
from harness.systems import Running, reference


@pytest.mark.parametrize("dialect", ["page", "modern"])
def test_the_reference_claims_all_that_is_core(dialect):
    claimed = reference.claims(dialect)

    assert claimed.capabilities >= profile.CORE
    assert claimed.dialect.name == dialect


def test_an_unknown_dialect_is_refused():
    with pytest.raises(UsageError, match="klingon"):
        reference.claims("klingon")


def test_a_running_system_does_not_tell_its_secrets():
    running = Running(reference.claims("page"), (), (), secrets=("hunter2",))

    assert "hunter2" not in repr(running)
