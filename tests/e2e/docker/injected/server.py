"""The application of the compose files here: ``http PORT``, ``tcp PORT``, ``ask HOST:PORT`` or ``ask-once HOST:PORT``.

The HTTP server says who it is and what its sidecar told of the client; ``/call?url=…`` adds what another answers,
``/call?at=HOST:PORT`` what a TCP server says.
"""

import json
import os
import socket
import sys
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = os.environ.get("NAME", "?")


def ask(place: str) -> str:
    host, port = place.split(":")
    with socket.create_connection((host, int(port)), 5) as peer:
        peer.sendall(b"hello\n")
        return peer.makefile().readline().strip()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        answer: dict[str, Any] = {
            "name": NAME,
            "host": socket.gethostname(),
            "client": self.headers.get("x-forwarded-client-cert", ""),
        }
        try:
            if "url" in query:
                with urllib.request.urlopen(query["url"], timeout=5) as reply:
                    answer["reply"] = json.load(reply)
            if "at" in query:
                answer["reply"] = ask(query["at"])
        except (OSError, ValueError) as error:
            answer["error"] = repr(error)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    def server_bind(self) -> None:
        """Without the look-up of its own name, which takes seconds where no resolver answers."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "", self.server_address[1]


def serve_tcp(port: int) -> None:
    with socket.create_server(("0.0.0.0", port)) as listener:
        while True:
            peer, _ = listener.accept()
            with peer:
                if line := peer.makefile().readline().strip():
                    peer.sendall(f"{NAME} says {line}\n".encode())


def main(kind: str, where: str) -> None:
    if kind == "http":
        Server(("0.0.0.0", int(where)), Handler).serve_forever()
    if kind == "tcp":
        serve_tcp(int(where))
    while True:
        answer = ask(where)
        print(answer, flush=True)
        if kind == "ask-once":
            sys.exit(0 if answer else 1)
        time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:3])
