"""The MCP face: both protocol eras over streamable HTTP and stdio, on the SDK's low-level server.

`http.py` and `stdio.py` bring a caller and an endpoint together as a `Session`; `server.py` answers in its name;
`asked.py` and `lane.py` spare plain requests the SDK's transport; `translate.py` holds every shape that goes over the
wire and the rule for the two error planes; `bridge.py` is what `connect` runs. It decides nothing: what is offered and
what runs is the core's business.
"""
