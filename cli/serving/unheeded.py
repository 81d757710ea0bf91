"""Fields of other servers and interfaces that would change an answer and are not read here: refused by name.

What changes no answer (`user`, `store`, a cache's key) is accepted and left aside, since clients send it unasked. A
field whose value says what is done anyway (`repetition_penalty: 1`) changes nothing either.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from cli.serving.errors import unsupported

_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "repetition_penalty": (1, 0),
    "repeat_penalty": (1, 0),
    "min_tokens": (0,),
    "ignore_eos": (False,),
    "n": (1,),
    "top_logprobs": (0,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
}
_FORMS = ("grammar", "json_schema", "guided_json", "guided_choice", "guided_regex", "guided_grammar",
          "structured_outputs", "regex", "ebnf", "response_format", "output_format")  # fmt: skip
_OTHERS = ("repetition_penalty", "repeat_penalty", "stop_token_ids", "min_tokens", "ignore_eos", "logit_bias",
           "n", "top_logprobs", "presence_penalty", "frequency_penalty")  # fmt: skip
CHAT = {
    **dict.fromkeys(("regex", "ebnf"), "use `response_format` or `grammar`"),
    **dict.fromkeys(_OTHERS, "leave it out"),
    "function_call": "use `tool_choice`",
    "n_predict": "use `max_completion_tokens`",
    "output_format": "use `response_format`",
}
"""With `POST /v1/chat/completions`: the field, and what to do instead."""
COMPLETION = {**CHAT, "response_format": "use `json_schema` or `grammar`", "n_predict": "use `max_tokens`"}
RESPONSE = {
    **dict.fromkeys(_FORMS, "use `text.format`"),
    **dict.fromkeys((*_OTHERS, "stop", "seed", "top_k", "min_p", "function_call"), "leave it out"),
    **dict.fromkeys(("max_tokens", "max_completion_tokens", "n_predict"), "use `max_output_tokens`"),
    "prompt": "stored prompts are not there: send the text in `input`",
    "messages": "send the conversation in `input`",
}
MESSAGE = {
    **dict.fromkeys(_FORMS, "ask for a tool with `tool_choice`, or use `POST /v1/chat/completions`"),
    **dict.fromkeys((*_OTHERS, "seed", "min_p"), "leave it out"),
    "stop": "use `stop_sequences`",
    "max_completion_tokens": "use `max_tokens`",
}


def refuse_unheeded(body: BaseModel, advice: Mapping[str, str]) -> None:
    """Refuse the first field that is not read and would change the answer.

    Args:
        body: a request that keeps the fields it does not know.
        advice: the fields, and what to do instead.

    Raises:
        ApiError: names the field.
    """
    for name, value in (body.model_extra or {}).items():
        says_nothing = value is None or value in ("", [], {}) or value in _NEUTRAL.get(name, ())
        if name in advice and not says_nothing:
            raise unsupported(name, advice[name])
