#!/bin/sh
# Runs a tool over REST, then lists the latest runs. Needs nothing but sh and curl.
set -eu

url=${JINBA_URL:-http://127.0.0.1:8700}
org=${url%/}/v1/orgs/default
if [ -z "${JINBA_API_KEY:-}" ]; then
    echo "Set JINBA_API_KEY to a key, such as 'jinba-mcp keys create --name example' prints." >&2
    exit 1
fi

ask() {
    # The key goes in by standard input, because everyone on the machine can read the arguments of a command.
    printf 'Authorization: Bearer %s\n' "$JINBA_API_KEY" |
        curl --silent --fail-with-body --connect-timeout 10 --max-time 60 --header @- "$@" && echo && return
    status=$?
    case $status in
    22) echo && echo "$url refused; what it said stands above." >&2 ;;
    *) echo "There is no answer from $url. Start the server with 'make run', or set JINBA_URL to where it is." >&2 ;;
    esac
    exit 1
}

echo "A run:"
ask "$org/toolsets/greeting-tools/tools/greet/run" --header 'Content-Type: application/json' --data '{"name": "Alice"}'

echo "The latest two runs of that ToolSet:"
ask "$org/runs?toolset=greeting-tools&limit=2"
