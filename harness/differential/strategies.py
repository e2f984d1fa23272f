"""
Sequences made by Hypothesis: trees that resemble each other, and whatever people do to them.

The same seed gives the same sequences with the same version of Hypothesis; no database is kept.
"""

from __future__ import annotations

import json
from typing import Any, Final

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from harness.differential import operations as ops
from harness.differential.operations import (
    KUSTOMIZATION,
    SOURCE,
    Commit,
    Create,
    Credentials,
    Delete,
    Edit,
    Manual,
    Operation,
    Outage,
    Rewrite,
    Sequence,
    Subject,
    Tree,
)
from harness.model.objects import Object

VERSION: Final = hypothesis.__version__
_TOOLKIT: Final = "kustomize.toolkit.fluxcd.io"
_SUBJECTS: Final[tuple[Subject, ...]] = (SOURCE, KUSTOMIZATION)
_CONFIGS: Final = ("alpha", "beta", "gamma")
_MANAGERS: Final = ("kubectl-edit", "kubectl-patch", "lens")
_MARKS: Final = (
    "prune: disabled", "reconcile: disabled", "ssa: Merge", "ssa: IfNotPresent", "ssa: Ignore",
    "force: enabled",
)  # fmt: skip
_BROKEN: Final = (
    "a: [\n",
    "just: values\n",
    "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: 7}\n",
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: 1}\n",
    "apiVersion: none.example.org/v1\nkind: Foo\nmetadata: {name: x}\n",
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: elsewhere}\n",
)


def collect(count: int, seed: int) -> list[Sequence]:
    """So many sequences of this seed."""
    found: list[Sequence] = []
    if not count:
        return found

    @seeded(seed)
    @settings(
        database=None,
        deadline=None,
        derandomize=False,
        max_examples=count,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(sequences())
    def take(sequence: tuple[Any, ...]) -> None:
        if len(found) < count:
            first, operations, private, suspended = sequence
            name = f"generated {seed}/{len(found)}"
            found.append(Sequence(name, first, operations, "./app", private, suspended))

    take()
    return found


@st.composite
def sequences(draw: st.DrawFn) -> tuple[Tree, tuple[Operation, ...], bool, bool]:
    """What a sequence is made of but its name."""
    private = draw(st.integers(0, 4)) == 0
    suspended = draw(st.integers(0, 9)) == 0
    first = draw(trees())
    operations = draw(st.lists(operation(private=private), min_size=3, max_size=7))
    return first, tuple(operations), private, suspended


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """A tree: some of always the same objects, in one of several layouts."""
    manifests = [
        text
        for name in _CONFIGS
        if (text := draw(_maybe(_config_map(name), likely=True))) is not None
    ]
    manifests += [
        text
        for other in (_secret(), _service(), _deployment(), _account())
        if (text := draw(_maybe(other))) is not None
    ]
    if draw(st.integers(0, 9)) == 0:
        manifests.append(draw(st.sampled_from(_BROKEN)))
    laid_out: Tree = draw(_layout(tuple(manifests)))
    return laid_out


@st.composite
def _layout(draw: st.DrawFn, manifests: tuple[str, ...]) -> Tree:
    kind = draw(st.sampled_from(("files", "files", "nested", "one file", "overlay", "list")))
    names = [f"m{number}.yaml" for number in range(len(manifests))]
    if not manifests:
        return ops.tree({draw(st.sampled_from(("app/.gitkeep", "README.md"))): ""})
    if kind == "one file":
        return ops.tree({"app/all.yaml": "---\n".join(manifests)})
    if kind == "nested":
        return ops.tree(
            {
                f"app/{'sub/' * (number % 3)}{name}": text
                for number, (name, text) in enumerate(zip(names, manifests, strict=True))
            }
        )
    if kind == "overlay":
        content: dict[str, Any] = {"resources": names}
        content |= draw(_overlay())
        made = {f"app/{name}": text for name, text in zip(names, manifests, strict=True)}
        return ops.tree({**made, "app/kustomization.yaml": json.dumps(content)})
    made = {f"app/{name}": text for name, text in zip(names, manifests, strict=True)}
    if kind == "list":
        made["app/notes.txt"] = "no manifest\n"
        made["other/elsewhere.yaml"] = _dumped("v1", "ConfigMap", "elsewhere", {})
    return ops.tree(made)


def _overlay() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "namePrefix": st.just("pre-"),
            "labels": st.just([{"pairs": {"team": "shop"}, "includeSelectors": False}]),
            "commonAnnotations": st.just({"note": "all"}),
            "configMapGenerator": st.sampled_from(
                ([{"name": "made", "literals": ["a=1"]}], [{"name": "made", "literals": ["a=2"]}])
            ),
        },
    )


@st.composite
def _config_map(draw: st.DrawFn, name: str) -> str:
    data = draw(st.dictionaries(st.sampled_from(("k", "l")), _value(), max_size=2))
    return _dumped("v1", "ConfigMap", name, {"data": data}, draw(_metadata()))


@st.composite
def _secret(draw: st.DrawFn) -> str:
    body: Object = {"stringData": {"k": draw(_value())}, "type": "Opaque"}
    if draw(st.booleans()):
        body["immutable"] = True
    return _dumped("v1", "Secret", "keys", body, draw(_metadata()))


@st.composite
def _service(draw: st.DrawFn) -> str:
    ports = [{"name": "web", "port": draw(st.sampled_from((80, 8080)))}]
    if draw(st.booleans()):
        ports.append({"name": "admin", "port": 9000})
    spec: Object = {"selector": {"app": draw(st.sampled_from(("web", "api")))}, "ports": ports}
    return _dumped("v1", "Service", "web", {"spec": spec}, draw(_metadata()))


@st.composite
def _deployment(draw: st.DrawFn) -> str:
    container = {
        "name": "web",
        "image": draw(st.sampled_from(("registry.example/web:1", "registry.example/web:2"))),
        "env": [{"name": "MODE", "value": draw(_value())}],
    }
    selector = {"app": "web"}
    if draw(st.integers(0, 5)) == 0:
        selector["tier"] = "front"  # a selector cannot be changed: refused unless forced
    spec = {
        "replicas": draw(st.integers(0, 3)),
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": selector}, "spec": {"containers": [container]}},
    }
    return _dumped("apps/v1", "Deployment", "web", {"spec": spec}, draw(_metadata()))


def _account() -> st.SearchStrategy[str]:
    return _metadata().map(lambda given: _dumped("v1", "ServiceAccount", "robot", {}, given))


@st.composite
def _metadata(draw: st.DrawFn) -> Object:
    found: Object = {}
    if draw(st.booleans()):
        found["labels"] = {"tier": draw(st.sampled_from(("front", "back")))}
    if draw(st.integers(0, 3)) == 0:
        key, _, value = draw(st.sampled_from(_MARKS)).partition(": ")
        where = draw(st.sampled_from(("labels", "annotations")))
        found.setdefault(where, {})[f"{_TOOLKIT}/{key}"] = value
    return found


def operation(*, private: bool) -> st.SearchStrategy[Operation]:
    """Anything that somebody does."""
    commits = trees().map(Commit)
    choices: list[st.SearchStrategy[Any]] = [
        commits,
        commits,
        commits,
        trees().map(Rewrite),
        _by_hand(),
        _by_hand(),
        st.sampled_from([turn(one) for turn in (ops.suspend, ops.resume) for one in _SUBJECTS]),
        _edits(),
        st.sampled_from(("refuse", "401", "404", "500", None, None)).map(Outage),
        st.sampled_from([turn(one) for turn in (Delete, Create, Create) for one in _SUBJECTS]),
    ]
    if private:
        choices.append(
            st.sampled_from(
                [
                    Credentials("right"),
                    Credentials("wrong"),
                    Credentials("password-only"),
                    Credentials("missing"),
                ]
            )
        )
    return st.one_of(choices)


def _edits() -> st.SearchStrategy[Edit]:
    def of(**spec: Any) -> Edit:
        return ops.edit(KUSTOMIZATION, **spec)

    return st.sampled_from(
        (
            of(prune=False),
            of(prune=True),
            of(path="./app"),
            of(path="./"),
            of(path="./absent"),
            of(force=True),
            of(force=False),
            of(commonMetadata={"labels": {"team": "a"}}),
            of(commonMetadata=None),
            ops.edit(SOURCE, ref={"branch": "main"}),
            ops.edit(SOURCE, ref={"branch": "absent"}),
        )
    )


@st.composite
def _by_hand(draw: st.DrawFn) -> Manual:
    obj = draw(
        st.sampled_from(
            (*(f"ConfigMap/{name}" for name in _CONFIGS), "Deployment/web", "Service/web",
             "Secret/keys")
        )
    )  # fmt: skip
    patches: list[Object | None] = [
        None,
        {"metadata": {"labels": {"by": "hand"}}},
        {"metadata": {"labels": {"tier": "hand"}}},
        {"metadata": {"labels": {f"{_TOOLKIT}/name": draw(st.sampled_from((None, "other")))}}},
        {"metadata": {"annotations": {f"{_TOOLKIT}/reconcile": "disabled"}}},
    ]
    if obj.startswith("ConfigMap"):
        patches += [{"data": {"k": "hand"}}, {"data": {"extra": "hand"}}, {"data": {"k": None}}]
    if obj.startswith("Deployment"):
        patches += [{"spec": {"replicas": 7}}, {"spec": {"paused": True}}]
    if obj.startswith("Service"):
        patches.append({"spec": {"selector": {"app": "hand"}}})
    return ops.by_hand(obj, draw(st.sampled_from(patches)), draw(st.sampled_from(_MANAGERS)))


def _value() -> st.SearchStrategy[str]:
    return st.sampled_from(("1", "2", "yes", "", "two words", "${name}"))


@st.composite
def _maybe(
    draw: st.DrawFn, strategy: st.SearchStrategy[str], *, likely: bool = False
) -> str | None:
    if draw(st.integers(0, 3 if likely else 2)) == 0 or (not likely and draw(st.booleans())):
        return None
    return draw(strategy)


def _dumped(
    api_version: str, kind: str, name: str, body: Object, metadata: Object | None = None
) -> str:
    """A manifest; JSON is YAML."""
    obj = {
        "apiVersion": api_version, "kind": kind, "metadata": {"name": name, **(metadata or {})},
        **body,
    }  # fmt: skip
    return json.dumps(obj, indent=1) + "\n"
