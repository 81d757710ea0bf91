"""Stored searches in a real PostgreSQL, shared by the command line and LangGraph's server; no password is ever told."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from langgraph_sdk import get_client

from graphs.configuration import ThreadError, load_settings, thread_place
from graphs.threads import open_store, stored_threads, thread_id
from tests.graphs.killing import killed_after
from tests.graphs.postgres_server import QUOTED, SECRET, postgres
from tests.graphs.studio_server import environment, studio

pytestmark = pytest.mark.postgres
SETTING = "ATLAS_THREAD_DATABASE"


@pytest.fixture(scope="module")
def database():
    with postgres() as address:
        yield address


@pytest.fixture
def home(tmp_path):
    (tmp_path / "atlas.toml").write_text('sandbox = "bubblewrap"\nk = 4\nmax_rounds = 3\n', encoding="utf-8")
    return tmp_path


def atlas(home, database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "cli.entry", *arguments],
        cwd=home,
        env=environment(home, **{SETTING: database}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert SECRET not in done.stdout + done.stderr
    assert QUOTED not in done.stdout + done.stderr
    return done


@pytest.mark.gguf
@pytest.mark.bubblewrap
def test_search_that_was_killed_goes_on_from_the_database(home, database):
    killed_after(home, "killed", "budgeted_generation", **{SETTING: database})
    assert "unfinished" in atlas(home, database, "threads").stdout
    with open_store(database) as store:
        written = stored_values(store, "killed")["candidates"]
    assert written
    ended = json.loads(atlas(home, database, "resume", "killed", "--json").stdout)
    assert ended["code"].startswith("def pack_line(")
    with open_store(database) as store:
        assert stored_values(store, "killed")["candidates"][: len(written)] == written, "no step is repeated"
        assert [one.name for one in stored_threads(store)] == ["killed"]
    assert not (home / "state").exists(), "nothing is stored in a file"


def stored_values(store, name: str):
    held = store.get_tuple({"configurable": {"thread_id": thread_id(name)}})
    return held.checkpoint["channel_values"]


@pytest.mark.server
@pytest.mark.gguf
@pytest.mark.bubblewrap
def test_server_shares_the_database_and_tells_no_password(home, database):
    killed_after(home, "shared", "budgeted_generation", **{SETTING: database})

    async def talk(url: str):
        async with get_client(url=url) as client:
            (thread,) = await client.threads.search(metadata={"name": "shared"})
            (assistant,) = await client.assistants.search()
            schemas = await client.assistants.get_schemas(assistant["assistant_id"])
            return schemas, await client.runs.wait(thread["thread_id"], "atlas", context={"budget_seconds": 60})

    with studio(home, **{SETTING: database}) as (url, _, log):
        schemas, end = asyncio.run(talk(url))
    ended = json.loads(atlas(home, database, "resume", "shared", "--json").stdout)
    assert ended["code"] == end["answer"]["code"]
    for told in (log.read_text(), json.dumps(schemas), json.dumps(end)):
        assert SECRET not in told
        assert QUOTED not in told
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda url: url.replace(QUOTED, "wrong-secret"), "password authentication failed"),
        (lambda url: url.replace("/postgres", "/none"), "does not exist"),
        (lambda url: url.replace(f":{urlsplit(url).port}/", ":1/"), "refused"),
        (lambda url: f"{url}?sslmode=nonsense&pass={QUOTED}", "no valid address"),
        (lambda url: f"postgresql://atlas:{QUOTED}@[::1/x", "no valid address"),
        (lambda url: url.replace("postgresql", "mysql"), "must begin with postgresql://"),
    ],
)
def test_database_that_cannot_be_used_is_one_line_without_the_password(home, database, spoil, words):
    done = atlas(home, spoil(database), "threads")
    assert done.returncode == 2
    assert words in done.stderr
    assert "wrong-secret" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_settings_do_not_show_the_address(database):
    settings = load_settings(None, {SETTING: database}, {})
    assert thread_place(settings, {}) == database
    assert SECRET not in repr(settings)
    assert QUOTED not in repr(settings)


def test_database_that_goes_away_in_the_middle_is_one_line(database):
    import psycopg

    def robbed() -> None:
        with open_store(database) as store:
            with psycopg.connect(database, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            store.get_tuple({"configurable": {"thread_id": "x"}})

    with pytest.raises(ThreadError, match="cannot be stored in the database postgres at 127.0.0.1"):
        robbed()
