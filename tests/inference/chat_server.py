"""A real HTTP server on loopback that streams scripted chat completions, as llama-server does."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ChatServer(ThreadingHTTPServer):
    """Answers `/v1/models`, `/props` and `/v1/chat/completions`; `reply` makes events of a body (bytes: raw)."""

    daemon_threads = True

    def __init__(self, reply, *, models=({"id": "org/small"},), props=None, key="", refuse=None, listing=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply, self.models, self.props, self.key = reply, list(models), props, key
        self.refuse = refuse or (lambda body: None)
        self.listing = listing or (lambda: (200, {"data": self.models}))
        self.bodies = []
        self.broken_off = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.server.key and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self._json(401, {"error": "bad key"})
        elif self.path == "/v1/models":
            self._json(*self.server.listing())
        elif self.path == "/props" and self.server.props is not None:
            self._json(200, self.server.props)
        else:
            self._json(404, {"error": "no such page"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        if (refusal := self.server.refuse(body)) is not None:
            self._json(*refusal)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            for event in self.server.reply(body):
                if isinstance(event, float):
                    time.sleep(event)
                    continue
                self.wfile.write(event if isinstance(event, bytes) else _framed(event))
                self.wfile.flush()
        except OSError:
            self.server.broken_off.set()

    def _json(self, code, answer, headers=()):
        data = json.dumps(answer).encode()
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _framed(event):
    data = event if isinstance(event, str) else json.dumps(event)
    return f"data: {data}\n\n".encode()


def delta(content="", reasoning="", finish=None):
    """Return one stream event."""
    return {"choices": [{"delta": {"content": content, "reasoning_content": reasoning}, "finish_reason": finish}]}


def usage(prompt, generated):
    """Return the event that closes a stream with token counts."""
    return {"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": generated}}
