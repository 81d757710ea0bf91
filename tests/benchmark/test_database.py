"""One file for several threads and processes: nothing is lost, a failed transaction leaves nothing."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmark.database import Database
from benchmark.processes import spawned

SCHEMA = "CREATE TABLE IF NOT EXISTS numbers (value INTEGER PRIMARY KEY);"
INSERT = "INSERT INTO numbers VALUES (?)"


def write_numbers(path, start):
    """Write a hundred numbers, one transaction each."""
    with Database(path, SCHEMA) as database:
        for value in range(start, start + 100):
            database.write(INSERT, [(value,)])


def test_processes_that_write_at_the_same_time_lose_nothing(tmp_path):
    path = tmp_path / "folder" / "numbers.sqlite"
    with spawned(2) as executor:
        for future in [executor.submit(write_numbers, path, start) for start in (0, 100)]:
            future.result()
    with Database(path, SCHEMA) as database:
        assert database.rows("SELECT count(*), max(value) FROM numbers") == [(200, 199)]


def test_threads_share_a_connection(tmp_path):
    with Database(tmp_path / "n.sqlite", SCHEMA) as database, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda value: database.write(INSERT, [(value,)]), range(200)))
        assert database.rows("SELECT count(*) FROM numbers") == [(200,)]


def test_a_transaction_that_fails_writes_none_of_its_rows(tmp_path):
    with Database(tmp_path / "n.sqlite", SCHEMA) as database:
        with pytest.raises(sqlite3.IntegrityError):
            database.write(INSERT, [(1,), (1,)])
        assert database.rows("SELECT * FROM numbers") == []
