"""Jobs over the toy back end."""

from inference.backend import Sampling
from inference.job import Job
from inference.lookup import PromptLookup
from inference.prefix_tree import as_tokens
from inference.scheduler import Scheduler
from inference.toy import STOP
from inference.width import WidthPolicy


class Plain:
    """Draws until it has enough or the text ends."""

    def __init__(self, backend, most, *, seed=0, temperature=0.8, ends=False):
        self.sampler = backend.sampler(Sampling(temperature=temperature, seed=seed))
        self.most = most
        self.ends = ends
        self.out = []
        self.states = 0

    @property
    def spent(self):
        return len(self.out)

    def advance(self, outputs, at, hidden):
        token = self.sampler.draw(outputs, at)
        self.states += hidden is not None
        if self.ends and token == STOP:
            return "end"
        self.out.append(token)
        return "length" if len(self.out) >= self.most else (token,)

    def close(self):
        self.sampler.close()


def toy_job(backend, prompt, most=20, *, lookup=0, limit=None, **options):
    keep = {name: options.pop(name) for name in ("keep", "hidden", "deadline", "cancelled") if name in options}
    return Job(
        prompt=as_tokens(list(prompt)),
        controller=Plain(backend, most, **options),
        most_tokens=len(prompt) + (limit or most),
        lookup=PromptLookup(list(prompt), lookup) if lookup else None,
        **keep,
    )


def scheduler_over(backend, width, **options):
    curve = options.pop("curve", None)
    return Scheduler(backend, width=WidthPolicy(width, curve), **options)


def run(backend, jobs, width, **options):
    """Run jobs to their ends; return the scheduler."""
    scheduler = scheduler_over(backend, width, **options)
    for job in jobs:
        scheduler.submit(job)
    while scheduler.busy:
        scheduler.step()
    return scheduler


def texts(jobs):
    return [job.controller.out for job in jobs]
