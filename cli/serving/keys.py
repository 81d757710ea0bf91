"""Bearer keys of a server: made once, shown once, stored as hashes in a file that only its owner may read.

A key has 256 random bits, so that a plain SHA-256 of it cannot be guessed back; what is stored opens nothing. Servers
look a key up at every request: one that was revoked is refused at once. Once a key has been made the server asks for
one, also after all have been revoked.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

PREFIX = "atlas-"
MOST_CHARS = 100
_TABLE = """CREATE TABLE IF NOT EXISTS keys (
    name TEXT PRIMARY KEY, digest TEXT UNIQUE NOT NULL, created TEXT NOT NULL,
    requests_per_minute INTEGER NOT NULL, tokens_per_minute INTEGER NOT NULL, revoked TEXT)"""
_FIELDS = "name, created, requests_per_minute, tokens_per_minute, revoked"


class KeyFileError(ValueError):
    """Keys cannot be read or changed as asked; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is known of a key, which is everything but the key."""

    name: str
    created: datetime
    requests_per_minute: int = 0
    """0: any number."""
    tokens_per_minute: int = 0
    """Prompt and generated tokens; 0: any number."""
    revoked: datetime | None = None


class KeyFile:
    """The keys in one file, which is made with the first key."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is opened yet."""
        self.path = path

    def create(self, name: str, *, requests_per_minute: int = 0, tokens_per_minute: int = 0) -> str:
        """Make a key, and return it for the only time.

        Raises:
            KeyFileError: the name is taken or cannot be shown in one line, or the file cannot be written.
        """
        if not name.strip() or len(name) > MOST_CHARS or not name.isprintable():
            raise KeyFileError(f"a key's name has 1 to {MOST_CHARS} printable characters")
        secret = PREFIX + secrets.token_urlsafe(32)
        row = (name, _digest(secret), _now(), requests_per_minute, tokens_per_minute)
        self._make()
        with self._opened() as connection:
            try:
                connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, NULL)", row)
            except sqlite3.IntegrityError as error:
                raise KeyFileError(f"there is a key {name} already: take another name") from error
        return secret

    def revoke(self, name: str) -> None:
        """Refuse a key from now on.

        Raises:
            KeyFileError: there is no such key in force.
        """
        changed = 0
        if self.path.exists():
            with self._opened() as connection:
                asked = "UPDATE keys SET revoked = ? WHERE name = ? AND revoked IS NULL"
                changed = connection.execute(asked, (_now(), name)).rowcount
        if not changed:
            raise KeyFileError(f"there is no key {name} in force: `atlas keys list` shows all")

    def all(self) -> list[Key]:
        """Return every key, the oldest first, those that were revoked included."""
        if not self.path.exists():
            return []
        with self._opened() as connection:
            rows = connection.execute(f"SELECT {_FIELDS} FROM keys ORDER BY created, name").fetchall()
        return [_key(row) for row in rows]

    def find(self, secret: str) -> Key | None:
        """Return the key in force that a secret opens."""
        if not self.path.exists():
            return None
        with self._opened() as connection:
            asked = f"SELECT {_FIELDS} FROM keys WHERE digest = ? AND revoked IS NULL"
            row = connection.execute(asked, (_digest(secret),)).fetchone()
        return _key(row) if row else None

    @property
    def guards(self) -> bool:
        """Whether a key was ever made, so that requests need one."""
        return bool(self.all())

    def _make(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise KeyFileError(f"keys cannot be stored in {self.path} ({error.strerror}): name another file") from error

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path)) as connection, connection:
                connection.execute(_TABLE)
                yield connection
        except sqlite3.Error as error:
            raise KeyFileError(f"{self.path} cannot be used as a file of keys ({error}): name another one") from error


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _key(row: tuple[str, str, int, int, str | None]) -> Key:
    name, created, requests, tokens, revoked = row
    return Key(
        name=name,
        created=datetime.fromisoformat(created),
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        revoked=datetime.fromisoformat(revoked) if revoked else None,
    )
