"""Keys: shown once, stored as hashes, asked for at every request, and bounded."""

from __future__ import annotations

import stat

import pytest
from typer.testing import CliRunner

from cli.main import app as atlas
from cli.serve import ServeCommand, run_serve
from cli.serving.allowance import Bucket
from cli.serving.keys import KeyFile, KeyFileError
from inference.scripted import ScriptedModel

ASKED = {"model": "raw", "messages": [{"role": "user", "content": "hi"}]}
CHAT = "/v1/chat/completions"


@pytest.fixture
def keys(tmp_path):
    return KeyFile(tmp_path / "keys.sqlite")


def bearing(key):
    return {"authorization": f"Bearer {key}"}


class TestKeyFile:
    def test_key_opens_what_is_stored_of_it(self, keys):
        secret = keys.create("laptop", requests_per_minute=5)
        assert keys.find(secret).name == "laptop"
        assert keys.find(secret).requests_per_minute == 5
        assert keys.find(secret + "x") is None

    def test_file_holds_no_key_and_is_its_owners(self, keys):
        secret = keys.create("laptop")
        assert secret.encode() not in keys.path.read_bytes()
        assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600

    def test_stored_hash_is_no_key(self, keys):
        import sqlite3
        from contextlib import closing

        keys.create("laptop")
        with closing(sqlite3.connect(keys.path)) as connection:
            (digest,) = connection.execute("SELECT digest FROM keys").fetchone()
        assert keys.find(digest) is None

    def test_revoked_key_opens_nothing_and_is_still_listed(self, keys):
        secret = keys.create("laptop")
        keys.revoke("laptop")
        assert keys.find(secret) is None
        assert [key.revoked is not None for key in keys.all()] == [True]
        assert keys.guards

    def test_nothing_is_made_by_looking(self, keys):
        assert keys.all() == []
        assert keys.find("x") is None
        assert not keys.path.exists()

    @pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101, "laptop"])
    def test_impossible_names_are_refused(self, keys, name):
        keys.create("laptop")
        with pytest.raises(KeyFileError):
            keys.create(name)

    def test_unknown_key_cannot_be_revoked(self, keys):
        with pytest.raises(KeyFileError, match="no key nobody in force"):
            keys.revoke("nobody")

    def test_other_files_are_refused_in_one_line(self, tmp_path):
        other = tmp_path / "other"
        other.write_text("no database" * 100)
        with pytest.raises(KeyFileError, match="cannot be used"):
            KeyFile(other).create("laptop")


class TestCommands:
    def run(self, keys, *words):
        return CliRunner().invoke(atlas, ["keys", *words, "--keys", str(keys.path)])

    def test_made_listed_and_revoked(self, keys):
        secret = self.run(keys, "create", "laptop", "--requests", "3").stdout.strip()
        assert keys.find(secret).name == "laptop"
        listed = self.run(keys, "list").stdout
        assert "in force" in listed
        assert secret not in listed
        assert self.run(keys, "revoke", "laptop").exit_code == 0
        assert "revoked" in self.run(keys, "list").stdout
        assert keys.find(secret) is None

    def test_failure_is_one_line(self, keys):
        done = self.run(keys, "revoke", "nobody")
        assert done.exit_code == 2
        assert done.stderr.count("\n") == 1

    def test_wider_than_loopback_needs_a_key(self, keys, capfd):
        def never(settings):
            raise AssertionError("nothing is loaded for a server that cannot run")

        command = ServeCommand(host="0.0.0.0", port=0, keys=keys.path, flags={})
        assert run_serve(command, never) == 2
        keys.create("laptop")
        keys.revoke("laptop")
        assert run_serve(command, never) == 2
        assert capfd.readouterr().err.count("make a key first") == 2


@pytest.mark.bubblewrap
class TestServer:
    @pytest.fixture
    def answering(self, serve, keys):
        return lambda: serve(ScriptedModel(lambda request: "Hello"), keys=keys)

    def test_without_any_key_nobody_is_asked(self, answering):
        with answering() as served, served.http() as http:
            assert http.post(CHAT, json=ASKED, headers=bearing("whatever")).status_code == 200

    @pytest.mark.parametrize("header", ["", "Bearer wrong", "Bearer", "Basic eDp5", "Bearer \u00e4"])
    def test_wrong_keys_get_nothing(self, answering, keys, header):
        keys.create("laptop")
        given = {"authorization": header.encode()} if header else {}
        with answering() as served, served.http() as http:
            for path in (CHAT, "/v1/models", "/metrics", "/openapi.json", "/v1/nothing"):
                answer = http.post(path, json=ASKED, headers=given) if path == CHAT else http.get(path, headers=given)
                assert answer.status_code == 401
                assert answer.json()["error"]["code"] == "invalid_api_key"
                assert answer.headers["www-authenticate"] == "Bearer"
            assert http.get("/health").status_code == 200

    def test_key_made_and_revoked_meanwhile_counts_at_once(self, answering, keys):
        with answering() as served, served.http() as http:
            secret = keys.create("laptop")
            assert http.post(CHAT, json=ASKED).status_code == 401
            assert http.post(CHAT, json=ASKED, headers=bearing(secret)).status_code == 200
            keys.revoke("laptop")
            assert http.post(CHAT, json=ASKED, headers=bearing(secret)).status_code == 401

    def test_requests_are_bounded_by_key(self, answering, keys):
        few, many = keys.create("few", requests_per_minute=2), keys.create("many")
        with answering() as served, served.http() as http:
            answers = [http.post(CHAT, json=ASKED, headers=bearing(few)) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [200, 200, 429]
            assert answers[2].json()["error"]["code"] == "rate_limit_exceeded"
            assert 0 < int(answers[2].headers["retry-after"]) <= 30
            assert http.post(CHAT, json=ASKED, headers=bearing(many)).status_code == 200

    def test_tokens_are_bounded_by_what_was_used(self, answering, keys):
        secret = keys.create("small", tokens_per_minute=2)
        with answering() as served, served.http() as http:
            assert http.post(CHAT, json=ASKED, headers=bearing(secret)).status_code == 200
            refused = http.post(CHAT, json=ASKED, headers=bearing(secret))
        assert refused.status_code == 429
        assert "2 tokens a minute" in refused.json()["error"]["message"]


class TestBucket:
    def test_fills_evenly(self):
        now = [0.0]
        bucket = Bucket(60, lambda: now[0])
        bucket.take(60)
        assert bucket.wait_s() == 1
        now[0] = 2.0
        assert bucket.wait_s() == 0
        assert bucket.wait_s(30) == 28

    def test_debt_is_paid_first(self):
        now = [0.0]
        bucket = Bucket(60, lambda: now[0])
        bucket.take(180)
        assert bucket.wait_s() == 121

    def test_zero_is_without_a_limit(self):
        bucket = Bucket(0)
        bucket.take(10**9)
        assert bucket.wait_s() == 0
