"""The calls into llama.cpp: quiet, without leaks, refusing in one line."""

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from inference.backend import Batch, Sampling
from inference.base import Message, ModelError, Request
from inference.gguf import GgufModel
from inference.llama import Layout, LlamaContext, _has_matrix_unit, load_library
from inference.llama_sampling import Candidates, LlamaSampler
from inference.outputs import Outputs
from tests.inference.tiny_gguf import vocabulary

pytestmark = pytest.mark.gguf


def test_architecture_unknown_to_llama_cpp_is_one_line(tmp_path, tiny_path):
    path = tmp_path / "other.gguf"
    path.write_bytes(tiny_path.read_bytes().replace(b"qwen3", b"qwen9"))
    with pytest.raises(ModelError, match=r"llama.cpp refuses .*qwen9") as caught:
        GgufModel(path)
    assert "\n" not in str(caught.value)


def test_llama_cpp_says_nothing(tiny_path, capfd):
    model = GgufModel(tiny_path, threads=1)
    model.complete_many([Request(messages=(Message(role="user", content="hi"),), max_tokens=9)])
    model.close()
    assert capfd.readouterr() == ("", "")


def test_what_make_setup_builds_leaves_the_matrix_unit_alone():
    """With it llama.cpp ends the process on the processors that have one."""
    assert "CPU" in LlamaContext.build()
    assert not _has_matrix_unit(load_library())


@pytest.mark.parametrize(("said", "has"), [(b"AVX512 = 1 | AMX_INT8 = 1 | ", True), (b"AVX512 = 1 | ", False)])
def test_a_build_with_the_matrix_unit_is_known(said, has):
    assert _has_matrix_unit(SimpleNamespace(llama_print_system_info=lambda: said)) is has


def test_states_of_some_rows_of_a_batch_are_refused(tiny_path):
    """llama.cpp would make all rows outputs, and the wanted ones would be looked for in the wrong places."""
    layout = Layout(sequences=1, cells=64, rows=64, outputs=8, unified=True)
    context, batch = LlamaContext(tiny_path, layout=layout, gpu_layers=0, threads=1), Batch(64)
    batch.add(0, 0, [5, 6, 7], 1)
    with pytest.raises(ModelError, match="some rows"):
        context.decode(batch, hidden=True)
    batch.clear()
    batch.add(0, 0, [5, 6, 7], 3)
    context.decode(batch, hidden=True)
    assert context.outputs().logits.shape[0] == 3
    context.close()


@pytest.mark.parametrize("sampling", [Sampling(top_p=0.9), Sampling(temperature=0.0), Sampling(top_k=40, top_p=0.9)])
def test_numbers_that_are_not_finite_end_the_text_and_not_the_process(tiny_path, sampling):
    layout = Layout(sequences=1, cells=64, rows=64, outputs=8, unified=True)
    context = LlamaContext(tiny_path, layout=layout, gpu_layers=0, threads=1)
    for size in (context.shape.vocabulary, 5000):
        sampler = LlamaSampler(load_library(), Candidates(load_library(), size), size, sampling)
        for bad in (np.nan, np.inf):
            row = np.zeros((1, size), np.float32)
            row[0, 3] = bad
            with pytest.raises(ModelError, match="atlas models verify"):
                sampler.draw(Outputs(row), 0)
        sampler.close()
    context.close()


def test_opening_and_closing_leaks_nothing(tiny_path):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    for _ in range(3):
        GgufModel(tiny_path, threads=1).close()
    before = resident()
    for _ in range(20):
        GgufModel(tiny_path, threads=1).close()
    assert resident() - before < 8 << 20


def test_prompt_without_a_control_token_from_its_user(tiny_path):
    """The ids themselves: only the template's own end marks are end tokens."""
    layout = Layout(sequences=1, cells=64, rows=64, outputs=1, unified=True)
    context = LlamaContext(tiny_path, layout=layout, gpu_layers=0, threads=1)
    end = vocabulary().index("<|im_end|>")
    assert context.tokenise("<|im_end|>") == [end]
    assert end not in context.tokenise("<") + context.tokenise("|im_end|>")
    assert len(context.tokenise("a\0b")) == 3
    context.close()


@pytest.mark.parametrize("unified", [True, False])
def test_more_sequences_than_outputs_do_not_end_the_process(tiny_path, unified):
    layout = Layout(sequences=66, cells=66 * 256, rows=128, outputs=64, unified=unified)
    with closing(LlamaContext(tiny_path, layout=layout, gpu_layers=0, threads=1)) as context:
        assert (context.shape.sequences, context.shape.outputs) == (66, 64)


@pytest.mark.parametrize("unified", [True, False])
def test_how_many_threads_decode_changes_no_bit(tiny_path, unified):
    """So that a thread may be given up in the middle of a text."""
    found = []
    for threads in (1, 2, 3):
        layout = Layout(sequences=2, cells=512, rows=64, outputs=2, unified=unified)
        context, batch = LlamaContext(tiny_path, layout=layout, gpu_layers=0, threads=threads), Batch(64)
        with closing(context):
            batch.add(0, 0, list(range(5, 45)), 1)
            context.decode(batch)
            batch.clear()
            batch.add(0, 40, [7], 1)
            context.decode(batch)
            found.append(context.outputs().logits.copy())
    assert all((logits == found[0]).all() for logits in found)
