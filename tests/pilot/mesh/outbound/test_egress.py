from pilot.mesh.outbound.egress import egress_listeners
from pilot.node.metadata import Interception
from tests.builders import a_context, a_manifest, a_scope, a_sidecar, attached
from tests.builders_traffic import an_egress

SIDECAR = a_sidecar(
    egress=(
        an_egress("./reviews.default.svc.cluster.local", port=9080),
        an_egress("~/*", port=15080, protocol="HTTP_PROXY", bind="127.0.0.1"),
        an_egress("*/*", bind="unix:///run/out.sock"),
        an_egress("*/*"),
    )
)


def test_without_a_sidecar_there_is_one_catch_all() -> None:
    (egress,) = egress_listeners(a_context(a_manifest()), a_scope())
    assert (egress.port, egress.bind, egress.bind_to_port, egress.sidecar) == (None, "", False, None)
    assert [service.hostname for service in egress.imported.services] == ["reviews.default.svc.cluster.local"]


def test_in_mode_none_everything_is_bound() -> None:
    (egress,) = egress_listeners(a_context(a_manifest()), a_scope(interception=Interception.NONE))
    assert egress.bind_to_port


def test_declared_listeners_come_first_and_name_their_routes() -> None:
    context = a_context(a_manifest(), SIDECAR)
    planned = egress_listeners(context, a_scope(attached=attached(SIDECAR.key)))
    assert [egress.port is None for egress in planned] == [False, False, False, True]
    assert [egress.route_name for egress in planned[:3]] == ["9080", "15080", "unix:///run/out.sock"]
    assert [egress.is_http_proxy for egress in planned[:2]] == [False, True]
    assert [egress.bind_to_port for egress in planned] == [False, False, True, False]
