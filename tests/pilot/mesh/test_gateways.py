from pilot.mesh import gateway_listeners, gateway_routes, gateways


def test_the_planners_have_one_name():
    assert gateways.plan_gateway_listeners is gateway_listeners.plan_gateway_listeners
    assert gateways.plan_gateway_routes is gateway_routes.plan_gateway_routes
