from __future__ import annotations

import pytest

from citadel.ir import MeshTls


def test_names_in_every_trust_domain_the_meshs_own_first() -> None:
    mesh = MeshTls(trust_domains=("b.example", "a.example", "b.example"))
    assert mesh.prefixes == ("spiffe://b.example/", "spiffe://a.example/")
    assert mesh.names_of("default", "reviews") == (
        "spiffe://b.example/ns/default/sa/reviews",
        "spiffe://a.example/ns/default/sa/reviews",
    )


def test_a_mesh_of_no_trust_domain_would_accept_anybody() -> None:
    with pytest.raises(ValueError, match="trust domain"):
        MeshTls(trust_domains=())
