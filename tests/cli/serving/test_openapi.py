"""Schemathesis over the description that the server gives of itself: what it promises holds, whatever is sent."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = pytest.mark.bubblewrap
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
POSTS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages",
         "/v1/messages/count_tokens")  # fmt: skip
GETS = ("/v1/models", "/v1/models/{model}", "/health", "/metrics")


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        *((path, GenerationMode.POSITIVE) for path in (*POSTS, *GETS)),
        *((path, GenerationMode.NEGATIVE) for path in POSTS),
    ],
)
def test_description_is_kept(programmer, path, mode):
    schema = schemathesis.openapi.from_url(f"{programmer.url}/openapi.json")
    operation = schema[path]["POST" if path in POSTS else "GET"]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def check(case):
        statuses.add(case.call_and_validate(checks=CHECKS, timeout=60).status_code)

    statuses: set[int] = set()
    check()
    if mode is GenerationMode.POSITIVE and path not in ("/v1/embeddings", "/v1/models/{model}"):
        assert 200 in statuses, "something must have been answered"


def test_every_path_is_tried(programmer):
    with programmer.http() as http:
        described = http.get("/openapi.json").json()["paths"]
    assert {path for path in described if not path.startswith("/api")} == {*POSTS, *GETS}
