"""Renders chat templates and snippets with Python's jinja2, set up as Hugging Face transformers
sets it up in apply_chat_template, and writes what came out as JSON.

  render_oracle.py templates DIR OUT   every template of DIR with every conversation
  render_oracle.py snippets FILE OUT   every snippet of a JSON list

The output is a list of cases {name, source, input, output | error, own_words}: `error` where
Python raises, `own_words` where raise_exception did, with its message. `input` has what
chat_template.h's RenderInput has.
"""

import datetime
import functools
import json
import pathlib
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = 1753450200  # a fixed date: 2025-07-25


class OwnWords(jinja2.exceptions.TemplateError):
    """From raise_exception."""


class Generation(jinja2.ext.Extension):
    """{% generation %}: as transformers' AssistantTracker, which notes where the text stands."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_support")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def _support(self, context, caller):
        return caller()


def raise_exception(message):
    raise OwnWords(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def strftime_now(pattern):
    return datetime.datetime.fromtimestamp(NOW).strftime(pattern)


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, jinja2.ext.loopcontrols],
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    return env


@functools.lru_cache(maxsize=None)
def compiled(env, source):
    try:
        return env.from_string(source), None
    except Exception as error:
        return None, error


def render(env, case):
    given = case["input"]
    variables = {
        "messages": given["messages"],
        "tools": given["tools"],
        "documents": None,
        "add_generation_prompt": given["add_generation_prompt"],
        "bos_token": given["bos_token"],
        "eos_token": given["eos_token"],
        **given["extra"],
    }
    try:
        template, failure = compiled(env, case["source"])
        if failure is not None:
            raise failure
        case["output"] = template.render(**variables)
        case["output"].encode("utf-8")
    except OwnWords as error:
        case["error"] = str(error)
        case["own_words"] = True
    except Exception as error:  # any error of Python's must be one of ours
        case.pop("output", None)
        case["error"] = f"{type(error).__name__}: {error}"
    return case


def given_input(messages=(), tools=None, prompt=True, extra=None):
    return {
        "messages": list(messages),
        "tools": tools,
        "add_generation_prompt": prompt,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "extra": extra or {},
        "now": NOW,
    }


def said(role, content, **more):
    return {"role": role, "content": content, **more}


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city, now.\nTwo lines & <marks> \"quoted\".",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Name, e.g. Zürich"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 1, "default": 3},
                "where": {
                    "type": "object",
                    "properties": {"lat": {"type": "number"}, "tags": {
                        "type": "array", "items": {"type": "string"}}},
                    "required": ["lat"],
                },
            },
            "required": ["city"],
        },
    },
}
CLOCK = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "The time",
        "parameters": {"type": "object", "properties": {}},
    },
}


def tool_call(identity, name, arguments):
    return {
        "id": identity,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def conversations():
    """Name and input of each; what every template is rendered with."""
    system = said("system", "You are a helpful assistant.\nAnswer briefly.")
    hello = said("user", "Hello, who are you?")
    turns = [
        hello,
        said("assistant", "I am a model. "),
        said("user", "  What is 1 < 2 && 3 > 2?  "),
        said("assistant", "<think>\nSimple.\n</think>\n\nTrue."),
        said("user", "Thanks\n"),
    ]
    ask = said("user", "What is the weather in Zürich?")
    call = said(
        "assistant",
        "",
        tool_calls=[tool_call("abcdef123", "get_weather", {"city": "Zürich", "days": 2})],
    )
    call_text = said(
        "assistant",
        None,
        tool_calls=[tool_call("abcdef123", "get_weather", '{"city": "Zürich", "days": 2}')],
    )
    calls = said(
        "assistant",
        "I look both up.",
        tool_calls=[
            tool_call("abcdef123", "get_weather", {"city": "Rome", "where": {"lat": 1.5}}),
            tool_call("abcdef456", "get_time", {}),
        ],
    )
    result = said("tool", '{"temperature": 21.5}', name="get_weather", tool_call_id="abcdef123")
    result_two = said("tool", "12:00", name="get_time", tool_call_id="abcdef456")
    parts = said("user", [{"type": "text", "text": "Part one. "}, {"type": "text", "text": "Two."}])
    image = said("user", [{"type": "image"}, {"type": "text", "text": "What is this?"}])
    odd = said("user", "日本語 🎉 \u00a0é “q” \t'single' \"double\" \\n {{ x }} {% y %} <|im_end|> \x7f")
    tools = [WEATHER, CLOCK]
    yield "user", given_input([hello])
    yield "system", given_input([system, hello])
    yield "developer", given_input([said("developer", "Be kind."), hello])
    yield "turns", given_input([system, *turns])
    yield "turns_without_system", given_input(turns)
    yield "no_generation_prompt", given_input([system, hello, said("assistant", "Me.")], prompt=False)
    yield "assistant_prefix", given_input([hello, said("assistant", "I am")], prompt=False)
    yield "tools_offered", given_input([system, ask], tools)
    yield "tool_call", given_input([system, ask, call, result], tools)
    yield "tool_call_as_text", given_input([ask, call_text, result], tools)
    yield "tool_calls", given_input([system, ask, calls, result, result_two], tools)
    yield "tool_answered", given_input(
        [system, ask, call, result, said("assistant", "21.5 °C."), said("user", "And Rome?")], tools
    )
    yield "tools_without_system", given_input([ask, call, result], tools)
    yield "tool_turns_without_tools", given_input([ask, call, result])
    yield "parts", given_input([parts])
    yield "parts_of_system", given_input(
        [said("system", [{"type": "text", "text": "Be brief."}]), parts]
    )
    yield "image", given_input([image])
    yield "odd_text", given_input([said("system", "Ünï\n\n code"), odd])
    yield "thinking_on", given_input([system, hello], extra={"enable_thinking": True})
    yield "thinking_off", given_input([system, hello], extra={"enable_thinking": False})
    yield "thinking_kwarg", given_input([system, hello], extra={"thinking": True})
    yield "reasoning", given_input(
        [hello, said("assistant", "Me.", reasoning_content="Who am I?"), said("user", "Oh")]
    )
    yield "reasoning_tool", given_input(
        [ask, {**call, "reasoning_content": "Look it up.", "thinking": "Look."}, result], tools
    )
    yield "reasoning_effort", given_input([hello], extra={"reasoning_effort": "high"})
    yield "custom_variables", given_input(
        [hello],
        tools,
        extra={"date_string": "26 Jul 2024", "builtin_tools": ["search"], "documents": [
            {"title": "A", "text": "Some text"}], "model_identity": "You are X."},
    )
    yield "no_messages", given_input([])
    yield "system_only", given_input([system])
    yield "assistant_first", given_input([said("assistant", "Hi"), hello])
    yield "two_users", given_input([hello, hello])
    yield "unknown_role", given_input([said("alien", "Beep")])
    yield "no_content", given_input([{"role": "user"}])
    yield "empty_content", given_input([said("user", ""), said("assistant", ""), said("user", " ")])


def template_cases(directory):
    files = sorted(pathlib.Path(directory).glob("*.jinja"))
    if not files:
        sys.exit(f"{directory} has no templates; fetch them first")
    for file in files:
        source = file.read_text(encoding="utf-8")
        for name, given in conversations():
            yield {"name": f"{file.stem}/{name}", "source": source, "input": given}


def snippet_cases(file):
    shared = {
        "d": {"a": 1, "b": [1, 2.5, None, True], "c": {"x": "y"}},
        "s": "Hello World",
        "u": "Zürich 日本 🎉",
        "l": [3, 1, 2],
        "people": [
            {"name": "Ann", "age": 30, "tags": ["x"]},
            {"name": "bob", "age": 25},
            {"name": "Cid", "age": 30, "tags": []},
        ],
        "n": None,
        "t": True,
        "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}],
    }
    for index, source in enumerate(json.loads(pathlib.Path(file).read_text(encoding="utf-8"))):
        yield {
            "name": f"{index}",
            "source": source,
            "input": given_input([said("user", "hi")], extra=shared),
        }


def main():
    kind, source, out = sys.argv[1:4]
    cases = {"templates": template_cases, "snippets": snippet_cases}[kind](source)
    env = environment()
    text = json.dumps([render(env, case) for case in cases])
    pathlib.Path(out).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
