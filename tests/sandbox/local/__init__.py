"""The engine that runs code on this machine."""
