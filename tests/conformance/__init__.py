"""The official MCP conformance suite against our HTTP endpoint, with a key, for both protocol eras."""
