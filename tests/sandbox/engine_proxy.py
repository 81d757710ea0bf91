"""A socket between us and the real Docker engine that can be stopped, started again, slowed down and frozen."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path


class EngineProxy:
    """Forwards bytes both ways; a context manager."""

    def __init__(self, path: Path, engine: str = "/var/run/docker.sock"):
        self.path = path
        self.delay_s = 0.0
        self.frozen = threading.Event()
        self._engine = engine
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    def start(self):
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self):
        """Refuse new connections and cut those that are open, as an engine does that is stopped."""
        listener, self._listener = self._listener, None
        if listener:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for stream in tuple(self._open):
            with suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        while True:
            try:
                stream = listener.accept()[0]
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(self._engine)
            self._open |= {stream, engine}
            for pair in ((stream, engine), (engine, stream)):
                threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source, target):
        with suppress(OSError):
            while data := source.recv(1 << 16):
                while self.frozen.is_set():
                    time.sleep(0.02)
                time.sleep(self.delay_s)
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            source.shutdown(socket.SHUT_RD)
        self._open.discard(source)
        if target not in self._open:
            source.close()
            target.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
