"""Opens the way out of a sandbox, of the kind that it can have."""

import socket

from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.sandbox.egress.broker import Broker
from jinba_mcp.sandbox.egress.notifications import Listener
from jinba_mcp.sandbox.egress.proxy import Handle, Proxy


class Doors:
    """The ways out by one proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    def serve(self, network: Network, listener: socket.socket | Listener) -> Handle | Broker:
        """Let through what `network` allows of what comes to `listener`, which is taken over."""
        if isinstance(listener, Listener):
            return Broker(listener.detach(), network, self._proxy)
        return self._proxy.serve(network, listener)
