import pytest
import yaml

from harness.errors import HarnessBug
from harness.model import catalogue
from harness.model.catalogue import Level, Observable

ENTRY = {
    "id": "CD-SYNC-01", "level": "MUST", "area": "SYNC", "title": "It syncs.",
    "source": "page:55", "observable": "api", "judged": "both",
}  # fmt: skip


def test_the_shipped_catalogue_holds_every_documented_requirement() -> None:
    shipped = catalogue.load()
    assert len(shipped) == 150
    assert {level: len(shipped.at(level)) for level in Level} == {
        Level.MUST: 47, Level.MUST_D: 27, Level.SHOULD: 43, Level.NOTE: 33,
    }  # fmt: skip
    assert shipped.areas == (
        "SOURCE", "SECRET", "AUTH", "SYNC", "STATUS", "EVENT", "SUSPEND", "RESUME", "DELETE",
        "MULTI", "CLUSTER", "FORBID", "ERROR", "CLI",
    )  # fmt: skip
    assert [r.id for r in shipped.area("RESUME")] == [f"CD-RESUME-0{n}" for n in range(1, 7)]
    assert shipped.get("CD-STATUS-03").source == "page:93-108"
    assert [r.id for r in shipped.at(Level.MUST) if r.observable is not Observable.API] == [
        "CD-CLI-05"
    ]


def test_titles_are_unique_sentences() -> None:
    titles = [requirement.title for requirement in catalogue.load()]
    assert len(set(titles)) == len(titles)


def test_ids_of_an_area_are_numbered_without_a_gap() -> None:
    shipped = catalogue.load()
    for area in shipped.areas:
        numbers = [int(r.id[-2:]) for r in shipped.area(area)]
        assert numbers == list(range(1, len(numbers) + 1)), area


def test_tags_name_requirements_and_an_unknown_one_is_told_with_its_neighbours() -> None:
    shipped = catalogue.load()
    found = shipped.of_tags(["@CD-SYNC-03", "auth.ssh", "disruptive", "CD-CLI-01"])
    assert [r.tag for r in found] == ["@CD-SYNC-03", "@CD-CLI-01"]
    with pytest.raises(KeyError, match=r"CD-MULTI-99\. MULTI has CD-M"):
        shipped.of_tags(["@CD-MULTI-99"])


@pytest.mark.parametrize(
    "change",
    [{"id": "CD-SYNC-1"}, {"area": "AUTH"}, {"level": "MAY"}, {"observable": "cli"},
     {"judged": "x"}, {"title": "no full stop"}, {"source": ""}, {"extra": 1}],
)  # fmt: skip
def test_a_wrong_entry_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(HarnessBug):
        catalogue.parse(yaml.safe_dump([{**ENTRY, **change}]))


def test_a_requirement_must_not_come_twice() -> None:
    with pytest.raises(HarnessBug, match="twice"):
        catalogue.parse(yaml.safe_dump([ENTRY, ENTRY]))
