"""A stand-in for AWS KMS that answers after a while: `python -m bench.kms SECONDS`.

It prints its port, and serves until its standard input ends. It wraps by turning bytes around: what is measured is
waiting, not cryptography.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms
    latency = 0.0

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.latency)
        if self.headers["X-Amz-Target"].endswith(".Encrypt"):
            answer = {"CiphertextBlob": _turned(question["Plaintext"])}
        else:
            answer = {"Plaintext": _turned(question["CiphertextBlob"])}
        body = json.dumps({"KeyId": question["KeyId"], **answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def _turned(text: str) -> str:
    return base64.b64encode(base64.b64decode(text)[::-1]).decode()


def main() -> int:
    """Returns 0 when standard input ends."""
    _Handler.latency = float(sys.argv[1])
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
