"""Servers on this machine: S3 as moto plays it, and one in front of it that fails as it is told to."""

import functools
import http.client
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

BLOCK = 8192
"""Of a reader in the tests, so that a small clip has several."""


@dataclass(slots=True)
class Request:
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def range(self) -> str:
        """Of a GET."""
        return self.headers.get("range", "")


@dataclass(slots=True)
class Answer:
    """What goes out; a fault changes it."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: int | None = None
    """End the connection after this many bytes of the body."""
    reset: bool = False
    """End it by a reset."""


Fault = Callable[[Request, Answer], None]


def status(code: int, body: bytes = b"") -> Fault:
    """Answer by an error."""

    def change(_: Request, answer: Answer) -> None:
        answer.status, answer.headers, answer.body = code, {"Content-Length": str(len(body))}, body

    return change


def cut(n_bytes: int, *, reset: bool = False) -> Fault:
    """Send the first bytes of the body and hang up."""

    def change(_: Request, answer: Answer) -> None:
        answer.cut, answer.reset = n_bytes, reset

    return change


def shorter(n_bytes: int) -> Fault:
    """Send less, and say so: what a broken cache does."""

    def change(_: Request, answer: Answer) -> None:
        answer.body = answer.body[:-n_bytes]
        answer.headers["Content-Length"] = str(len(answer.body))

    return change


def header(name: str, value: str | None) -> Fault:
    """Set or drop a header."""

    def change(_: Request, answer: Answer) -> None:
        answer.headers = {k: v for k, v in answer.headers.items() if k.lower() != name.lower()}
        if value is not None:
            answer.headers[name] = value

    return change


@dataclass(slots=True)
class Server:
    """Serves *files* by path, or hands requests on to *upstream*; does what *faults* say, one a request."""

    upstream: tuple[str, int] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault | None] = field(default_factory=list)
    """For the next GETs of an object, in order; None lets one pass."""
    each: list[Fault | None] = field(default_factory=list)
    """For the first three GETs of every range of an object, whatever their order among others."""
    always: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    n_faults: int = 0
    """That there were."""
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request, body: bytes) -> Answer:
        """What to send."""
        is_read = request.method == "GET" and "list-type" not in request.path
        with self.lock:
            self.requests.append(request)
            fault = self.faults.pop(0) if self.faults and is_read else None
            if self.each and is_read:
                at = (request.path, request.range)
                n = self.seen[at] = self.seen.get(at, -1) + 1
                fault = (
                    self.each[(zlib.crc32(request.range.split("-")[0].encode()) + n) % len(self.each)]
                    if n < 3
                    else None
                )
            self.n_faults += fault is not None
        answer = self._pass_on(request, body) if self.upstream else self._serve(request)
        for change in [*self.always, *([fault] if fault else [])]:
            change(request, answer)
        return answer

    def reads(self) -> list[Request]:
        """GETs of objects so far."""
        return [r for r in self.requests if r.method == "GET" and "list-type" not in r.path]

    def _pass_on(self, request: Request, body: bytes) -> Answer:
        assert self.upstream is not None
        connection = http.client.HTTPConnection(*self.upstream, timeout=20)
        connection.request(request.method, request.path, body or None, request.headers)
        response = connection.getresponse()
        data = response.read()
        headers = {
            k: v for k, v in response.getheaders() if k.lower() not in ("connection", "transfer-encoding")
        }
        connection.close()
        if request.method != "HEAD":
            headers = {k: v for k, v in headers.items() if k.lower() != "content-length"}
            headers["Content-Length"] = str(len(data))
        return Answer(response.status, headers, data)

    def _serve(self, request: Request) -> Answer:
        data = self.files.get(unquote(request.path.split("?")[0]))
        if data is None:
            return Answer(404, {"Content-Length": "9"}, b"not found")
        tag = f'"{hash(data):x}"'
        if request.headers.get("if-match", tag) != tag:
            return Answer(412, {"Content-Length": "0"}, b"")
        if not request.range:
            return Answer(200, {"Content-Length": str(len(data)), "ETag": tag}, data)
        first, last = (int(n) if n else len(data) for n in request.range.removeprefix("bytes=").split("-"))
        part = data[first : last + 1]
        if not part:
            return Answer(416, {"Content-Length": "0"}, b"")
        span = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        return Answer(206, {"Content-Length": str(len(part)), "Content-Range": span, "ETag": tag}, part)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Any

    def log_message(self, *_: object) -> None:
        pass

    def _do(self) -> None:
        headers = {k.lower(): v for k, v in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        answer = self.server.plan.answer(Request(self.command, self.path, headers), body)
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(answer.body[: answer.cut])
        if answer.cut is not None:
            self.wfile.flush()
            if answer.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _do


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    plan: Server

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is none."""


@contextmanager
def serving(plan: Server) -> Iterator[Server]:
    """Run *plan* on a port of this machine."""
    listener = _Listener(("127.0.0.1", 0), _Handler)
    listener.plan = plan
    plan.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield plan
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


@contextmanager
def moto() -> Iterator[tuple[str, int]]:
    """moto's S3, host and port."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()
    finally:
        server.stop()


@functools.cache
def boto(moto: tuple[str, int]) -> Any:
    """Another client, for what the tests do behind our back."""
    import boto3

    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=f"http://{moto[0]}:{moto[1]}", **keys)
