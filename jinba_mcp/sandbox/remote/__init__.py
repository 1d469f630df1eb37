"""Engines that rent their walls: Docker containers, E2B and Daytona sandboxes, each through its own SDK.

`engine` runs programs on *machines*; `machines` keeps them; a `Provider` (docker, e2b, daytona) makes them and only
maps its SDK. Inside a machine `runner` reads one request and answers in frames, which `answers` reads as hostile bytes.
SDKs are optional extras and are imported when a provider is first asked for anything.
"""
