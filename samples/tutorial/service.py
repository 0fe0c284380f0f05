"""A service of the tutorial: says who it is, and what the next one in the line says, which it asks through its sidecar:
python3 service.py NAME ADDRESS [NEXT]
"""

import http.server
import sys
import urllib.error
import urllib.request

NAME, ADDRESS, *NEXT = sys.argv[1:]
SIDECAR = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://{ADDRESS}:15080"}))


class Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, text = 200, NAME
        for service in NEXT:
            try:
                with SIDECAR.open(f"http://{service}:9080/", timeout=5) as answer:
                    text += " → " + answer.read().decode().strip()
            except (urllib.error.URLError, OSError) as error:
                status, text = 502, f"{text} → {error}"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())

    def log_message(self, *_: object) -> None:
        """Quiet: the sidecar in front of it is what there is to look at."""


http.server.ThreadingHTTPServer((ADDRESS, 8000), Service).serve_forever()
