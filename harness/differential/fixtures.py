"""
Sequences made by hand: every repository of `fixtures/repositories`, and every order and trouble
that the documentation speaks of. Each row of `rows` is needed by one of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness import data
from harness.differential import operations as ops
from harness.differential.operations import (
    KUSTOMIZATION,
    NAMESPACE,
    SOURCE,
    Commit,
    Create,
    Credentials,
    Delete,
    Operation,
    Outage,
    Rewrite,
    Sequence,
    Tree,
    by_hand,
    edit,
    resume,
    suspend,
)
from harness.model import naming
from harness.render import tree

_SEED: Final = 20_260
_PLACEHOLDERS: Final = {
    "namespace": NAMESPACE, "account": NAMESPACE, "source": "app", "kustomization_version": "v1",
    "image": "example.org/application:1", "image_b": "example.org/application:2",
}  # fmt: skip


def sequences() -> list[Sequence]:
    """All of them."""
    return [*repositories(), *troubles(), *orders(), *edits(), *marks()]


def repositories() -> Iterator[Sequence]:
    """Each repository, commit after commit, and the last one undone."""
    for folder in sorted(data.path("fixtures", "repositories").iterdir()):
        if not folder.is_dir():
            continue
        trees = tree.commits(folder)
        wanted = frozenset().union(*(naming.placeholders_of(files) for files in trees.values()))
        mapping = naming.Names(_SEED, folder.name).values(wanted, **_PLACEHOLDERS)
        commits = [_decoded(naming.substitute_files(files, mapping)) for files in trees.values()]
        yield Sequence(
            f"repository {folder.name}",
            commits[0],
            (*map(Commit, commits[1:]), Commit(commits[0]), Delete(KUSTOMIZATION)),
            path=tree.main_path(folder),
        )


def config(name: str, value: str = "1", marks: str = "", extra: str = "") -> str:
    """A ConfigMap; `marks` are annotations in YAML's flow style."""
    return (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, annotations: {{{marks}}}}}\n"
        f"data: {{key: '{value}'}}\n{extra}"
    )


def files(**contents: str) -> Tree:
    """A tree below `app/`: keywords become files."""
    return ops.tree({f"app/{name}.yaml": content for name, content in contents.items()})


_ONE: Final = files(one=config("one"))
_TWO: Final = files(one=config("one", "2"), two=config("two"))
_BROKEN: Final = {
    "no YAML": "a: [\n",
    "tabs": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n",
    "no object": "just: values\n",
    "no kind": "apiVersion: v1\nmetadata: {name: x}\n",
    "no name": "apiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n",
    "a list": "- one\n- two\n",
    "twice": config("one"),
    "wrong type": "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: 7}\n",
    "invalid": "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: []}\n",
    "unknown field": config("x", extra="nonsense: true\n"),
    "bad name": config("Not_A_Name"),
    "unknown kind": "apiVersion: none.example.org/v1\nkind: Foo\nmetadata: {name: x}\n",
    "cluster-scoped": (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n"
        "metadata: {name: somebody}\nrules: []\n"
    ),
    "a namespace": "apiVersion: v1\nkind: Namespace\nmetadata: {name: elsewhere}\n",
    "number as data": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: 1}\n",
    "empty file": "",
    "only a comment": "# nothing\n",
    "overlay without file": None,
}  # fmt: skip

_ABSENT: Final = {
    "branch": "absent",
    "tag": "v9",
    "semver": ">=1.0.0",
    "commit": "0" * 40,
    "name": "refs/heads/absent",
}


def troubles() -> Iterator[Sequence]:
    """What goes wrong, and that it heals."""
    for what, content in _BROKEN.items():
        name, text = (
            ("kustomization", "resources: [absent.yaml]\n") if content is None else ("bad", content)
        )
        yield Sequence(
            f"trouble {what}",
            _ONE,
            (
                Commit(files(one=config("one", "2"), **{name: text})),
                by_hand("ConfigMap/one", None),
                Commit(_TWO),
            ),
        )
        yield Sequence(f"trouble {what} from the beginning", files(**{name: text}),
                       (Commit(_ONE),))  # fmt: skip
    for kind in ("refuse", "401", "403", "404", "500"):
        yield Sequence(
            f"trouble server {kind}",
            _ONE,
            (Outage(kind), Commit(_TWO), by_hand("ConfigMap/one", None), Outage(None)),
        )
    for state in ("wrong", "password-only", "empty", "missing"):
        yield Sequence(
            f"trouble credentials {state}",
            _ONE,
            (Credentials(state), Commit(_TWO), Credentials("right")),
            private=True,
        )
    # One at a time: of each object only some 25 events are written at once (client-go's limit),
    # and a failing source is tried again and again.
    for name, value in _ABSENT.items():
        yield Sequence(
            f"trouble reference {name}",
            _ONE,
            (
                edit(SOURCE, ref={"branch": None} | {name: value}),
                edit(SOURCE, ref={name: None} | {"branch": "main"}),
            ),
        )
    yield Sequence(
        "trouble paths",
        ops.tree({"app/one.yaml": config("one"), "other/two.yaml": config("two"), "f": "text"}),
        (
            edit(KUSTOMIZATION, path="./absent"),
            edit(KUSTOMIZATION, path="./f"),
            edit(KUSTOMIZATION, path="./../../other"),
            edit(KUSTOMIZATION, path="./app/one.yaml"),
            edit(KUSTOMIZATION, path="app"),
        ),
    )
    yield Sequence(
        "trouble url",
        _ONE,
        (
            edit(SOURCE, url="ssh://git@127.0.0.1:org/repository"),
            edit(SOURCE, url="ssh://git@127.0.0.1/org/repository"),
            edit(SOURCE, url="http://127.0.0.1:1/closed.git"),
        ),
    )
    yield Sequence(
        "trouble account",
        _ONE,
        (
            edit(KUSTOMIZATION, serviceAccountName="nobody"),
            Commit(_TWO),
            edit(KUSTOMIZATION, serviceAccountName=NAMESPACE),
            edit(KUSTOMIZATION, serviceAccountName="nobody"),
            Delete(KUSTOMIZATION),
        ),
    )
    yield Sequence("trouble account removed", _ONE, (ops.Account(False), Delete(KUSTOMIZATION)))
    yield Sequence(
        "trouble nothing there",
        ops.tree({"README.md": "nothing"}),
        (
            Commit(ops.tree({"app/.gitkeep": ""})),
            Commit(_ONE),
            Commit(ops.tree({"app/.gitkeep": ""})),
            Commit(ops.tree({"README.md": "nothing"})),
        ),
    )


def orders() -> Iterator[Sequence]:
    """Suspension, resumption and deletion in every order that makes sense."""
    change: tuple[Operation, ...] = (Commit(_TWO), by_hand("ConfigMap/one", None))
    for names in ((SOURCE,), (KUSTOMIZATION,), (SOURCE, KUSTOMIZATION), (KUSTOMIZATION, SOURCE)):
        stop = [suspend(name) for name in names]  # type: ignore[arg-type] # subjects
        go = [resume(name) for name in names]  # type: ignore[arg-type]
        what = " and ".join(names)
        yield Sequence(f"order suspend and resume {what}", _ONE, (*stop, *change, *go))
        yield Sequence(
            f"order suspend and delete {what}",
            _ONE,
            (*stop, Delete(KUSTOMIZATION), Delete(SOURCE)),
        )
    yield Sequence(
        "order begun suspended",
        _ONE,
        (resume(SOURCE), Commit(_TWO), resume(KUSTOMIZATION)),
        suspended=True,
    )
    yield Sequence("order begun suspended, deleted", _ONE, (Delete(KUSTOMIZATION), Delete(SOURCE)),
                   suspended=True)  # fmt: skip
    yield Sequence(
        "order source deleted",
        _ONE,
        (Delete(SOURCE), by_hand("ConfigMap/one", None), Create(SOURCE), Delete(SOURCE),
         Delete(KUSTOMIZATION), Create(KUSTOMIZATION), Create(SOURCE)),
    )  # fmt: skip
    yield Sequence(
        "order made anew",
        _ONE,
        (Delete(KUSTOMIZATION), Create(KUSTOMIZATION), Commit(_TWO)),
    )
    yield Sequence(
        "order without prune",
        _TWO,
        (
            edit(KUSTOMIZATION, prune=False),
            Commit(_ONE),
            edit(KUSTOMIZATION, prune=True),
            Delete(KUSTOMIZATION),
        ),
    )
    for policy in ("Orphan", "Delete", "WaitForTermination"):
        yield Sequence(
            f"order deletion policy {policy}",
            _ONE,
            (edit(KUSTOMIZATION, deletionPolicy=policy, prune=False), Delete(KUSTOMIZATION)),
        )


def edits() -> Iterator[Sequence]:
    """Edits of the two objects, and of Git in unusual ways."""
    yield Sequence(
        "edit references",
        _ONE,
        (
            Commit(_TWO, branch="next", tag="v1.0.0"),
            edit(SOURCE, ref={"branch": "next"}),
            edit(SOURCE, ref={"branch": None, "tag": "v1.0.0"}),
            Commit(_ONE, branch="next", tag="v1.2.0"),
            edit(SOURCE, ref={"semver": ">=1.0.0 <2", "tag": None}),
            edit(SOURCE, ref={"semver": None, "name": "refs/heads/main"}),
        ),
    )
    yield Sequence("edit history", _ONE, (Rewrite(_TWO), Rewrite(_ONE)))
    yield Sequence(
        "edit path",
        ops.tree({"app/one.yaml": config("one"), "other/two.yaml": config("two")}),
        (edit(KUSTOMIZATION, path="./other"), edit(KUSTOMIZATION, path="./"), Commit(_ONE)),
    )
    yield Sequence(
        "edit ignore",
        _TWO,
        (edit(SOURCE, ignore="app/two.yaml"), edit(SOURCE, ignore=None)),
    )
    yield Sequence(
        "edit what is made of it",
        _TWO,
        (
            edit(KUSTOMIZATION, commonMetadata={"labels": {"team": "a"}}),
            edit(KUSTOMIZATION, namePrefix="pre-", commonMetadata=None),
            edit(KUSTOMIZATION, namePrefix=None, images=[]),
            edit(KUSTOMIZATION, postBuild={"substitute": {"name": "x"}}),
        ),
    )
    variables = files(one=config("one", "${name:=unnamed} and ${other}"))
    yield Sequence(
        "edit variables",
        variables,
        (
            edit(KUSTOMIZATION, postBuild={"substitute": {"name": "x", "other": "y"}}),
            edit(KUSTOMIZATION, postBuild={"substitute": {"name": None, "other": "7"}}),
        ),
    )


def marks() -> Iterator[Sequence]:
    """Marks on objects, and changes by hand."""
    toolkit = "kustomize.toolkit.fluxcd.io"
    for mark in (
        "prune: disabled", "reconcile: disabled", "ssa: Merge", "ssa: IfNotPresent",
        "ssa: Ignore", "force: enabled", "substitute: disabled",
    ):  # fmt: skip
        said = f"{toolkit}/{mark}"
        yield Sequence(
            f"mark {mark}",
            files(one=config("one", "1", said), two=config("two")),
            (
                by_hand("ConfigMap/one", {"data": {"key": "9", "extra": "x"}}),
                Commit(files(one=config("one", "2", said), two=config("two"))),
                by_hand("ConfigMap/one", None),
                Commit(files(two=config("two"))),
                Delete(KUSTOMIZATION),
            ),
        )
    yield Sequence(
        "mark by hand",
        _ONE,
        (
            by_hand("ConfigMap/one",
                    {"metadata": {"annotations": {f"{toolkit}/reconcile": "disabled"}}}),
            Commit(_TWO),
            Commit(files(two=config("two"))),
        ),
    )  # fmt: skip
    for manager in ("kubectl-edit", "kubectl-patch", "lens", "before-first-apply", "Mozilla"):
        yield Sequence(
            f"hand {manager}",
            _TWO,
            (
                by_hand("ConfigMap/one", {"data": {"extra": "x"}}, manager),
                by_hand("ConfigMap/one", {"data": {"key": "9"}}, manager),
                by_hand("ConfigMap/two", {"metadata": {"labels": {f"{toolkit}/name": None}}},
                        manager),
                by_hand("ConfigMap/two", {"metadata": {"labels": {f"{toolkit}/name": "other"}}},
                        manager),
                Commit(_ONE),
            ),
        )  # fmt: skip
    immutable = (
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nimmutable: true\n"
        "stringData: {{k: '{}'}}\n"
    )
    yield Sequence(
        "hand immutable",
        files(s=immutable.format(1)),
        (
            Commit(files(s=immutable.format(2), one=config("one"))),
            edit(KUSTOMIZATION, force=True),
            Commit(files(s=immutable.format(3))),
        ),
    )
    yield Sequence(
        "hand owner",
        _TWO,
        (
            by_hand("ConfigMap/two", {"metadata": {"labels": {f"{toolkit}/name": "other"}}}),
            Delete(KUSTOMIZATION),
        ),
    )


def _decoded(content: dict[str, bytes]) -> Tree:
    return ops.tree({path: text.decode() for path, text in content.items()})
