"""A run that is killed at random moments ends with the results of one that was not."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

import pytest

from benchmark.kills import Trial, kill_at_random, left_alone, report, results


class Told(Trial):
    """A run that says how far it is, goes on for some seconds and ends."""

    done = 0
    seconds = 60

    def command(self):
        """Return the command of a process that only tells."""
        told = "".join(f"{i}\n" for i in range(self.done + 1))
        code = f"import sys, time; sys.stdout.write({told!r}); sys.stdout.flush(); time.sleep({self.seconds})"
        return [sys.executable, "-c", code]


class Ended(Told):
    """It ends by itself, with work left."""

    done = 1
    seconds = 0


class Finished(Told):
    """It lives, with nothing left to search."""

    done = 4


class Working(Told):
    """It has one task left."""

    done = 3


@pytest.mark.parametrize(("kind", "done", "missed"), [(Ended, 1, True), (Finished, 4, True), (Working, 3, False)])
def test_a_kill_counts_only_while_the_run_lives_and_has_work_left(tmp_path, kind, done, missed):
    trial = kind(folder=tmp_path, model="scripted", tasks=4, policies=("baseline",), k=2)
    (kill,) = kill_at_random(trial, 1, seed=1)
    assert (kill.done, kill.missed) == (done, missed)
    text = report(trial, [kill], [], [])
    assert ("killed 0 times" in text) is missed
    assert ("1 more came when nothing was left to do" in text) is missed
    assert (f"since the start: {done} (" in text) is not missed


def a_trial(folder, model, tasks, jobs):
    return Trial(folder=folder, model=model, tasks=tasks, policies=("baseline", "phase1"), k=2, jobs=jobs)


@pytest.mark.timeout(900)  # a dozen interpreters start; a busy machine takes its time
@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("model", "tasks", "kills"),
    [
        pytest.param("scripted", 12, 3),
        pytest.param("embedded", 4, 2, marks=pytest.mark.gguf),
    ],
)
def test_killed_at_random_moments_many_searches_give_the_bytes_of_one_after_another(tmp_path, model, tasks, kills):
    killed, whole = a_trial(tmp_path / "killed", model, tasks, 3), a_trial(tmp_path / "whole", model, tasks, 1)
    # Scripted tasks take a fifth of a second each.
    moments = kill_at_random(killed, kills, seed=1, within_s=0.2)
    assert len(moments) == kills
    assert not moments[0].missed
    assert all(moment.done < tasks for moment in moments if not moment.missed)
    left_alone(killed)
    left_alone(whole)
    lines = results(whole.runs)
    assert results(killed.runs) == lines
    assert len(lines) >= 2 * tasks
    assert "equal byte for byte" in report(killed, moments, lines, lines)
    with closing(sqlite3.connect(whole.runs)) as file, file:
        file.execute("UPDATE runs SET record = replace(record, 'return', 'RETURN') WHERE condition = 'phase1'")
    assert "lines DIFFER" in report(killed, moments, lines, results(whole.runs))
