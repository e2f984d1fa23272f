"""
Names that look like somebody's own, made from a seed, and their insertion into fixtures.

Nothing in a name tells that a suite made it, so that no system can recognise the suite.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from harness.errors import HarnessBug

# No vowels and nothing that reads like another character: no word can come out by chance.
_LETTERS: Final = "bcdfghjklmnpqrstvwxz"
_TAIL: Final = _LETTERS + "2456789"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_QUALIFIERS: Final = _words(
    "atlas aurora basalt beacon birch cedar cobalt copper coral crimson delta ember falcon fjord "
    "garnet glacier harbor hazel indigo iris jasper juniper kestrel lagoon lapis larch lotus "
    "magnet maple meadow mercury nimbus north nova oak onyx opal orchid osprey pebble pine polar "
    "prairie quartz raven river rowan saffron sierra silver slate solar spruce summit teal "
    "timber topaz tundra umber velvet violet walnut willow winter zephyr"
)
_NOUNS: Final[dict[str, tuple[str, ...]]] = {
    "project": _words(
        "billing checkout claims fulfilment identity insights inventory ledger lending logistics "
        "loyalty market marketing messaging mobility onboarding orders partners payments payroll "
        "portal pricing procurement reporting retail returns risk search shipping storefront "
        "subscriptions support telemetry treasury warehouse"
    ),
    "source": _words(
        "apps backend catalog core deploy edge frontend gateway manifests platform releases "
        "rollout services shared site stack web workloads"
    ),
    "secret": _words(
        "access credentials deploy-key git-access git-credentials login pull-access read-access "
        "repo-access repository-key scm-access"
    ),
    "repository": _words(
        "app-config cluster-apps deployments environments gitops infra k8s kubernetes manifests "
        "operations platform-config releases services"
    ),
    "config": _words(
        "defaults feature-flags limits routing runtime settings toggles tuning web-config"
    ),
    "app": _words(
        "api basket cart catalog-api console dispatcher exporter gateway mailer notifier proxy "
        "queue scheduler storefront sync-agent worker"
    ),
    "cluster": _words("central east north south west"),
    "organization": _words("engineering platform product retail sre tooling web"),
    "label": _words(
        "audience business-unit cost-center department owner region-code tier workstream zone"
    ),
    "user": _words(
        "alba amelie anika bruno carla dario elif enzo farid greta hanna ines ivo jonas karim lena "
        "luca mara mika nadia nils olga pablo quinn rosa samir sofia tariq ulla vera yara"
    ),
}
# Placeholders of fixtures whose values are made up, and the kind of word that fits.
_MADE_UP: Final = {
    "config": "config",
    "app": "app",
    "child": "source",
    "secret_object": "secret",
    "role": "app",
    "label": "label",
    "value": "value",
    "password": "password",
}
_PLACEHOLDER: Final = re.compile(r"__([a-z][a-z0-9]*(?:_[a-z0-9]+)*)__")


class Names:
    """A source of names: the same seed and salt give the same names, and no name comes twice."""

    def __init__(self, seed: int, salt: str = "") -> None:
        # Names are no secret: they have to be repeatable from the seed in the report.
        self._random = random.Random(f"{seed}/{salt}")  # noqa: S311
        self._given: set[str] = set()

    def project(self) -> str:
        """A name for a project, short enough to become a namespace."""
        return self.word("project")

    def source(self) -> str:
        """A name for a GitOps source."""
        return self.word("source")

    def secret(self) -> str:
        """A name for a secret."""
        return self.word("secret")

    def repository(self) -> str:
        """A path for a repository: organization/name."""
        return f"{self.word('organization')}/{self.word('repository')}"

    def config(self) -> str:
        """A name for a ConfigMap."""
        return self.word("config")

    def app(self) -> str:
        """A name for a workload and what belongs to it."""
        return self.word("app")

    def label(self) -> str:
        """A label key in a domain of somebody's own."""
        domain = f"{self._random.choice(_QUALIFIERS)}-{self._tail()}"
        return f"{domain}.io/{self._random.choice(_NOUNS['label'])}"

    def user(self) -> str:
        """A name for a person or an account."""
        return self.word("user")

    def word(self, kind: str) -> str:
        """A DNS-1123 label for anything of that kind; unknown kinds get a plain qualifier."""
        while True:
            noun = self._random.choice(_NOUNS.get(kind, _QUALIFIERS))
            head = "" if kind == "user" else f"{self._random.choice(_QUALIFIERS)}-"
            name = f"{head}{noun}-{self._tail()}"
            if name not in self._given:
                self._given.add(name)
                return name

    def text(self) -> str:
        """A short harmless value, for the data of a ConfigMap."""
        return self.word("project").replace("-", " ")

    def password(self) -> str:
        """A value that only a secret has."""
        return "".join(
            self._random.choice(_LETTERS + _LETTERS.upper() + "2456789") for _ in range(24)
        )

    def values(self, wanted: Iterable[str], **given: str) -> dict[str, str]:
        """A value for every placeholder of a fixture: the given ones, and names for the rest.

        `config_b` is a second name of the kind `config`. What cannot be made up, such as the
        namespace, must be given.
        """
        made = dict(given)
        for placeholder in sorted(set(wanted) - given.keys()):
            kind = re.sub(r"_[a-z]$", "", placeholder)
            if kind not in _MADE_UP:
                raise HarnessBug(f"__{placeholder}__ cannot be made up; give a value")
            made[placeholder] = self._made_up(kind)
        return made

    def _made_up(self, kind: str) -> str:
        special: dict[str, Callable[[], str]] = {
            "label": self.label,
            "value": self.text,
            "password": self.password,
        }
        return special[kind]() if kind in special else self.word(_MADE_UP[kind])

    def _tail(self) -> str:
        first = self._random.choice(_LETTERS)
        return first + "".join(self._random.choice(_TAIL) for _ in range(4))


def placeholders(text: str) -> frozenset[str]:
    """The names of the placeholders, such as `config` for `__config__`."""
    return frozenset(_PLACEHOLDER.findall(text))


def placeholders_of(files: Mapping[str, bytes]) -> frozenset[str]:
    """The placeholders in the paths and the contents of a tree."""
    texts = [part for path, content in files.items() for part in (path, _text(content))]
    return frozenset().union(*(placeholders(text) for text in texts if text is not None))


def substitute(text: str, mapping: Mapping[str, str]) -> str:
    """The text with every placeholder replaced; one that the mapping lacks is an error."""
    unknown = sorted(placeholders(text) - mapping.keys())
    if unknown:
        shown = ", ".join(f"__{name}__" for name in unknown)
        raise HarnessBug(f"no value for {shown}; known are {_listed(mapping)}")
    return _PLACEHOLDER.sub(lambda found: mapping[found[1]], text)


def substitute_files(files: Mapping[str, bytes], mapping: Mapping[str, str]) -> dict[str, bytes]:
    """The tree with placeholders in its paths and contents replaced; binary content is kept."""
    made: dict[str, bytes] = {}
    for path, content in files.items():
        text = _text(content)
        try:
            made[substitute(path, mapping)] = (
                content if text is None else substitute(text, mapping).encode()
            )
        except HarnessBug as error:
            raise HarnessBug(f"{path}: {error}") from None
    return made


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"__{name}__" for name in sorted(names)) or "none"
