"""What may be done, by whom, in what order, and recorded how.

One service per noun; every public method takes the `Caller` first and asks it before anything else. The core decides
with storage and a sandbox engine below it; it knows no wire format, no SQL and no settings. `runs.Runs.call` is the one
path by which any tool ever runs.
"""
