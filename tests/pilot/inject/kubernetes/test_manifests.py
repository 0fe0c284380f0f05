from __future__ import annotations

import json
from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest
import yaml

from pilot.inject.kubernetes.manifests import STATUS, inject_kubernetes
from pilot.inject.options import InjectError, InjectOptions

OPTIONS = InjectOptions()
POD_SPEC = "{containers: [{name: app, image: x, ports: [{name: http, containerPort: 8080}]}]}"


def inject(text: str, options: InjectOptions = OPTIONS) -> str:
    return inject_kubernetes(dedent(text), options).text


def pod(metadata: str = "{name: p}", spec: str = POD_SPEC) -> str:
    return f"apiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec: {spec}\n"


def names(spec: dict[str, Any], key: str) -> list[str]:
    return [item["name"] for item in spec.get(key, [])]


@pytest.mark.parametrize(
    ("version", "kind", "path"),
    [
        ("v1", "Pod", ()),
        ("apps/v1", "Deployment", ("spec", "template")),
        ("apps/v1", "StatefulSet", ("spec", "template")),
        ("apps/v1", "DaemonSet", ("spec", "template")),
        ("apps/v1", "ReplicaSet", ("spec", "template")),
        ("v1", "ReplicationController", ("spec", "template")),
        ("batch/v1", "Job", ("spec", "template")),
        ("batch/v1", "CronJob", ("spec", "jobTemplate", "spec", "template")),
    ],
)
def test_every_kind_with_a_pod_gets_its_sidecar(version: str, kind: str, path: tuple[str, ...]) -> None:
    document: dict[str, Any] = {"spec": yaml.safe_load(POD_SPEC)}
    for step in reversed(path):
        document = {step: document}
    document = {"apiVersion": version, "kind": kind, "metadata": {"name": "w"}, **document}
    for text in (yaml.safe_dump(document), yaml.safe_dump(document, default_flow_style=True), json.dumps(document)):
        once = inject(text)
        made = yaml.safe_load(once)
        for step in path:
            made = made[step]
        assert names(made["spec"], "initContainers") == ["istio-init", "istio-proxy"]
        assert made["spec"]["containers"] == yaml.safe_load(POD_SPEC)["containers"]
        assert inject(once) == once


def test_documents_without_a_pod_keep_their_bytes() -> None:
    text = "# ours\napiVersion: v1\nkind:   Service   # odd\nmetadata: {name: a}\n---\n# nothing\n---\nx: [1,2]\n"
    assert inject(text) == text
    assert inject(pod() + "---\n" + text).endswith("---\n" + text)


def test_the_items_of_a_list_are_injected() -> None:
    made = yaml.safe_load(
        inject(
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: p}\n"
            f"  spec: {POD_SPEC}\n"
        )
    )
    assert names(made["items"][0]["spec"], "volumes") == ["istio-credentials", "istio-token", "istiod-ca-cert"]


def test_the_token_is_one_of_the_service_account_for_our_audience() -> None:
    spec = yaml.safe_load(inject(pod()))["spec"]
    token = spec["volumes"][1]["projected"]["sources"][0]["serviceAccountToken"]
    assert (token["audience"], token["path"]) == ("istio-ca", "istio-token")
    proxy = spec["initContainers"][1]
    assert "--token=/var/run/secrets/tokens/istio-token" in proxy["args"]
    assert "--port=http=8080" in proxy["args"]
    assert proxy["securityContext"]["runAsUser"] == 1337
    assert proxy["restartPolicy"] == "Always"
    mounts = {mount["name"] for mount in proxy["volumeMounts"]}
    assert mounts == set(names(spec, "volumes"))


def test_an_older_cluster_has_the_proxy_among_the_containers() -> None:
    once = inject(pod())
    classic = inject(once, replace(OPTIONS, native_sidecar=False))
    spec = yaml.safe_load(classic)["spec"]
    assert names(spec, "initContainers") == ["istio-init"]
    assert names(spec, "containers") == ["app", "istio-proxy"]
    assert "restartPolicy" not in spec["containers"][1]
    assert yaml.safe_load(inject(classic)) == yaml.safe_load(once)


@pytest.mark.parametrize(
    ("metadata", "spec"),
    [
        ('{name: p, labels: {sidecar.istio.io/inject: "false"}}', POD_SPEC),
        ('{name: p, annotations: {sidecar.istio.io/inject: "false"}}', POD_SPEC),
        (
            '{name: p, annotations: {sidecar.istio.io/inject: "true"}, labels: {sidecar.istio.io/inject: "no"}}',
            POD_SPEC,
        ),
        ("{name: p, namespace: kube-system}", POD_SPEC),
        ("{name: p}", "{hostNetwork: true, containers: []}"),
    ],
)
def test_pods_that_are_left_alone_keep_their_bytes_and_are_told_of(metadata: str, spec: str) -> None:
    text = pod(metadata, spec)
    result = inject_kubernetes(text, OPTIONS)
    assert result.text == text
    assert len(result.remarks) == 1
    assert result.injected == ()


def test_who_is_labelled_out_later_loses_the_sidecar() -> None:
    once = inject(pod())
    none = inject(once, replace(OPTIONS, inject_by_default=False))
    assert yaml.safe_load(none) == yaml.safe_load(pod())


def test_annotations_say_what_is_captured_and_what_the_proxy_may_use() -> None:
    annotations = (
        '{traffic.sidecar.istio.io/excludeOutboundIPRanges: "10.0.0.0/8", sidecar.istio.io/proxyCPU: "10m", '
        "sidecar.istio.io/interceptionMode: TPROXY, sidecar.istio.io/logLevel: debug}"
    )
    result = inject_kubernetes(pod(f"{{name: p, annotations: {annotations}}}"), OPTIONS)
    init, proxy = yaml.safe_load(result.text)["spec"]["initContainers"]
    assert "--exclude-outbound-cidrs=10.0.0.0/8" in init["args"]
    assert "--mode=TPROXY" in init["args"]
    assert proxy["resources"]["requests"]["cpu"] == "10m"
    assert proxy["securityContext"]["capabilities"]["add"] == ["NET_ADMIN"]
    assert any("logLevel is not supported" in remark.text for remark in result.remarks)


def test_a_changed_image_replaces_the_sidecar_in_place() -> None:
    once = inject(pod())
    twice = inject(once, replace(OPTIONS, agent_image="other:2"))
    assert twice == once.replace("pilothouse-agent:latest", "other:2")


def test_the_status_lists_what_was_added() -> None:
    status = json.loads(yaml.safe_load(inject(pod()))["metadata"]["annotations"][STATUS])
    assert status["initContainers"] == ["istio-init", "istio-proxy"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (pod(spec="3"), "no pod spec"),
        (pod('{name: p, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: "x"}}'), "is not a port"),
        (pod('{name: p, annotations: {sidecar.istio.io/proxyCPU: "lots"}}'), "no quantity"),
    ],
)
def test_what_cannot_be_injected_is_told_with_its_line(text: str, says: str) -> None:
    with pytest.raises(InjectError, match=says) as caught:
        inject(text)
    assert caught.value.line == 4
