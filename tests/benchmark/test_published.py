"""Data sets from a hub: whole, with the hash that was announced and the rows that are expected, or an error."""

from __future__ import annotations

import pytest
from huggingface_hub import constants

from benchmark import lcb
from benchmark.data_sets import lcb_files
from benchmark.lcb import LcbRows
from benchmark.published import fetch
from benchmark.task import TaskError
from tests.benchmark.rows import lcb_row, write_lines
from tests.inference.hub_server import hub_server

NAME = "test.jsonl"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub with a data set of three rows; downloads go to a folder of their own."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    rows = write_lines(tmp_path / "rows.jsonl", [lcb_row(f"abc90{i}_a") for i in range(3)]).read_bytes()
    with hub_server() as (hub, address):
        hub.address = address
        hub.put(f"datasets/{lcb.REPOSITORY}", NAME, rows)
        hub.rows = rows
        yield hub


def test_a_data_set_is_downloaded_once_and_read(hub):
    (path,) = fetch(lcb.REPOSITORY, [NAME], hub.address)
    assert path.read_bytes() == hub.rows
    assert [sheet.name for sheet in LcbRows([path], {}).sheets] == ["abc900_a", "abc901_a", "abc902_a"]
    asked = len(hub.downloads)
    assert asked > 0
    assert fetch(lcb.REPOSITORY, [NAME], hub.address) == (path,)
    assert len(hub.downloads) == asked


def test_fewer_rows_than_published_are_an_error(hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{hub.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    )
    with pytest.raises(TaskError, match="has 3 rows of 400; fetch it again"):
        LcbRows(lcb_files("", "v1"))


def test_another_content_of_the_same_size_is_refused_and_not_kept(hub):
    hub.served[NAME] = hub.rows[::-1]
    with pytest.raises(TaskError, match="came with another hash than the hub announced"):
        fetch(lcb.REPOSITORY, [NAME], hub.address)
    hub.served.clear()
    (path,) = fetch(lcb.REPOSITORY, [NAME], hub.address)
    assert path.read_bytes() == hub.rows


def test_a_shorter_content_is_refused(hub):
    hub.served[NAME] = hub.rows[:100]
    with pytest.raises(TaskError):
        fetch(lcb.REPOSITORY, [NAME], hub.address)


def test_a_broken_connection_leaves_a_whole_file_or_none(hub):
    hub.cut_after = 1000
    try:
        (path,) = fetch(lcb.REPOSITORY, [NAME], hub.address)
    except TaskError:
        (path,) = fetch(lcb.REPOSITORY, [NAME], hub.address)
    assert path.read_bytes() == hub.rows


@pytest.mark.parametrize(("status", "code"), [(404, "RepoNotFound"), (403, "GatedRepo")])
def test_a_set_that_the_hub_does_not_give_says_what_to_do(hub, status, code):
    hub.refuse = (status, code)
    with pytest.raises(TaskError, match="name your copy with --data PATH"):
        fetch(lcb.REPOSITORY, [NAME], hub.address)
