"""The TypeScript guest: what Deno runs inside the sandbox, in plain JavaScript, since there is no step to build it.

`boot.js` is started with the run's socket on standard input and a pipe on descriptor 3. It runs `results.js` and
`harness.js`, in which every run's way is; `faults.js` and `describing.js` are loaded when they are needed. They speak
the frames of `guest/channel.py` and say the words of their Python twins. `authoring.js` is what tools import as
`jinba-mcp/authoring`, and `authoring.d.ts` are its types for the editors of their authors. No Python belongs here, and
nothing is imported but what Deno brings.
"""
