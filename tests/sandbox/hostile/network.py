"""The network: reaching anybody without being allowed to, and private places although only public ones are allowed."""

from tests.sandbox.hostile.attacks import Expected, Wall, attack

_SECCOMP = Expected((Wall.SECCOMP,))
_NONE = Expected((Wall.ANNOUNCED,), ends=("SandboxUnavailable",))
_THROUGH = {"network": ["allowed.test", "rebinding.test", "inward.test"]}
ATTACKS = (
    attack(
        "make-sockets",
        "have a socket of any kind",
        """
        import socket
        def run(scene: dict):
            kinds = {
                "tcp": (2, 1, 0), "tcp6": (10, 1, 0), "udp": (2, 2, 0), "icmp": (2, 2, 1), "raw": (2, 3, 1),
                "local": (1, 1, 0),
                "unix datagram": (1, 2, 0), "netlink": (16, 3, 0), "packet": (17, 3, 768), "vsock": (40, 1, 0),
                "alg": (38, 5, 0),
                "bluetooth": (31, 3, 0), "can": (29, 3, 1), "sctp": (2, 1, 132), "mptcp": (2, 1, 262),
                "xdp": (44, 3, 0),
                "flagged": (2, 1 | 0o2000000 | 0o4000, 0), "key": (15, 3, 2), "tipc": (30, 1, 0), "qrtr": (42, 2, 0),
            }
            return attempts({name: lambda kind=kind: socket.socket(*kind) for name, kind in kinds.items()})
        """,
        _SECCOMP,
        open_without_walls=("tcp", "udp", "local", "netlink"),
    ),
    attack(
        "call-out",
        "connect to a server of the host, to the cloud's metadata, to anybody",
        """
        import socket, urllib.request
        def run(scene: dict):
            addresses = [("127.0.0.1", scene["port"]), ("169.254.169.254", 80), ("1.1.1.1", 53), ("::1", scene["port"])]
            doors = {str(each): lambda each=each: socket.create_connection(each, 0.5) for each in addresses}
            return attempts(doors | {
                "resolve": lambda: found(socket.getaddrinfo("example.com", 443)),
                "fetch": lambda: urllib.request.urlopen(f"http://127.0.0.1:{scene['port']}/", timeout=0.5),
                "path": lambda: connected(scene["unix"]),
                "name": lambda: connected("\\0" + scene["abstract"]),
            })
        def connected(address):
            import socket
            line = socket.socket(socket.AF_UNIX)
            line.connect(address)
        """,
        Expected((Wall.SECCOMP, Wall.NET_NAMESPACE, Wall.PROTOCOL)),
        Expected((Wall.SECCOMP, Wall.NET_NAMESPACE)),
        open_without_walls=("path", "name"),
    ),
    attack(
        "twist-socket-pairs",
        "make something else of the pair of sockets that asyncio needs",
        """
        import socket
        def run(scene: dict):
            def pair(kind=socket.SOCK_STREAM): return socket.socketpair(socket.AF_UNIX, kind)
            abstract = "\\0" + scene["abstract"]
            return attempts({
                "datagrams": lambda: pair(socket.SOCK_DGRAM),
                "packets": lambda: pair(socket.SOCK_SEQPACKET),
                "other family": lambda: call("socketpair", 2, 1, 0, (ctypes.c_int * 2)()),
                "connect": lambda: pair()[0].connect(abstract),
                "connect anew": lambda: call("connect", pair()[0].fileno(), bytes(16), 16),
                "send to": lambda: pair()[0].sendto(b"x", abstract),
                "send message to": lambda: found(pair()[0].sendmsg([b"x"], [], 0, abstract) == 0),
                "bind": lambda: pair()[0].bind("socket"),
                "listen": lambda: pair()[0].listen(),
                "accept": lambda: pair()[0].accept(),
                "fast open": lambda: pair()[0].sendmsg([b"x"], [], 0x20000000),
                "option": lambda: pair()[0].setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1),
            })
        """,
        Expected((Wall.SECCOMP, Wall.OWN_LOOP)),
    ),
    attack(
        "twist-the-channel",
        "connect, configure or listen with the one socket that a run has",
        """
        import fcntl, socket, struct
        def run(scene: dict):
            line = socket.socket(fileno=os.dup(3))
            return attempts({
                "connect": lambda: line.connect("\\0" + scene["abstract"]),
                "bind": lambda: line.bind("socket"),
                "listen": lambda: line.listen(),
                "buffers": lambda: line.setsockopt(socket.SOL_SOCKET, 32, 1 << 30),
                "credentials": lambda: line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1),
                "interfaces": lambda: fcntl.ioctl(line, 0x8912, bytes(64)),
                "namespace": lambda: fcntl.ioctl(line, 0x894C),
                "forged credentials": lambda: line.sendmsg(
                    [b"p"], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack("iii", scene["server"], 0, 0))]
                ),
            })
        """,
        Expected((Wall.SECCOMP, Wall.OWN_LOOP, Wall.NO_PRIVILEGES)),
        Expected((Wall.SECCOMP, Wall.OWN_LOOP, Wall.NO_PRIVILEGES, Wall.PID_NAMESPACE)),
    ),
    attack(
        "around-the-proxy",
        "reach others than the proxy, with a policy that allows some hosts",
        """
        import socket
        def run(scene: dict):
            places = [("127.0.0.1", scene["port"]), ("127.0.0.1", 22), ("169.254.169.254", 80)]
            places += [("1.1.1.1", 443), ("::1", 80)]
            doors = {str(each): lambda each=each: socket.create_connection(each, 2) for each in places}
            return attempts(doors | {
                "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
                "unix": lambda: socket.socket(socket.AF_UNIX),
                "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
                "bind": lambda: socket.socket().bind(("127.0.0.1", 0)),
                "listen": lambda: socket.socket().listen(),
                "filter": lambda: socket.socket().setsockopt(socket.SOL_SOCKET, 26, bytes(16)),
                "upper protocol": lambda: socket.socket().setsockopt(socket.IPPROTO_TCP, 31, b"tls\\0"),
                "fast open": lambda: socket.socket().sendto(b"x", 0x20000000, ("127.0.0.1", 3128)),
                "resolve": lambda: socket.getaddrinfo("allowed.test", 80),
            })
        """,
        Expected((Wall.NET_NAMESPACE, Wall.SECCOMP)),
        Expected((Wall.BROKER, Wall.PROXY, Wall.SECCOMP, Wall.NET_NAMESPACE), ends=("SandboxUnavailable", "OSError")),
        behind_bwrap=_NONE,
        bundle=_THROUGH,
    ),
    attack(
        "through-the-proxy",
        "have the proxy reach the host, private networks and metadata, by address, by name, by a name that changes",
        """
        import socket
        def ask(lines):
            with socket.create_connection(("127.0.0.1", 3128), 5) as line:
                line.sendall(lines.encode())
                answer = b""
                while b"\\r\\n\\r\\n" not in answer:
                    received = line.recv(4096)
                    if not received: break
                    answer += received
            return Refusal(answer)
        def Refusal(answer):
            status = answer.split(b" ", 2)[1:2]
            return status[0].decode() if status else "nothing"
        def run(scene: dict):
            port = scene["port"]
            hosts = [
                "127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433",
                "0x7f000001", "0177.0.0.1",
                "127.1", "169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "192.168.0.1", "metadata.google.internal",
                "inward.test", "INWARD.TEST.", "elsewhere.test", "allowed.test@127.0.0.1", "127.0.0.1#allowed.test",
            ]
            reached()
            came = {}
            for host in hosts:
                came[f"get {host}"] = ask(f"GET http://{host}:{port}/ HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n")
                came[f"tunnel {host}"] = ask(f"CONNECT {host}:{port} HTTP/1.1\\r\\nHost: {host}:{port}\\r\\n\\r\\n")
            for number in range(6):
                came[f"rebinding {number}"] = ask("GET http://rebinding.test/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
            came["smuggled"] = ask(
                "GET http://inward.test/ HTTP/1.1\\r\\nHost: a\\r\\nHost: b\\r\\nContent-Length: 1\\r\\n"
                "Transfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n"
            )
            came["own"] = ask("GET / HTTP/1.1\\r\\nHost: inward.test\\r\\n\\r\\n")
            return came
        """,
        Expected((Wall.PROXY,)),
        Expected((Wall.BROKER, Wall.PROXY, Wall.SECCOMP, Wall.NET_NAMESPACE), ends=("SandboxUnavailable", "OSError")),
        behind_bwrap=_NONE,
        bundle=_THROUGH,
    ),
)
