"""Problems take turns, and inside one the first comes first."""

from inference.fair_queue import FairQueue
from inference.toy import ToyBackend
from tests.inference.toy_jobs import toy_job


def test_turns_go_round_the_problems():
    queue, backend = FairQueue(), ToyBackend()
    texts = b"a" * 9 + b"bbcb" + b"a" * 9
    jobs = [toy_job(backend, bytes([text]) * 9) for text in texts]
    for job in jobs:
        queue.push(job)
    order = b""
    while queue.heads():
        job, _ = queue.heads()[0]
        order += texts[jobs.index(job) :][:1]
        queue.remove(job)
    assert order == b"a" * 8 + b"bbb" + b"c" + b"a" * 8 + b"aa"


def test_pushed_out_job_is_first_of_its_problem():
    queue, backend = FairQueue(), ToyBackend()
    first, second = toy_job(backend, b"a" * 9), toy_job(backend, b"a" * 9)
    queue.push(first)
    queue.push(second, first=True)
    assert queue.heads() == ((second, 2),)
    assert (len(queue), list(queue)) == (2, [second, first])


def test_second_of_a_problem_is_known():
    queue, backend = FairQueue(), ToyBackend()
    jobs = [toy_job(backend, text * 9) for text in (b"a", b"b", b"a")]
    for job in jobs:
        queue.push(job)
    assert (queue.after(jobs[0]), queue.after(jobs[1])) == (jobs[2], None)
