"""Models whose memory cannot be forked: nothing is shared or drafted, and they say so; texts stay their own."""

import pytest

from inference.base import Message, ModelError, Request
from inference.gguf import GgufModel
from inference.layout import Width
from inference.leaves import LeafSearch
from tests.inference.recurrent_gguf import write_hybrid, write_mamba

pytestmark = pytest.mark.gguf

WRITERS = {"recurrent": write_mamba, "hybrid": write_hybrid}


@pytest.fixture(scope="module", params=WRITERS)
def path(request, tmp_path_factory):
    return WRITERS[request.param](tmp_path_factory.mktemp("recurrent") / f"{request.param}.gguf")


@pytest.fixture(params=[Width(most=4), Width(most=4, streams=True)], ids=["auto", "streams"])
def wide(request, path):
    model = GgufModel(path, threads=1, width=request.param)
    yield model
    model.close()


def requests(count=6):
    return [
        Request(
            messages=(Message(role="user", content=f"{'one two ' * i}{i}"),), max_tokens=8, temperature=0.0, lookup=4
        )
        for i in range(count)
    ]


def test_texts_of_a_batch_are_those_alone(path, wide):
    """A state that another sequence wrote into would show in the first tokens."""
    alone = GgufModel(path, threads=1)
    expected = [reply.text for reply in alone.complete_many(requests())]
    alone.close()
    assert len(set(expected)) > 1
    assert [reply.text for reply in wide.complete_many(requests())] == expected
    assert [reply.text for reply in wide.complete_many(requests()[::-1])] == expected[::-1]


def test_every_prompt_is_read_whole(wide):
    wide.complete_many(requests() * 2)
    counts = wide.counts()
    assert counts.reused == 0
    assert counts.prompt_rows == sum(wide.count_tokens(one.messages) for one in requests() * 2)
    assert (counts.live, counts.waiting) == (0, 0)


def test_model_says_that_nothing_is_shared(wide):
    assert "do not share" in wide.notice


def test_leaves_are_refused_in_one_line(wide):
    with pytest.raises(ModelError, match="cannot be forked: draw samples") as caught:
        wide.leaves(requests(1)[0].messages, LeafSearch(leaves=3, max_tokens=5))
    assert "\n" not in str(caught.value)
    assert wide.complete_many(requests(1))[0].tokens == 8


def test_width_is_measured_on_them_as_well(path):
    model = GgufModel(path, threads=1, width=0)
    assert [reply.tokens for reply in model.complete_many(requests())] == [8] * 6
    model.close()
