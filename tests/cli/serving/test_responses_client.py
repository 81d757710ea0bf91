"""`/v1/responses`, with OpenAI's own client."""

from __future__ import annotations

import json

import openai
import pytest

from inference.base import Completion
from inference.scripted import ScriptedModel
from tests.cli.serving.conftest import CODE, PROBLEM

pytestmark = pytest.mark.bubblewrap
NUMBER = {
    "type": "function",
    "name": "number",
    "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
}
CALL = '<tool_call>{"name": "number", "arguments": {"x": 1}}</tool_call>'


@pytest.fixture
def client(programmer):
    with programmer.client() as opened:
        yield opened


@pytest.fixture
def bare(embedded):
    with embedded.client() as opened:
        yield opened


def test_a_search_answers_with_its_progress_and_its_evidence(client):
    done = client.responses.create(model="atlas-fast", input=PROBLEM)
    assert (done.status, done.error, done.object) == ("completed", None, "response")
    assert done.output_text.startswith(f"```python\n{CODE}\n```")
    reasoning, message = done.output
    assert "passes 1 of 1 examples" in reasoning.content[0].text
    assert message.atlas["code"] == CODE
    assert done.usage.output_tokens > 0
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens


def test_a_stream_tells_the_same_as_the_whole_answer(client):
    with client.responses.stream(model="atlas-fast", input=[{"role": "user", "content": PROBLEM}]) as stream:
        events = list(stream)
        final = stream.get_final_response()
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert kinds.index("response.reasoning_text.delta") < kinds.index("response.output_text.delta")
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert final.output_text.startswith(f"```python\n{CODE}\n```")
    assert [item.type for item in final.output] == ["reasoning", "message"]


@pytest.mark.parametrize("stream", [False, True])
def test_functions_are_called_and_their_results_come_back(serve, stream):
    model = ScriptedModel([f"Let me see.\n{CALL}", "It is one."])
    turns = [{"role": "user", "content": [{"type": "input_text", "text": "Which?"}]}]
    with serve(model) as served, served.client() as client:
        options = {"model": "raw", "tools": [NUMBER, {"type": "web_search"}], "instructions": "Be brief."}
        if stream:
            with client.responses.stream(input=turns, **options) as events:
                done = events.until_done().get_final_response()
        else:
            done = client.responses.create(input=turns, **options)
        (call,) = (item for item in done.output if item.type == "function_call")
        assert (call.name, json.loads(call.arguments), call.status) == ("number", {"x": 1}, "completed")
        turns += [item.model_dump(exclude_none=True) for item in done.output]
        turns.append({"type": "function_call_output", "call_id": call.call_id, "output": "1"})
        assert client.responses.create(input=turns, **options).output_text == "It is one."
    roles = [message.role for message in model.requests[1].messages]
    assert roles == ["system", "user", "assistant", "user"]
    assert "<tool_response>\n1\n</tool_response>" in model.requests[1].messages[-1].content


def test_an_answer_that_is_cut_is_incomplete(serve):
    with serve(ScriptedModel([Completion(text="so f", stop="length")])) as served, served.client() as client:
        done = client.responses.create(model="raw", input="hi", max_output_tokens=2)
    assert (done.status, done.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def test_a_schema_is_enforced(bare):
    schema = {"type": "object", "properties": {"n": {"enum": [7]}}, "required": ["n"], "additionalProperties": False}
    form = {"format": {"type": "json_schema", "name": "n", "schema": schema}}
    done = bare.responses.create(model="raw", input="hi", text=form, max_output_tokens=60)
    assert json.loads(done.output_text) == {"n": 7}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id is not supported"),
        ({"background": True}, "background is not supported"),
        ({"input": [{"type": "computer_call"}]}, "input.0: an item of type 'computer_call'"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "not input_image"),
        ({"model": "none"}, "there is no model"),
        ({"temperature": 7}, "temperature"),
    ],
)
def test_what_cannot_be_heeded_is_refused_by_name(client, options, words):
    with pytest.raises(openai.APIStatusError, match=words):
        client.responses.create(**{"model": "raw", "input": "hi", **options})


def test_an_answer_that_breaks_off_is_told(serve):
    with serve(ScriptedModel([])) as served, served.client() as client, pytest.raises(openai.APIStatusError):
        client.responses.create(model="raw", input="hi", stream=True)
