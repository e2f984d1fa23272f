import pytest

from harness.errors import HarnessBug
from harness.steps import tables
from harness.steps.expressions import expression


def test_parameters_are_handed_over_by_name_and_in_order():
    step = expression("the commit {string} is pushed to {string}", "label", "alias")

    assert step.parse_arguments('the commit "v2" is pushed to "shop"') == {
        "label": "v2",
        "alias": "shop",
    }


@pytest.mark.parametrize(
    "text",
    ['the commit "v2" is pushed to "shop" now', "the commit v2 is pushed to shop", ""],
)
def test_another_text_does_not_match(text):
    step = expression("the commit {string} is pushed to {string}", "label", "alias")

    assert not step.is_matching(text)
    assert step.parse_arguments(text) is None


def test_a_choice_is_one_of_its_words():
    step = expression("{problem} is pushed", "problem")

    assert step.parse_arguments("a file that is not YAML is pushed") == {
        "problem": "a file that is not YAML"
    }
    assert not step.is_matching("a virus is pushed")


def test_a_definition_that_names_too_few_values_is_our_mistake():
    with pytest.raises(ValueError, match="zip"):
        expression("the commit {string} of {string}", "label").parse_arguments(
            'the commit "a" of "b"'
        )


def test_two_columns_are_a_mapping():
    assert tables.pairs([["path", "./a"], ["branch", "main"]]) == {"path": "./a", "branch": "main"}
    with pytest.raises(HarnessBug, match="two columns"):
        tables.pairs([["a", "b", "c"]])


def test_a_table_with_a_head_is_a_record_a_row():
    assert tables.records([["a", "b"], ["1", "2"]]) == [{"a": "1", "b": "2"}]
