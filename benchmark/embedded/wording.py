"""Word a problem: layouts, headers and names, so that a name must be copied and a wording must be understood."""

from __future__ import annotations

import random

from benchmark.embedded.chains import Chain, Step
from benchmark.embedded.programs import Mode, Shape, signature

VERBS = [
    "make",
    "get",
    "find",
    "build",
    "pick",
    "tidy",
    "sort",
    "list",
    "count",
    "scan",
    "fold",
    "trim",
    "pack",
    "mix",
    "take",
    "read",
    "form",
    "join",
    "cut",
    "clean",
    "turn",
    "map",
    "fix",
    "run",
    "solve",
]
NOUNS = [
    "batch",
    "result",
    "items",
    "line",
    "list",
    "group",
    "score",
    "record",
    "table",
    "row",
    "part",
    "total",
    "report",
    "chain",
    "value",
    "order",
    "stock",
    "bundle",
    "answer",
    "output",
    "string",
    "bag",
    "set",
    "piece",
    "block",
]
ARGUMENTS = {
    "I": ["numbers", "values", "points", "nums", "data", "items", "scores", "xs"],
    "S": ["words", "names", "tokens", "parts", "labels", "items"],
    "s": ["text", "line", "phrase", "string", "title", "message"],
    "i": ["number", "n", "value", "count", "total", "size"],
    "D": ["counts", "table", "prices", "stock", "scores", "ages"],
}
NOUN_OF = {
    "I": ("a list of whole numbers", "some whole numbers"),
    "S": ("a list of words", "some words"),
    "s": ("a text", "a line of text"),
    "i": ("a whole number", "one number"),
    "D": ("a dictionary from words to numbers", "numbers by word"),
}
FUNCTION_HEADS = ("Write a function `{head}`.", "Implement `{head}`.", "Define the function `{head}`.")
PROGRAM_HEADS = (
    "Write a program that reads {noun} from one line.",
    "The input is one line with {noun}.",
    "Read {noun} from standard input.",
)
LAYOUTS = ("then", "sentences", "first", "bullets")


def new_shape(chain: Chain, mode: Mode, rng: random.Random) -> Shape:
    """Return random names for a problem."""
    argument = rng.choice(ARGUMENTS[chain[0].primitive.takes])
    name = f"{rng.choice(VERBS)}_{rng.choice(NOUNS)}" if mode == "function" else ""
    return Shape(mode=mode, entry_point=name, argument=argument)


def word_step(step: Step, rng: random.Random) -> str:
    """Return one wording of a step: a vague one where the step is vague."""
    options = step.primitive.vague if step.vague else step.primitive.wordings
    return rng.choice(options).format(k=step.parameter)


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _then(words: list[str], noun: str) -> str:
    if len(words) == 1:
        return f"Given {noun}, {words[0]}."
    middle = "".join(f", then {word}" for word in words[1:-1])
    return f"Given {noun}, {words[0]}{middle}, and finally {words[-1]}."


def _sentences(words: list[str], noun: str) -> str:
    openers = ("", "Then ", "After that, ", "Then ", "Then ")
    said = [_upper(opener + word) + "." for opener, word in zip(openers, words, strict=False)]
    return f"You get {noun}. {' '.join(said)}"


def _first(words: list[str], noun: str) -> str:
    openers = ["First", *["Next"] * (len(words) - 2), "Last"][: len(words)] if len(words) > 1 else ["Just"]
    return f"Take {noun}. " + " ".join(f"{opener} {word}." for opener, word in zip(openers, words, strict=True))


def _bullets(words: list[str], noun: str) -> str:
    return "\n".join([f"Do this with {noun}:", *(f"- {word}" for word in words)]) + "\n"


def describe(chain: Chain, shape: Shape, rng: random.Random) -> str:
    """Return the statement without its examples."""
    takes = chain[0].primitive.takes
    words = [word_step(step, rng) for step in chain]
    noun = rng.choice(NOUN_OF[takes])
    layout = {"then": _then, "sentences": _sentences, "first": _first, "bullets": _bullets}[rng.choice(LAYOUTS)]
    if shape.mode == "function":
        head = rng.choice(FUNCTION_HEADS).format(head=signature(shape, chain))
        end = rng.choice(("Return the result.", "Return what you get."))
    else:
        head = rng.choice(PROGRAM_HEADS).format(noun=noun)
        noun = "it" if takes in "si" else "them"
        end = rng.choice(("Print the result.", "Print what you get."))
    body = layout(words, noun)
    return f"{head} {body}{'' if body.endswith(chr(10)) else ' '}{end}"
