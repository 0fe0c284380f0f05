from __future__ import annotations

from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings

from pilot.inject.compose.inject import ComposePlace, inject_compose
from pilot.inject.compose.layout import MARK
from pilot.inject.compose.network import NAMESPACE_KEYS
from pilot.inject.options import InjectError, InjectOptions, SidecarKind
from pilot.node.metadata import Interception
from tests.pilot.inject.compose_files import texts

OPTIONS = InjectOptions()


def inject(text: str, options: InjectOptions = OPTIONS) -> str:
    return inject_compose(dedent(text), options).text


def services(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


@settings(max_examples=12, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(texts())
def test_injecting_again_changes_nothing(text: str) -> None:
    once = inject_compose(text, OPTIONS)
    assert inject_compose(once.text, OPTIONS).text == once.text


@settings(max_examples=12, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(texts())
def test_every_service_has_a_pod_with_all_that_belongs_to_the_namespace(text: str) -> None:
    before, made = services(text), inject_compose(text, OPTIONS)
    after = services(made.text)
    for workload in made.workloads:
        application, pod = after[workload.service], after[workload.pod]
        assert application["network_mode"] == after[workload.sidecar]["network_mode"] == f"service:{workload.pod}"
        assert not set(application) & set(NAMESPACE_KEYS)
        for key in set(NAMESPACE_KEYS) - {"networks"}:
            assert pod.get(key) == (before[workload.service].get(key) or None)
        assert all(
            workload.service in settings["aliases"]
            for name, settings in pod["networks"].items()
            if name != "pilothouse"
        )
        kept = set(before[workload.service]) - {*NAMESPACE_KEYS, "scale", "deploy", "sysctls", "depends_on"}
        assert all(application[key] == before[workload.service][key] for key in kept)


@settings(max_examples=12, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(texts())
def test_services_left_alone_keep_their_meaning(text: str) -> None:
    before, made = services(text), inject_compose(text, OPTIONS)
    after = services(made.text)
    for name in set(before) - {workload.service for workload in made.workloads}:
        assert after[name] == before[name]


@settings(max_examples=12, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(texts())
def test_other_flags_lead_to_what_they_would_have_led_to_at_once(text: str) -> None:
    other = replace(
        OPTIONS, sidecar=SidecarKind.AGENT, interception=Interception.TPROXY, image="other:1", dns_capture=True
    )
    twice = inject_compose(inject_compose(text, other).text, OPTIONS).text
    assert yaml.safe_load(twice) == yaml.safe_load(inject_compose(text, OPTIONS).text)


@settings(max_examples=12, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(texts())
def test_taking_all_sidecars_away_leaves_the_network_settings_with_their_services(text: str) -> None:
    none = replace(OPTIONS, inject_by_default=False)
    after = services(inject_compose(inject_compose(text, OPTIONS).text, none).text)
    before = services(text)
    assert set(after) == set(before)
    assert not any(MARK in str(service.get("labels")) for service in after.values())
    for name, service in before.items():
        for key in ("ports", "hostname", "dns", "image", "network_mode"):
            assert (after[name].get(key) or None) == (service.get(key) or None)


def test_a_service_that_is_labelled_out_keeps_its_bytes() -> None:
    block = (
        "  db:   # ours\n    labels:  {sidecar.istio.io/inject: \"false\"}\n    image:    'postgres:16'\n\n"
        '    # odd   indentation\n    ports:\n          - "5432:5432"\n'
    )
    assert block in inject("services:\n  web: {image: x}\n" + block)


def test_comments_quotes_order_and_anchors_stay() -> None:
    text = """\
        # A shop.
        x-logging: &logging
          driver: "json-file"   # rotated
        services:
          # The page
          web:
            image: 'nginx'
            logging: *logging
            # for people
            ports:
              - "8080:80"   # HTTP
            environment:
              A: "1"   # first
        """
    lines = inject(text).splitlines()
    for line in dedent(text).splitlines():
        assert line in lines
    assert lines.index("    # for people") + 1 == lines.index("    ports:") > lines.index("  web-pod:")


def test_a_fragment_with_networks_is_written_out_and_others_stay_merged() -> None:
    made = inject(
        """\
        x-app: &app {image: x, networks: [front]}
        x-env: &env {restart: always}
        services:
          a:
            <<: *app
          b:
            <<: *env
            image: y
        networks: {front: }
        """
    )
    assert made.count("<<: *env") == 1
    assert "<<: *app" not in made
    assert services(made)["a-pod"]["networks"]["front"] == {"aliases": ["a"]}
    assert services(made)["a"]["image"] == "x"


def test_a_service_that_merges_another_gets_its_own_pod() -> None:
    made = services(
        inject(
            """\
            services:
              web: &web
                image: x
                environment: &env {A: "1"}
                ports: &ports ["80:80"]
              worker:
                <<: *web
                command: work
                environment: *env
                ports: []
              copy: {image: y, ports: *ports}
            """
        )
    )
    assert made["worker"] == {
        "image": "x",
        "environment": {"A": "1"},
        "command": "work",
        "network_mode": "service:worker-pod",
        "depends_on": {"worker-sidecar": {"condition": "service_healthy"}},
    }
    assert made["copy-pod"]["ports"] == ["80:80"]


def test_an_edit_of_what_was_injected_is_kept() -> None:
    once = inject("services:\n  web:\n    image: x\n    ports: ['80:80']\n")
    edited = once.replace("image: x\n", "image: y   # newer\n").replace("'80:80'", "'81:80', '443:443'")
    edited = edited.replace("\n  web-sidecar:\n", "\n  web-sidecar:\n    mem_limit: 100m   # enough\n")
    twice = inject(edited)
    assert "image: y   # newer" in twice
    assert "mem_limit: 100m   # enough" in twice
    assert services(twice)["web-pod"]["ports"] == ["81:80", "443:443"]
    assert "--port=https=443" in services(twice)["bootstraps"]["command"][2]


def test_a_port_written_to_an_injected_service_joins_its_pod() -> None:
    once = inject("services:\n  web:\n    image: x\n    ports: ['80:80']\n")
    twice = inject(once.replace("image: x\n", "image: x\n    ports: ['443:443']\n"))
    assert services(twice)["web-pod"]["ports"] == ["80:80", "443:443"]
    assert "ports" not in services(twice)["web"]


def test_a_service_that_is_gone_takes_its_sidecar_with_it() -> None:
    once = inject("services:\n  web: {image: x}\n  old: {image: y, scale: 2}\n")
    start, end = once.index("  old:\n"), once.index("  old-pod:\n")
    after = inject(once[:start] + once[end:])
    assert yaml.safe_load(after) == yaml.safe_load(inject("services:\n  web: {image: x}\n"))


def test_replicas_become_instances_with_a_pod_each() -> None:
    made = services(
        inject(
            """\
            services:
              api:
                image: x
                container_name: api
                deploy: {replicas: 3, resources: {limits: {memory: 1g}}}
                ports: ["8000:8000", "9000"]
                networks: {default: {ipv4_address: 10.0.0.9}}
            """
        )
    )
    assert made["api"]["deploy"] == {"resources": {"limits": {"memory": "1g"}}}
    assert made["api-3"]["container_name"] == "api-3"
    assert made["api-3"]["network_mode"] == "service:api-3-pod"
    assert "api-3-sidecar" in made["api-3"]["depends_on"]
    assert made["api-pod"]["ports"] == ["8000:8000", "9000"]
    assert made["api-3-pod"]["ports"] == ["9000"]
    assert made["api-3-pod"]["networks"] == {"default": {"aliases": ["api"]}}
    assert "--name=api-3 " in made["bootstraps"]["command"][2]


def test_the_number_of_replicas_can_be_changed_later() -> None:
    once = inject("services:\n  api: {image: x, scale: 3}\n")
    fewer = inject(once.replace("  api:\n    image: x\n", "  api:\n    image: y\n    scale: 2\n", 1))
    assert {name for name in services(fewer) if name.startswith("api")} == {
        *("api", "api-pod", "api-sidecar"),
        *("api-2", "api-2-pod", "api-2-sidecar"),
    }
    assert services(fewer)["api-2"]["image"] == "y"


def test_several_networks_get_one_that_reaches_the_control_plane() -> None:
    made = yaml.safe_load(
        inject(
            """\
            services:
              web: {image: x, networks: [front]}
              api: {image: x, networks: [front, back]}
            networks: {front: , back: {internal: true}}
            """
        )
    )
    assert made["networks"]["pilothouse"] == {"internal": True}
    assert made["services"]["pilot"]["networks"] == ["pilothouse"]
    assert set(made["services"]["api-pod"]["networks"]) == {"front", "back", "pilothouse"}


def test_one_network_holds_the_control_plane_too() -> None:
    made = services(inject("services:\n  a: {image: x, networks: [n]}\nnetworks: {n: }\n"))
    assert made["pilot"]["networks"] == ["n"]


def test_others_wait_for_the_application_as_before() -> None:
    made = services(
        inject(
            """\
            services:
              web: {image: x, depends_on: [api, db]}
              api: {image: x, depends_on: {db: {condition: service_healthy}}}
              db: {image: postgres, healthcheck: {test: pg_isready}}
            """
        )
    )
    assert made["web"]["depends_on"] == {
        "api": {"condition": "service_started"},
        "db": {"condition": "service_started"},
        "web-sidecar": {"condition": "service_healthy"},
    }
    assert made["api"]["depends_on"]["db"] == {"condition": "service_healthy"}
    assert made["db"]["healthcheck"] == {"test": "pg_isready"}


def test_a_link_leads_to_the_pod_under_its_old_name() -> None:
    made = services(inject("services:\n  a: {image: x, links: [b, 'b:bee']}\n  b: {image: y}\n"))
    assert made["a-pod"]["links"] == ["b-pod:b", "b-pod:bee"]


def test_labels_say_what_is_captured() -> None:
    made = services(
        inject(
            """\
            services:
              a:
                image: x
                labels:
                  - traffic.sidecar.istio.io/excludeOutboundPorts=25,587
                  - sidecar.istio.io/interceptionMode=TPROXY
            """
        )
    )
    assert "--exclude-outbound-ports=25,587" in made["a-pod"]["command"]
    assert "--mode=TPROXY" in made["a-pod"]["command"]
    assert made["a-sidecar"]["user"] == "0:1337"
    assert "NET_ADMIN" in made["a-sidecar"]["cap_add"]


def test_the_agent_has_a_token_and_makes_its_key_itself() -> None:
    made = services(inject("services:\n  a: {image: x}\n", replace(OPTIONS, sidecar=SidecarKind.AGENT)))
    assert made["a-sidecar"]["image"] == "pilothouse-agent:latest"
    assert "citadel token create" in made["bootstraps"]["command"][2]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\n", 1, "no mapping `services`"),
        ("services:\n  a: {image: x}\n  b: [x]\n", 3, "b is not a mapping"),
        ("services:\n  a:\n    image: x\n    extends: {service: b}\n", 4, "which is no service of this file"),
        ("services:\n  a: {image: x}\n  a-pod: {image: y}\n", 3, "rename it"),
        ("services:\n  a: {image: x}\n  pilot: {image: y}\n", 3, "rename it"),
        ("services:\n  a: {image: x, scale: many}\n", 2, "not a number"),
        ("services:\n  a:\n    image: x\n    labels: {pilothouse.io/ports: http}\n", 2, "NAME=NUMBER"),
        ("services:\n  a: {image: x, labels: {traffic.sidecar.istio.io/excludeInbound: '1'}}\n", 2, "did you mean"),
    ],
)
def test_what_cannot_be_injected_is_told_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(InjectError, match=says) as caught:
        inject(text)
    assert caught.value.line == line


def test_a_service_without_network_of_its_own_is_told_of() -> None:
    result = inject_compose("services:\n  a: {image: x}\n  b: {image: y, network_mode: host}\n", OPTIONS)
    assert [(remark.line, "host" in remark.text) for remark in result.remarks] == [(3, True)]


def test_a_service_in_the_network_of_another_shares_its_sidecar() -> None:
    text = """\
        services:
          web: {image: x}
          tail:
            image: y
            network_mode: service:web
            depends_on: [web]
        """
    made = inject_compose(dedent(text), OPTIONS)
    tail = services(made.text)["tail"]
    assert tail["network_mode"] == "service:web-pod"
    assert tail["depends_on"] == {
        "web": {"condition": "service_started"},
        "web-sidecar": {"condition": "service_healthy"},
    }
    (remark,) = made.remarks
    assert (remark.line, remark.text.partition(";")[0]) == (
        3,
        "service tail is in the network of web and shares its sidecar and its identity",
    )
    assert inject(made.text) == made.text
    without = inject_compose(made.text, replace(OPTIONS, inject_by_default=False)).text
    assert services(without)["tail"] == {
        "image": "y",
        "network_mode": "service:web",
        "depends_on": {"web": {"condition": "service_started"}},
    }


def test_a_service_in_the_network_of_one_without_sidecar_is_told_of() -> None:
    text = """\
        services:
          web: {image: x, labels: {sidecar.istio.io/inject: "false"}}
          tail: {image: y, network_mode: "service:web"}
        """
    made = inject_compose(dedent(text), OPTIONS)
    assert services(made.text)["tail"]["network_mode"] == "service:web"
    assert [one.text for one in made.remarks] == [
        "service tail gets no sidecar: it is in the network of web, which has none"
    ]


@pytest.mark.parametrize(("user", "told"), [("1337", True), ("1337:1000", True), ("0:1337", True), ("1000", False)])
def test_who_runs_as_the_proxy_is_told_that_nothing_is_captured(user: str, told: bool) -> None:
    made = inject_compose(f"services:\n  web:\n    image: x\n    user: '{user}'\n", OPTIONS)
    assert [(one.line, "not captured" in one.text) for one in made.remarks] == ([(4, True)] if told else [])


def test_paths_read_from_where_the_result_is() -> None:
    text = """\
        services:
          web:
            build: {context: ., dockerfile: Dockerfile.web}
            env_file: [web.env, {path: ./more.env, required: false}]
            volumes:
              - ./data:/data:ro
              - named:/n
              - /etc/hosts:/h
              - {type: bind, source: ../shared/, target: /s}
          api: {build: "https://example.org/x.git"}
        configs:
          page: {file: ./page.html}
        """
    made = yaml.safe_load(inject_compose(dedent(text), OPTIONS, ComposePlace(prefix="../app")).text)
    web = made["services"]["web"]
    assert web["build"] == {"context": "../app", "dockerfile": "Dockerfile.web"}
    assert web["env_file"] == ["../app/web.env", {"path": "../app/more.env", "required": False}]
    assert web["volumes"] == [
        "../app/data:/data:ro",
        "named:/n",
        "/etc/hosts:/h",
        {"type": "bind", "source": "../shared/", "target": "/s"},
    ]
    assert made["services"]["api"]["build"] == "https://example.org/x.git"
    assert made["configs"]["page"] == {"file": "../app/page.html"}
