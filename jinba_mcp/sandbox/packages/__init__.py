"""Packages of other people's code: checked, resolved to a lock, built once from it and kept, read-only, by content.

`requirements` and `locks` say what may be asked for and what a lock may hold; `installers` starts uv and deno in a
clean environment with bounds; `explaining` turns their last words into our errors; `resolving` and `environments` do
the work, and `facade` is what the rest of the house is handed. Nothing that was downloaded is ever run unwalled: wheels
only, no install scripts, and what was built is looked through (`trees`) before anybody may use it.

Where the operator allows builds, `sourcing` finds out which Python packages have no wheels; `sources` fetches theirs by
hash, `walled` runs their builds without network behind the walls of a sandbox, and `wheels` keeps what comes of it.
"""
