import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.model import sharding
from harness.model.sharding import Shard


@pytest.mark.parametrize(
    ("text", "index", "shard"),
    [
        ("1/1", None, Shard(1, 1)),
        ("2/5", None, Shard(2, 5)),
        ("2/5", "0", Shard(2, 5)),
        ("auto/5", "0", Shard(1, 5)),
        ("auto/5", "4", Shard(5, 5)),
    ],
)
def test_a_shard_is_named_or_follows_from_the_index_of_a_pod(text, index, shard):
    assert sharding.parse(text, index) == shard


@pytest.mark.parametrize(
    ("text", "index", "told"),
    [
        ("", None, "is not of the form"),
        ("2", None, "is not of the form"),
        ("2/0", None, "is not of the form"),
        ("-1/5", None, "is not of the form"),
        ("2/5\n", None, "is not of the form"),
        ("two/5", None, "is not of the form"),
        ("²/5", None, "is not of the form"),
        ("0/5", None, "the numbers are 1 to 5"),
        ("6/5", None, "the numbers are 1 to 5"),
        ("auto/5", None, "JOB_COMPLETION_INDEX, which is not set"),
        ("auto/5", "", "JOB_COMPLETION_INDEX, which is not set"),
        ("auto/5", "5", "is '5', not one of 0 to 4"),
        ("auto/5", "x", "is 'x', not one of 0 to 4"),
    ],
)
def test_what_is_no_shard_is_refused_in_one_sentence(text, index, told):
    with pytest.raises(UsageError, match=told) as caught:
        sharding.parse(text, index)

    assert "\n" not in str(caught.value)


@given(st.lists(st.integers(), unique=True), st.integers(1, 12))
def test_each_falls_to_exactly_one_shard_and_all_are_of_a_size(things, of):
    hands = [sharding.deal(things, Shard(number, of)) for number in range(1, of + 1)]

    assert sorted(thing for hand in hands for thing in hand) == sorted(things)
    assert max(map(len, hands)) - min(map(len, hands)) <= 1
