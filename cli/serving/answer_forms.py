"""The form that an answer must have, in the fields of OpenAI, llama-server and vLLM; what is not held is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cli.serving.errors import bad_request, unsupported
from cli.serving.openai_types import ChatRequest, Sampled

_REFUSED = {
    "guided_regex": "write a `grammar`, or a `json_schema` with a `pattern`",
    "guided_grammar": "write it as GBNF, in `grammar`",
    "structured_outputs": "use `response_format` or `grammar`",
}


def answer_forms(body: Sampled) -> tuple[str, str]:
    """Return the JSON schema and the grammar that an answer must match; each is empty where there is none.

    Raises:
        ApiError: a field cannot be enforced, or several fields say different things.
    """
    for field, why in _REFUSED.items():
        if getattr(body, field):
            raise unsupported(field, why)
    found = list(_asked(body))
    if len(found) > 1:
        raise bad_request(
            f"{found[0][0]} and {found[1][0]} both say what the answer looks like: send one", param=found[1][0]
        )
    if not found:
        return "", ""
    field, form = found[0]
    return ("", form) if isinstance(form, str) else (_schema(field, form), "")


def forms_asked(body: Sampled) -> Iterator[str]:
    """Yield the fields that say how an answer must look."""
    for field in ("grammar", "json_schema", "guided_json", "guided_choice", *_REFUSED):
        if getattr(body, field):
            yield field


def _asked(body: Sampled) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Yield what is asked for: the field, and a schema or the text of a grammar."""
    if body.grammar:
        yield "grammar", body.grammar
    if body.json_schema:
        yield "json_schema", body.json_schema
    if body.guided_json:
        yield "guided_json", _object("guided_json", body.guided_json)
    if body.guided_choice:
        yield "guided_choice", f"root ::= {' | '.join(map(json.dumps, body.guided_choice))}"
    wanted = body.response_format if isinstance(body, ChatRequest) else None
    if wanted is not None and wanted.type == "json_object":
        yield "response_format", wanted.form or {"type": "object"}
    if wanted is not None and wanted.type == "json_schema":
        if wanted.json_schema is None or wanted.json_schema.form is None:
            raise bad_request("response_format.json_schema.schema is missing", param="response_format")
        yield "response_format", wanted.json_schema.form


def _object(field: str, given: dict[str, Any] | str) -> dict[str, Any]:
    if isinstance(given, dict):
        return given
    try:
        schema = json.loads(given)
    except ValueError as error:
        raise bad_request(f"{field} is no JSON: {error}", param=field) from error
    if not isinstance(schema, dict):
        raise bad_request(f"{field} must be a JSON schema, which is an object", param=field)
    return schema


def _schema(field: str, form: dict[str, Any]) -> str:
    try:
        return json.dumps(form)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"{field}: the schema cannot be written as JSON: {error}", param=field) from error
