"""xDS nodes for proxies."""

from envoycodec.discovery import Node
from pilot.mesh.context.proxy import Proxy


def a_node(proxy: Proxy) -> Node:
    """The node that ``proxy`` would come with, of an Envoy 1.40.0."""
    return Node(id=proxy.id, user_agent_name="envoy", user_agent_version=(1, 40, 0))
