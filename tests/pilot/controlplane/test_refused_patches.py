"""What a proxy is not sent again, and until when."""

from __future__ import annotations

from galley.decoding.documents import decode_file
from galley.meta import ResourceKey
from galley.snapshot import ConfigSnapshot, build_snapshot
from pilot.controlplane.refused_patches import RefusedPatches
from pilot.xds.resources import LISTENER
from tests.galley.documents import document

KEYS = {name: ResourceKey("EnvoyFilter", "default", name) for name in ("one", "two")}
RULE = ResourceKey("DestinationRule", "default", "rule")


def a_config(priority: int = 0) -> ConfigSnapshot:
    text = "---\n".join(
        document("EnvoyFilter", f"priority: {priority}", name=name, api_version="networking.istio.io/v1alpha3")
        for name in KEYS
    )
    resources, diagnostics = decode_file(text.encode(), "a.yaml")
    assert [one for one in diagnostics if one.is_error] == []
    return build_snapshot(resources)[0]


def test_a_refused_resource_goes_without_the_patches_that_made_it() -> None:
    refused, config = RefusedPatches(), a_config()
    told = refused.refuse("p", LISTENER, [("l", (KEYS["one"], RULE)), ("m", (RULE,))], config)
    assert [(name, resource.key) for name, resource in told] == [("l", KEYS["one"])]
    assert refused.withheld("p", config) == {(LISTENER, "l", KEYS["one"])}
    assert refused.withheld("q", config) == frozenset()
    assert refused.refuse("p", LISTENER, [("l", (KEYS["one"],))], config) == (), "it is told once"


def test_a_patch_that_is_written_anew_is_tried_again() -> None:
    refused, config = RefusedPatches(), a_config()
    refused.refuse("p", LISTENER, [("l", tuple(KEYS.values()))], config)
    assert len(refused.withheld("p", config)) == 2
    assert refused.withheld("p", a_config(priority=1)) == frozenset()


def test_a_proxy_that_comes_back_is_another_and_what_no_patch_made_is_not_remembered() -> None:
    refused, config = RefusedPatches(), a_config()
    refused.refuse("p", LISTENER, [("l", (KEYS["one"],))], config)
    refused.forget("p")
    assert refused.withheld("p", config) == frozenset()
    assert refused.refuse("p", LISTENER, [("l", (RULE, "no key"))], config) == ()
