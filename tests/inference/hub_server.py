"""A small hub on loopback that speaks what huggingface_hub expects, and fails on request as real ones do."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """The repositories, what was asked, and what goes wrong."""

    def __init__(self):
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.asked: list[tuple[str, str, str]] = []
        """(method, path, Range) of every request."""
        self.cut_after: int | None = None
        """The next download breaks off after so many bytes."""
        self.hang_after: int | None = None
        """The next download stalls after so many bytes until `go_on` is set."""
        self.go_on = threading.Event()
        self.stalled = threading.Event()
        self.served: dict[str, bytes] = {}
        """What is sent instead of a file's announced content."""
        self.refuse: tuple[int, str] | None = None
        """Status and error code for every request."""
        self.listing: bytes | None = None
        """What is sent instead of a listing."""
        self.ranges = True

    @property
    def downloads(self):
        """The Range headers of all requests for content."""
        return [ask[2] for ask in self.asked if ask[1].startswith("/cdn/")]

    def add(self, repository, **files):
        self.repositories.setdefault(repository, {}).update(files)

    def put(self, repository, file, content):
        self.repositories.setdefault(repository, {})[file] = content

    def by_hash(self, digest):
        for files in self.repositories.values():
            for name, content in files.items():
                if hashlib.sha256(content).hexdigest() == digest:
                    return self.served.get(name, content)
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        path = urlsplit(self.path).path
        self.hub.asked.append((self.command, path, self.headers.get("Range", "")))
        if self.hub.refuse:
            self.reply(self.hub.refuse[0], {"X-Error-Code": self.hub.refuse[1]}, b"{}", body)
        elif path.startswith("/api/models/"):
            self.list(path.removeprefix("/api/models/").partition("/revision/")[0], body)
        elif path.startswith("/cdn/"):
            self.content(path.removeprefix("/cdn/"), body)
        else:
            self.resolve(path, body)

    def list(self, repository, body):
        files = self.hub.repositories.get(repository)
        if files is None:
            self.reply(404, {"X-Error-Code": "RepoNotFound"}, b'{"error":"Repository not found"}', body)
            return
        siblings = [
            {
                "rfilename": name,
                "size": len(content),
                "blobId": hashlib.sha1(content).hexdigest(),
                "lfs": {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 134},
            }
            for name, content in files.items()
        ]
        text = json.dumps({"id": repository, "modelId": repository, "sha": REVISION, "siblings": siblings}).encode()
        self.reply(200, {"Content-Type": "application/json"}, self.hub.listing or text, body)

    def resolve(self, path, body):
        """Redirect to another host, as the hub does for large files."""
        repository, _, rest = path.lstrip("/").partition("/resolve/")
        content = self.hub.repositories.get(repository, {}).get(rest.partition("/")[2])
        if content is None:
            self.reply(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": REVISION}, b"", body)
            return
        digest = hashlib.sha256(content).hexdigest()
        headers = {
            "Location": f"http://localhost:{self.server.server_port}/cdn/{digest}",
            "X-Repo-Commit": REVISION,
            "X-Linked-Etag": f'"{digest}"',
            "X-Linked-Size": str(len(content)),
            "ETag": f'"{digest}"',
        }
        self.reply(302, headers, b"", body)

    def content(self, digest, body):
        content = self.hub.by_hash(digest)
        if content is None:
            self.reply(404, {}, b"", body)
            return
        asked = self.headers.get("Range", "") if self.hub.ranges else ""
        start = int(asked.removeprefix("bytes=").partition("-")[0] or 0)
        end = int(asked.partition("-")[2] or len(content) - 1)
        part = content[start : end + 1]
        headers = {"ETag": f'"{digest}"', "Accept-Ranges": "bytes"}
        if asked:
            headers["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
        self.reply(206 if asked else 200, headers, part, body)

    def reply(self, status, headers, content, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.send(content)

    def send(self, content):
        hub = self.hub
        limit = hub.cut_after if hub.cut_after is not None else hub.hang_after
        if limit is None or "/cdn/" not in self.path:
            with contextlib.suppress(ConnectionError):
                self.wfile.write(content)
            return
        self.wfile.write(content[:limit])
        self.wfile.flush()
        if hub.hang_after is not None:
            hub.stalled.set()
            hub.go_on.wait(30)
        hub.cut_after = hub.hang_after = None
        self.close_connection = True


@contextlib.contextmanager
def hub_server():
    """Serve an empty hub; yields it and its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.hub = Hub()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.hub, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.hub.go_on.set()
            server.shutdown()
            thread.join()
