"""What runs inside the sandbox, beside the code of strangers: starts, walls itself in, loads a tool, calls it.

Only the standard library is imported at the top, and siblings by relative import: inside the sandbox this folder is a
package named `guest`, and nothing else of ours is there but `jinba_mcp.authoring` with what it needs. pydantic is
imported late, from whatever the sandbox offers. Data comes in over the run's own socket (`channel.py`) and leaves the
same way; the host trusts nothing that it reads there.
"""
