"""Encoded resources as JSON: keys are not shown, paths to keys are."""

from __future__ import annotations

from typing import Any

import pytest

from envoycodec.upb import parse_json
from pilot.envoy.resource_json import snapshot_as_json
from pilot.xds.resources import SECRET, EncodedResource, ResourceSet, ResourceSnapshot


def shown(**secret: Any) -> dict[str, Any]:
    message = {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", **secret}
    resource = EncodedResource("s", "1", parse_json("google.protobuf.Any", message))
    (found,) = snapshot_as_json(ResourceSnapshot([ResourceSet(SECRET, [resource])]))["secrets"]
    return found


@pytest.mark.parametrize("form", [{"inlineString": "PRIVATE"}, {"inlineBytes": "UFJJVkFURQ=="}])
def test_a_key_is_not_shown(form: dict[str, str]) -> None:
    certificate = {"certificateChain": {"inlineString": "PUBLIC"}, "privateKey": form, "password": form}
    assert shown(name="s", tlsCertificate=certificate) == {
        "name": "s",
        "tlsCertificate": {
            "certificateChain": {"inlineString": "PUBLIC"},
            "privateKey": {"inlineString": "[redacted]"},
            "password": {"inlineString": "[redacted]"},
        },
    }


def test_other_secrets_are_not_shown() -> None:
    assert shown(name="s", genericSecret={"secret": {"inlineString": "x"}})["genericSecret"] == {
        "inlineString": "[redacted]"
    }


def test_where_a_key_lies_is_shown() -> None:
    certificate = {"privateKey": {"filename": "/etc/key.pem"}}
    assert shown(tlsCertificate=certificate)["tlsCertificate"] == certificate
