"""Protocols in, protocols out; a face decides nothing.

Each face authenticates, asks the core and translates the answer. Data flows face -> core only; faces know `web` (what
the HTTP ones share) and not each other, and never storage, sandbox, outbound or settings.
"""
