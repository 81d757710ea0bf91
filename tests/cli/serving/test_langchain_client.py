"""LangChain's client for OpenAI, pointed at the server."""

from __future__ import annotations

import httpx
import pytest
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from inference.scripted import ScriptedModel
from tests.cli.serving.conftest import CODE, PROBLEM

pytestmark = pytest.mark.bubblewrap


@pytest.fixture
def chat():
    """Return a function that opens a chat model; its connections are closed at the end."""
    with httpx.Client(trust_env=False) as web:
        yield lambda served, model, **options: ChatOpenAI(
            model=model, base_url=f"{served.url}/v1", api_key="unused", max_retries=0, http_client=web, **options
        )


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sun in {city}"


def test_search_answers(programmer, chat):
    answer = chat(programmer, "atlas").invoke(PROBLEM)
    assert CODE in answer.content
    assert answer.usage_metadata["output_tokens"] > 0
    assert answer.response_metadata["finish_reason"] == "stop"


def test_search_streams(programmer, chat):
    chunks = list(chat(programmer, "atlas-fast", stream_usage=True).stream(PROBLEM))
    whole = sum(chunks[1:], chunks[0])
    assert CODE in whole.content
    assert whole.usage_metadata["total_tokens"] > 0


def test_tools_are_called(serve, chat):
    reply = '<tool_call>{"name": "weather", "arguments": {"city": "Bern"}}</tool_call>'
    with serve(ScriptedModel([reply])) as served:
        answer = chat(served, "raw").bind_tools([weather]).invoke("How is the weather?")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("weather", {"city": "Bern"})]


@pytest.mark.gguf
def test_structured_output_is_enforced(embedded, chat):
    class Point(BaseModel):
        """A place."""

        x: int
        y: int

    model = chat(embedded, "raw", max_tokens=80, temperature=0).with_structured_output(Point, method="json_schema")
    assert isinstance(model.invoke("Choose a point."), Point)


@pytest.mark.gguf
def test_documents_get_embeddings(embedded):
    with httpx.Client(trust_env=False) as web:
        embeddings = OpenAIEmbeddings(
            model="raw", base_url=f"{embedded.url}/v1", api_key="unused", check_embedding_ctx_length=False,
            http_client=web,
        )  # fmt: skip
        vectors = embeddings.embed_documents(["one text", "another"])
    assert [len(vector) for vector in vectors] == [256, 256]
