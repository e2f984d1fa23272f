"""What installing Flux puts on a cluster, and what is claimed for which variant of it."""

import pytest

from harness.cli import session
from harness.cli.session import Wanted
from harness.errors import Inconclusive
from harness.model import profile
from harness.systems import flux, flux_objects, front

WRITES = {"create", "update", "patch", "delete", "*"}


def rules(component, **options):
    made = {obj["kind"]: obj for obj in flux_objects.on_cluster(component, "v1", **options)}
    return made["ClusterRole"]["rules"], made["ClusterRoleBinding"]["roleRef"]["name"]


def test_the_applier_writes_nothing_in_its_own_name_but_its_own_kind():
    given, role = rules(flux_objects.KUSTOMIZE)
    written = {
        (group, resource)
        for rule in given
        if WRITES & set(rule["verbs"])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    impersonated = [rule["resources"] for rule in given if "impersonate" in rule["verbs"]]

    assert written == {("kustomize.toolkit.fluxcd.io", "*"), ("", "events")}
    assert impersonated == [["serviceaccounts"]]
    assert role == "kommander-flux-kustomize-controller"


def test_without_remedies_it_is_as_mighty_as_flux_ships_it():
    assert rules(flux_objects.KUSTOMIZE, all_powerful=True)[1] == "cluster-admin"


def test_the_fetcher_may_not_impersonate():
    given, _ = rules(flux_objects.SOURCE)

    assert not any("impersonate" in rule["verbs"] for rule in given)


def test_kinds_carry_the_labels_of_their_component():
    crd = {
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "a",
            "annotations": {"controller-gen": "1"},
            "creationTimestamp": None,
        },
        "spec": {},
    }
    made = flux_objects.kind(crd, flux_objects.SOURCE, "v1.7.3")

    assert made["metadata"]["labels"]["app.kubernetes.io/part-of"] == "flux"
    assert made["metadata"]["labels"]["app.kubernetes.io/version"] == "v1.7.3"
    assert made["metadata"]["annotations"] == {"controller-gen": "1"}
    assert "creationTimestamp" not in made["metadata"]


def test_a_run_of_flux_needs_the_programs_of_its_pair():
    older = Wanted(system="flux", options=front.Options(pair="sc1.3.0-kc1.6.0"))

    assert set(Wanted(system="flux").programs) >= {
        "source-controller",
        "kustomize-controller-v1.7.3",
    }
    assert set(older.programs) >= {"source-controller", "kustomize-controller-v1.6.0"}
    assert "source-controller" not in Wanted().programs


def test_a_version_that_is_not_served_is_inconclusive_before_anything_is_started():
    shipped = Wanted(system="flux", options=front.Options(pair="dkp-2.8"))
    with pytest.raises(Inconclusive, match="module not served") as caught:
        _ = shipped.programs

    assert caught.value.code == "environment"


def test_the_report_names_the_modules_of_the_kinds():
    made = session.module_records("flux")

    assert [(m.name, m.module, m.version, m.checksum) for m in made] == [
        (f"CRDs of {name}", module.path, module.version, module.checksum)
        for name, module in flux.CRDS.items()
    ]
    assert all(m.checksum.startswith("h1:") for m in made)
    assert session.module_records("reference") == ()


def test_a_variant_has_a_name_of_its_own():
    assert Wanted(system="flux").variant == "flux"
    assert Wanted(system="flux", options=front.Options(management="plain")).variant == "flux-plain"


def test_a_pair_of_two_eras_has_a_dialect():
    spoken = profile.dialect("E6+E7")

    assert spoken.source_ready_reason == "Succeeded"
    assert spoken.era.prune_leak_after_refused_delete is False
