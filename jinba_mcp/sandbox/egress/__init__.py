"""The way out: what code in a sandbox may reach over the network, and how it gets there.

A sandbox has no network of its own. With a policy other than `off` it has one door: connections that it makes to its
own `127.0.0.1:3128` are accepted here, on the server's side, by an HTTP proxy (`proxy.py`). Where there is no network
namespace (the landlock tier), a broker answers its `connect` system calls instead (`broker.py`), and serves those to
that door with the same proxy; `doors.py` knows which of the two it is. Both ask the same `gate.py`: is this host in
the policy, and is every address behind it one that anybody in the Internet could reach? Names are resolved here, after
they were allowed and once for each connection, and what was checked is what is connected to.

What authors need to know:

* There is no DNS in a sandbox: `socket.getaddrinfo` fails, and so does all that connects by itself, UDP included.
* HTTP and HTTPS work with every client that honours `HTTP_PROXY` and `HTTPS_PROXY`: `urllib`, `requests`, `httpx`,
  `websockets`, `aiohttp` with `trust_env=True`, and `fetch` in Deno with the npm packages that stand on it.
* What is refused is said in a sentence, as the body and as the reason phrase: Python's clients show one or the other.
  Deno says of a refused HTTPS host only that the tunnel was unsuccessful.
* WebSockets need a tunnel: `wss://`, and `ws://` from clients that ask for one (`websockets` does, Deno does not).
* Through the broker, other protocols work too, to addresses that the policy spells out (`93.184.216.34:5432`). Hosts
  that it spells out each have an address that stands for them (`inside.py`) and is resolved anew at each connection,
  but no sandbox has an `/etc/hosts` that tells of it yet: in the landlock tier it is the machine's, which nobody reads.
* Redirects are requests like any other: the host that they lead to must be in the policy too.
* HTTPS is not opened. The policy sees the host that a tunnel is asked for, not the requests in it: hosts that share a
  front (a CDN) with an allowed one can be reached by whoever means to.
"""
