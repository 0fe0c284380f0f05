"""What the filters of policies decide is what Istio's documentation says, for requests and opaque connections."""

from __future__ import annotations

from hypothesis import given, settings

from citadel.policy.authorization.decide import AccessVerdict, decide
from citadel.policy.authorization.evaluate import Request
from citadel.policy.authorization.filters import plan_rbac
from galley.frozen import FrozenMap
from tests.citadel.policy.authorization import oracle
from tests.citadel.policy.authorization.strategies import Json, policies, read_policies, requests

TRUST_DOMAINS = ("td.example", "old.example")


def described(request: Json) -> Request:
    """The same request in our words."""
    return Request(
        http=request["http"],
        method=request["method"],
        authority=request["host"],
        path=request["path"],
        headers=FrozenMap({name: (value,) for name, value in request["headers"].items()}),
        claims=request["claims"],
        identity=f"spiffe://{request['principal']}" if request["principal"] else "",
        peer_address=request["peer"],
        client_address=request["client"],
        destination_address=request["destination"],
        port=request["port"],
        server_name=request["sni"],
    )


@settings(max_examples=600)
@given(policies(), requests)
def test_decisions_are_those_of_the_oracle(written: list[Json], request: Json) -> None:
    plans = plan_rbac(read_policies(written), http=request["http"], trust_domains=TRUST_DOMAINS)
    verdict = decide(plans, described(request)).verdict
    assert (verdict is AccessVerdict.ALLOWED) == oracle.allowed(written, request, TRUST_DOMAINS)
