"""The oracle agrees with what was written by hand about every fixture repository."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.model import match, naming, oracle
from harness.model.objects import Object, Ref
from harness.render import kustomize, tree

REPOSITORIES = Path(__file__).parents[3] / "fixtures" / "repositories"
FIXTURES = sorted(p for p in REPOSITORIES.iterdir() if p.is_dir())
OWNER = oracle.Owner("storefront", "payments-x7k2p")


def values(fixture: Path) -> dict[str, str]:
    wanted: set[str] = set(naming.placeholders((fixture / "expected.yaml").read_text()))
    for files in tree.commits(fixture).values():
        wanted |= naming.placeholders_of(files)
    return naming.Names(7, fixture.name).values(
        wanted,
        namespace=OWNER.namespace,
        account=OWNER.namespace,
        source=OWNER.name,
        kustomization_version="v1",
        image="example.org/application:1",
        image_b="example.org/application:2",
    )


def with_owner(obj: Object) -> Object:
    metadata = {**obj["metadata"]}
    metadata["labels"] = {
        **(metadata.get("labels") or {}),
        "kustomize.toolkit.fluxcd.io/name": OWNER.name,
        "kustomize.toolkit.fluxcd.io/namespace": OWNER.namespace,
    }
    return {**obj, "metadata": metadata}


def by_ref(objects: Any) -> dict[Ref, Object]:
    return {Ref.of(obj): obj for obj in objects}


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda p: p.name)
def test_the_oracle_expects_what_was_written_by_hand(fixture: Path, kubectl: Path) -> None:
    mapping = values(fixture)
    commits = tree.commits(fixture, mapping)
    cases = tree.expected(fixture, mapping)
    assert {case.commit for case in cases} == set(commits)
    for case in cases:
        where = f"{fixture.name} {case.commit} {case.path}"

        def expectation(case: tree.Expected = case) -> oracle.Expectation:
            return oracle.expect(
                commits[case.commit], case.path, owner=OWNER, render=kustomize.renderer(kubectl)
            )

        if case.refused in ("path", "build"):
            with pytest.raises((oracle.Unbuildable, HarnessError)) as caught:
                expectation()
            assert isinstance(caught.value, oracle.PathMissing) == (case.refused == "path"), where
            continue
        made, wanted = by_ref(expectation().objects), by_ref(map(with_owner, case.objects))
        assert set(made) == set(wanted), where
        for ref, obj in wanted.items():
            # Both ways: neither may know more than the other.
            assert match.explain(match.differences(obj, made[ref])) == "", where
            assert match.explain(match.differences(made[ref], obj)) == "", where


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda p: p.name)
def test_flux_way_of_building_gives_the_objects_of_the_oracle(
    fixture: Path, kubectl: Path, tmp_path: Path
) -> None:
    mapping = values(fixture)
    commits = tree.commits(fixture, mapping)
    for number, case in enumerate(tree.expected(fixture, mapping)):
        if case.refused == "path":
            continue
        root = tmp_path / str(number)
        root.mkdir()
        tree.write(commits[case.commit], root)
        directory = root / case.path
        if case.refused == "build":
            with pytest.raises(kustomize.BuildError):
                kustomize.generate(directory)
            continue
        kustomize.generate(directory, target_namespace=OWNER.namespace)
        built = by_ref(kustomize.build(kubectl, directory, root=root))
        wanted = by_ref(case.objects)
        assert set(built) == set(wanted)
        for ref, obj in wanted.items():
            assert match.explain(match.differences(obj, built[ref])) == ""


def test_every_placeholder_is_described(repositories: Path) -> None:
    described = naming.placeholders((repositories / "README.md").read_text())
    for fixture in FIXTURES:
        assert set(values(fixture)) <= described | {"source"}


def test_every_fixture_is_listed_in_the_readme(repositories: Path) -> None:
    text = (repositories / "README.md").read_text()
    for fixture in FIXTURES:
        assert f"\n| {fixture.name} |" in text
