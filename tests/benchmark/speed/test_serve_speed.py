"""The load on the server runs as documented, in small."""

from __future__ import annotations

import re

import pytest

from benchmark.speed.serve import Load, Sent, main, told


@pytest.mark.gguf
@pytest.mark.bubblewrap
def test_few_clients_for_a_moment_are_served_to_the_end(capsys):
    options = ["--clients", "6", "--seconds", "4", "--sandbox", "bubblewrap", "--searches", "1", "--waiting", "2"]
    assert main(options) == 0
    seen = capsys.readouterr()
    assert "served to the end" in seen.err
    assert re.search(r"^\| raw \| [1-9]", seen.out, re.M)
    assert "exit code 0" in seen.out


def test_errors_and_uneven_service_are_told():
    sent = [Sent(client=0, model="raw", status=200, seconds=s, tokens=30) for s in (1.0, 2.0, 3.0)]
    sent += [Sent(client=1, model="raw", status=500, seconds=0.1)]
    text = told(Load(seconds=10, sent=sent, exit_code=0, memory_mb=[100.0] * 8 + [200.0] * 8), 2)
    assert "| raw | 3 | 2.00 |" in text
    assert "1 with 500" in text
    assert "least 0, most 3" in text
    assert "100 MB in the second quarter, 200 MB in the last" in text
