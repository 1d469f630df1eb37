"""The REST face: one URL table (`routes.py`), wire schemas, a handler file per noun, and an OpenAPI document of it all.

A handler parses, calls the core once or twice and translates; what is allowed is the core's business. Wire models are
`…In` (closed: unknown fields are refused) and `…Out`; records of the domain never go over the wire as they are.
"""
