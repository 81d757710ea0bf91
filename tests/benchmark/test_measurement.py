"""What a file of verdicts keeps of a measurement."""

from __future__ import annotations

from contextlib import closing

from benchmark.measurement import Measurement, MeasurementBook
from benchmark.runs import Selection
from nodes.settings import Settings


def test_address_of_a_database_is_not_kept(tmp_path):
    """It may hold a password, and files of runs are handed on."""
    made = Measurement(
        data="d", tasks=(), selection=Selection(model="m", code="c", digests=()), model="m", commit="c",
        sandbox="s", cores=1, jobs=1, ended="2026-01-01",
        settings=Settings(k=3, thread_database="postgresql://atlas:s3cret@db/atlas"),
    )  # fmt: skip
    with closing(MeasurementBook(tmp_path / "x.verdicts.sqlite")) as book:
        book.keep(made)
        (kept,) = book.all().values()
    assert kept.settings == Settings(k=3)
    assert b"s3cret" not in (tmp_path / "x.verdicts.sqlite").read_bytes()
