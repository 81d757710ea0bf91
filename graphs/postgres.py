"""Stored searches in PostgreSQL, for several machines that share them; needs the extra `postgres`.

An address may hold a password: no message of ours contains one, whatever the driver says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from graphs.configuration import ThreadError
from graphs.extras import install

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.checkpoint.serde.base import SerializerProtocol

SCHEMES = ("postgresql://", "postgres://")
CONNECT_S = 10
_CONNECTIONS = 8


@contextmanager
def open_database(address: str, serde: SerializerProtocol) -> Iterator[BaseCheckpointSaver[str]]:
    """Yield the store in a database, with its tables made where there are none.

    Raises:
        ThreadError: the address is none, the driver is missing, or the database cannot be used.
    """
    options = _options(address)
    import psycopg
    from langgraph.checkpoint.postgres import PostgresSaver
    from psycopg.rows import dict_row

    try:
        with psycopg.connect(**options, autocommit=True, prepare_threshold=0, row_factory=dict_row) as connection:
            store = PostgresSaver(connection, serde=serde)
            store.setup()
            yield store
    except psycopg.Error as error:
        raise ThreadError(_complaint(options, error)) from None


@asynccontextmanager
async def aopen_database(address: str, serde: SerializerProtocol) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """Yield the same store for an event loop, over a pool that connects again after the server restarted.

    Raises:
        ThreadError: see `open_database`.
    """
    options = _options(address)
    import psycopg
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool

    async with AsyncExitStack() as opened:
        try:
            async with await psycopg.AsyncConnection.connect(**options):
                pass
            pool = AsyncConnectionPool[Any](
                kwargs={**options, "autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
                min_size=1,
                max_size=_CONNECTIONS,
                open=False,
            )
            store = AsyncPostgresSaver(await opened.enter_async_context(pool), serde=serde)
            await store.setup()
        except psycopg.Error as error:
            raise ThreadError(_complaint(options, error)) from None
        yield store


def _options(address: str) -> dict[str, Any]:
    """Return the parts of an address, for the driver; the driver's own message about a bad one would repeat it.

    Raises:
        ThreadError: the address is none, or the driver is missing.
    """
    if not address.startswith(SCHEMES):
        raise ThreadError("thread_database must begin with postgresql://")
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as error:
        raise ThreadError(f"thread_database needs more ({error}): {install('postgres')}") from error
    try:
        return {"connect_timeout": CONNECT_S, **conninfo_to_dict(address)}
    except ProgrammingError:
        raise ThreadError("thread_database is no valid address: postgresql://USER@HOST:PORT/DATABASE") from None


def _complaint(options: dict[str, Any], error: Exception) -> str:
    said = " ".join(str(error).split())
    if secret := options.get("password"):
        said = said.replace(str(secret), "***")
    where = f"{options.get('dbname', '')} at {options.get('host', 'the local server')}"
    return f"threads cannot be stored in the database {where} ({said}): see thread_database"
