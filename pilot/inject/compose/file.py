"""What a compose file says about its services, read with merges and both forms of labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pilot.inject.compose.layout import CONTROL_PLANE, MARK, REPLICAS_LABEL
from pilot.inject.compose.ports import substitute_defaults
from pilot.inject.options import InjectError
from pilot.inject.yaml.editor import Path, YamlEditor
from pilot.node.ports import PROXY_GID, PROXY_UID

SERVICES: Path = (0, "services")


def service_path(name: str) -> Path:
    """Where the service ``name`` stands in a compose file."""
    return (*SERVICES, name)


def labels_of(service: Mapping[str, Any]) -> dict[str, str]:
    """The labels of a service, written as a mapping or as a list of ``key=value``."""
    labels = service.get("labels")
    if isinstance(labels, list):
        pairs = (str(item).partition("=") for item in labels)
        return {key: value for key, _, value in pairs}
    if isinstance(labels, Mapping):
        return {str(key): _text(value) for key, value in labels.items()}
    return {}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def as_mapping(value: Any) -> dict[str, Any]:
    """What may be written as a mapping or as a list of ``key=value``; None is the value of a key alone. A list of
    ``host:address`` is read, too."""
    if isinstance(value, Mapping):
        return dict(value)
    texts = [str(item) for item in value or []]
    pairs = [text.partition("=" if "=" in text else ":") for text in texts]
    return {key: text if separator else None for key, separator, text in pairs}


def mark_of(service: Any) -> str:
    """What inject made of this service, or "" for one of the user's."""
    return labels_of(service).get(MARK, "") if isinstance(service, Mapping) else ""


def user_services(editor: YamlEditor) -> Iterator[tuple[str, dict[str, Any]]]:
    """The services that are the user's own, in order. Raises InjectError for one that is no mapping."""
    services = editor.value(SERVICES)
    for name, service in services.items():
        if not isinstance(service, dict):
            raise InjectError(
                editor.line(service_path(name)), f"service {name} is not a mapping with an image or build"
            )
        if not mark_of(service):
            yield name, service


def is_control_plane(name: str, service: Mapping[str, Any]) -> bool:
    """Whether a service of the user's is a control plane of ours, written by hand."""
    words = service.get("command")
    text = " ".join(map(str, words)) if isinstance(words, list) else str(words)
    return name in CONTROL_PLANE and any(word in text for word in ("serve", "bootstrap", "token"))


def owner_of_network(service: Mapping[str, Any]) -> str:
    """The name of the service whose network this one shares, or ""."""
    mode = str(service.get("network_mode") or "")
    return mode.removeprefix("service:") if mode.startswith("service:") else ""


def is_proxy_user(user: Any) -> bool:
    """Whether an application runs as the proxy's user or group, whose traffic is not captured."""
    uid, _, gid = str(user if user is not None else "").partition(":")
    return uid == str(PROXY_UID) or gid == str(PROXY_GID)


def why_left_alone(service: Mapping[str, Any]) -> str:
    """The reason why a service cannot have a sidecar, or ""."""
    mode = str(service.get("network_mode") or "")
    if not mode:
        return "it has no network (net)" if service.get("net") else ""
    if mode.startswith(("service:", "container:")) or mode in ("host", "none"):
        return f"network_mode is {mode}"
    return f"network_mode is {mode}, a network without names of services"


def replicas_of(service: Mapping[str, Any], pod: Mapping[str, Any] | None, line: int) -> int:
    """How many containers it wants: ``scale``, else ``deploy.replicas``, else what an earlier run read there.

    Raises InjectError for what is no number.
    """
    deploy = service.get("deploy")
    wanted = service.get("scale", deploy.get("replicas") if isinstance(deploy, Mapping) else None)
    if wanted is None:
        wanted = labels_of(pod or {}).get(REPLICAS_LABEL, 1)
    text = substitute_defaults(str(wanted))
    if not text.isdecimal() or int(text) > 100:
        raise InjectError(line, f"the number of replicas {text!r} is not a number up to 100")
    return int(text)
