"""Python imports this when it starts, if the folder is on its path: whoever it calls is told on standard error."""

import sys

CALLS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "webbrowser.open")
PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
OWN = ("127.0.0.1", "localhost", "0.0.0.0", "::1")


def watch(event: str, arguments: tuple) -> None:
    if event in CALLS:
        asked = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0]
        host = asked[0] if isinstance(asked, tuple) else asked
        if host is None or (host.decode() if isinstance(host, bytes) else str(host)) in OWN:
            return
        print(f"WATCHED: {event} {asked!r}", file=sys.stderr, flush=True)
    elif event in PROGRAMS:
        print(f"WATCHED: {event} {arguments[0]!r}", file=sys.stderr, flush=True)


sys.addaudithook(watch)
