import signal

import pytest
import yaml

from harness.cli import failing
from harness.errors import HarnessBug, Inconclusive, UsageError
from harness.model import era_detection
from harness.systems import flux_versions
from harness.systems.flux_versions import Pair

BUILDABLE = {
    "sc1.3.0-kc1.9.5": ("source-controller", "kustomize-controller"),
    "sc1.3.0-kc1.7.3": ("source-controller", "kustomize-controller-v1.7.3"),
    "sc1.3.0-kc1.6.0": ("source-controller", "kustomize-controller-v1.6.0"),
    "sc1.2.3-kc1.9.5": ("source-controller-v1.2.3", "kustomize-controller"),
}
every_pair = pytest.mark.parametrize("pair", flux_versions.pairs(), ids=lambda pair: pair.name)


@every_pair
def test_a_pair_is_of_the_era_that_its_versions_are_of(pair: Pair) -> None:
    found = era_detection.detect(pair.source, pair.kustomize)
    assert found is not None
    assert found.name == pair.era
    assert pair.behaviour == found


@every_pair
def test_what_was_shipped_is_told_apart_from_what_can_be_built(pair: Pair) -> None:
    assert pair.released is not pair.buildable
    assert pair.released is bool(pair.dkp and pair.flux and pair.kubefed)
    assert bool(pair.programs) is pair.buildable
    if pair.buildable:
        assert pair.programs == BUILDABLE[pair.name]
        assert flux_versions.choose(pair.name) == pair
        assert str(pair).endswith("(a pair that was never a release)")
        return
    with pytest.raises(Inconclusive) as refused:
        flux_versions.choose(pair.name)
    assert refused.value.code == "environment"
    assert str(refused.value).startswith(f"inconclusive: module not served: {pair.name} is ")
    assert "sc1.3.0-kc1.9.5" in str(refused.value)


def test_all_of_dkp_is_there_and_all_that_can_be_built() -> None:
    pairs = flux_versions.pairs()
    assert len([pair for pair in pairs if pair.released]) == 15
    assert {pair.name for pair in pairs if pair.buildable} == set(BUILDABLE)
    dkp = flux_versions.named("dkp-2.2.1")
    assert (dkp.dkp, dkp.flux, dkp.kubefed) == (("2.2.1", "2.2.2"), "0.29.5", "0.9.2")
    assert dkp.versions == {"source-controller": "v0.24.3", "kustomize-controller": "v0.24.4"}


def test_without_a_name_it_is_the_default() -> None:
    assert (
        flux_versions.choose() == flux_versions.default() == flux_versions.named("sc1.3.0-kc1.7.3")
    )


def test_an_unknown_name_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match=r"no Flux version dkp-9; known are dkp-2\.1, .*sc1\.3\.0"):
        flux_versions.named("dkp-9")


def test_what_cannot_be_built_is_inconclusive_for_the_caller_too(capsys, monkeypatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert failing.exit_status(lambda: flux_versions.choose("dkp-2.4")) == 4
    assert "inconclusive: module not served: dkp-2.4" in capsys.readouterr().err


GOOD = """
transcribed: a
default: a
programs:
  s: {controller: source-controller, version: v1.3.0}
  k: {controller: kustomize-controller, version: v1.6.0}
pairs:
- {name: a, source: v1.3.0, kustomize: v1.6.0, era: E6, released: false, buildable: true, reason: x}
"""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"era": "E5"}, "is of era E6, not E5"),
        ({"source": "v2.0.0"}, "versions of no known era"),
        ({"source": "v1.2.3"}, "which no program is"),
        ({"buildable": False}, "the default a is no pair that can be built"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_matrix_that_contradicts_itself_is_a_bug(change, told) -> None:
    content = yaml.safe_load(GOOD)
    assert flux_versions.parse(yaml.safe_dump(content)).default.programs == ("s", "k")
    content["pairs"][0] |= change
    with pytest.raises(HarnessBug, match=told):
        flux_versions.parse(yaml.safe_dump(content))


def test_what_the_reference_is_compared_with_can_be_built() -> None:
    assert flux_versions.transcribed() == flux_versions.named("sc1.3.0-kc1.9.5")
    content = yaml.safe_load(GOOD) | {"transcribed": "b"}
    with pytest.raises(HarnessBug, match="the transcribed b is no pair"):
        flux_versions.parse(yaml.safe_dump(content))


def test_a_name_is_there_once() -> None:
    content = yaml.safe_load(GOOD)
    content["pairs"] *= 2
    with pytest.raises(HarnessBug, match="twice"):
        flux_versions.parse(yaml.safe_dump(content))
