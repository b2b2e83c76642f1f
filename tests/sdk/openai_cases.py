"""The official openai SDK against Helm."""

import asyncio
import base64
import json
import struct
import time

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from common import ADD, BUILTIN, KEY, KEYED, LIMITED, PIXEL, SCRIPTED, http, raises, raw_post

MODEL = "helm/support"
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": ADD}}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def client(base=SCRIPTED, **options):
    return OpenAI(**{"base_url": f"{base}/v1", "api_key": "none", "max_retries": 0, **options})


def user(text):
    return [{"role": "user", "content": text}]


def ask(text, **options):
    return client().chat.completions.create(**{"model": MODEL, "messages": user(text), **options})


def echoed(text="@echo", **options):
    """What the model behind was asked."""
    return json.loads(ask(text, **options).choices[0].message.content)


def refused(**options):
    return raises(openai.BadRequestError, ask, options.pop("text", "hi"), **options)


# Whole answers

def case_create():
    answer = ask("@say Reset it in the settings.")
    choice = answer.choices[0]
    assert (answer.object, answer.model) == ("chat.completion", MODEL)
    assert answer.id.startswith("chatcmpl-") and abs(answer.created - time.time()) < 120
    assert (choice.index, choice.finish_reason, choice.logprobs) == (0, "stop", None)
    assert (choice.message.role, choice.message.content) == ("assistant", "Reset it in the settings.")
    assert (choice.message.refusal, choice.message.tool_calls) == (None, None)


def case_usage():
    usage = ask("@say Fine.").usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (10, 5, 15)


def case_helm_object():
    helm = ask("@say Fine.", user="ana-helm").model_extra["helm"]
    assert helm["strategy"].split("@")[0] in ("concise", "stepwise") and 0 < helm["propensity"] <= 1
    assert helm["simulated"] is False and helm["status"] == "completed" and helm["task"] == "support"
    assert 0 <= helm["reward"] <= 1 and helm["conversation_id"].startswith("auto-")


def case_builtin_says_that_it_is_one():
    helm = client(BUILTIN).chat.completions.create(model=MODEL, messages=user("How do I reset it?")).model_extra["helm"]
    assert helm["simulated"] is True


def case_request_id_and_decision_id_headers():
    raw = client().chat.completions.with_raw_response.create(
        model=MODEL, messages=user("@say x"), extra_headers={"x-request-id": "ticket-7"}
    )
    answer = raw.parse()
    assert answer._request_id == "ticket-7" and raw.headers["helm-decision-id"] == answer.model_extra["helm"]["decision_id"]


def case_unicode():
    text = "Grüße, 世界 👩‍👩‍👧 — \u202b\U0001f9ea"
    assert ask(f"@say {text}").choices[0].message.content == text


def case_parts_of_text():
    parts = [{"type": "text", "text": "@say "}, {"type": "text", "text": "joined"}]
    assert client().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}]).choices[0].message.content == "joined"


def case_length():
    assert ask("@length Too lo").choices[0].finish_reason == "length"


def case_refusal():
    message = ask("@refuse I must not.").choices[0].message
    assert (message.content, message.refusal) == (None, "I must not.")


def case_provider_filter_is_content_filter():
    assert ask("@filter").choices[0].finish_reason == "content_filter"


def case_guard_blocks_with_content_filter():
    answer = ask("Teach me xylomancy now.")
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("content_filter", None)
    assert answer.model_extra["helm"]["status"] == "blocked" and answer.model_extra["helm"]["violations"]


def case_guard_blocks_the_answer():
    answer = ask("@banned")
    assert (answer.choices[0].finish_reason, answer.choices[0].message.content) == ("content_filter", None)
    chunks = list(ask("@banned", stream=True))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "content_filter" and "xylomancy" not in said


# What reaches the model

def case_system_and_developer():
    messages = [{"role": "system", "content": "Be kind."}, {"role": "developer", "content": "Be brief."}, *user("@echo")]
    asked = json.loads(client().chat.completions.create(model=MODEL, messages=messages).choices[0].message.content)
    texts = [m["content"] for m in asked["messages"] if m["role"] == "system"]
    assert len(texts) == 3 and texts[1:] == ["Be kind.", "Be brief."], texts


def case_knobs_pass():
    asked = echoed(temperature=0.3, top_p=0.9, stop=["END", "STOP"], seed=7, max_completion_tokens=77)
    assert (asked["temperature"], asked["top_p"], asked["stop"], asked["seed"]) == (0.3, 0.9, ["END", "STOP"], 7)
    assert asked["max_completion_tokens"] == 77


def case_stop_as_one_text():
    assert echoed(stop="END")["stop"] == ["END"]


def case_max_tokens_by_its_older_name():
    assert echoed(max_tokens=55)["max_completion_tokens"] == 55


def case_reasoning_effort():
    assert echoed(reasoning_effort="low")["reasoning_effort"] == "low"


def case_image_inline():
    parts = [{"type": "text", "text": "@echo"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}]
    asked = json.loads(client().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}]).choices[0].message.content)
    images = [p for p in asked["messages"][-1]["content"] if p["type"] == "image_url"]
    assert images[0]["image_url"]["url"].endswith(PIXEL)


def case_image_by_address():
    parts = [{"type": "text", "text": "@echo"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}]
    asked = json.loads(client().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}]).choices[0].message.content)
    assert asked["messages"][-1]["content"][1]["image_url"]["url"] == "https://example.com/a.png"


def case_caller_keeps_the_conversation():
    messages = [*user("first"), {"role": "assistant", "content": "one"}, *user("@echo")]
    asked = json.loads(client().chat.completions.create(model=MODEL, messages=messages).choices[0].message.content)
    said = [(m["role"], m["content"]) for m in asked["messages"] if m["role"] != "system"]
    assert said == [("user", "first"), ("assistant", "one"), ("user", "@echo")]


# Tools

def case_tool():
    choice = ask('@call add {"a":1,"b":2}', tools=[TOOL]).choices[0]
    call = choice.message.tool_calls[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    assert (call.type, call.function.name, json.loads(call.function.arguments)) == ("function", "add", {"a": 1, "b": 2})


def case_parallel_tools():
    calls = ask('@call add {"a":1,"b":2} | weather {}', tools=[TOOL, WEATHER]).choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["add", "weather"] and len({call.id for call in calls}) == 2


def case_tool_round_trip():
    messages = user('@tools add {"a":1,"b":2}')
    first = client().chat.completions.create(model=MODEL, messages=messages, tools=[TOOL]).choices[0].message
    messages += [first, {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "3"}]
    second = client().chat.completions.create(model=MODEL, messages=messages, tools=[TOOL]).choices[0]
    assert (second.finish_reason, second.message.content) == ("stop", "The tools said 3.")


def case_parallel_round_trip():
    messages = user('@tools add {"a":1,"b":2} | add {"a":3,"b":4}')
    first = client().chat.completions.create(model=MODEL, messages=messages, tools=[TOOL]).choices[0].message
    messages.append(first)
    messages += [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in zip(first.tool_calls, ("3", "7"))]
    assert client().chat.completions.create(model=MODEL, messages=messages, tools=[TOOL]).choices[0].message.content == "The tools said 3, 7."


def case_tool_choice_passes():
    assert echoed(tools=[TOOL], tool_choice="none")["tool_choice"] == "none"
    assert echoed(tools=[TOOL], tool_choice="required")["tool_choice"] == "required"
    named = {"type": "function", "function": {"name": "add"}}
    assert echoed(tools=[TOOL], tool_choice=named)["tool_choice"] == named
    assert echoed(tools=[TOOL], parallel_tool_calls=False)["parallel_tool_calls"] is False


def case_allowed_tools():
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "add"}}]}}
    asked = echoed(tools=[TOOL, WEATHER], tool_choice=allowed)
    assert [tool["function"]["name"] for tool in asked["tools"]] == ["add"] and asked["tool_choice"] == "required"


def case_orphaned_tool_result():
    error = refused(messages=[*user("hi"), {"role": "tool", "tool_call_id": "call_9", "content": "3"}])
    assert error.param == "messages[1]" and "call_9" in error.message


def case_call_without_result():
    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    error = refused(messages=[*user("hi"), {"role": "assistant", "tool_calls": [call]}, *user("and?")])
    assert error.param == "messages[2]" and "call_1" in error.message


def case_invalid_tool_schema():
    wrong = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": 5}}}
    error = refused(tools=[wrong])
    assert (error.code, error.param) == ("invalid_schema", "tools[0].function.parameters")


def case_too_many_tools():
    tools = [{"type": "function", "function": {"name": f"t{n}"}} for n in range(129)]
    assert "128" in refused(tools=tools).message


def case_tools_of_one_name():
    assert "add" in refused(tools=[TOOL, TOOL]).message


def case_named_tool_that_is_not_there():
    error = refused(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "sub"}})
    assert error.param == "tool_choice.function.name"


# Structured output

class Step(BaseModel):
    title: str
    minutes: int


def case_parse():
    answer = client().chat.completions.parse(model=MODEL, messages=user('@say {"title":"Reset","minutes":3}'), response_format=Step)
    assert answer.choices[0].message.parsed == Step(title="Reset", minutes=3)


def case_parse_raises_on_length():
    call = client().chat.completions.parse
    raises(openai.LengthFinishReasonError, call, model=MODEL, messages=user('@length {"title":'), response_format=Step)


def case_parse_raises_on_content_filter():
    call = client().chat.completions.parse
    raises(openai.ContentFilterFinishReasonError, call, model=MODEL, messages=user("@filter"), response_format=Step)


def case_parse_refusal():
    answer = client().chat.completions.parse(model=MODEL, messages=user("@refuse No."), response_format=Step)
    assert (answer.choices[0].message.parsed, answer.choices[0].message.refusal) == (None, "No.")


def case_schema_reaches_the_model():
    form = {"type": "json_schema", "json_schema": {"name": "sum", "schema": ADD, "strict": True}}
    asked = echoed(response_format=form)["response_format"]
    assert (asked["type"], asked["json_schema"]["name"], asked["json_schema"]["schema"]) == ("json_schema", "sum", ADD)


def case_json_object():
    assert ask('@say {"a":1}', response_format={"type": "json_object"}).choices[0].message.content == '{"a":1}'


def case_wrong_form():
    assert refused(response_format={"type": "xml"}).param == "response_format.type"


def case_parse_tools():
    tool = openai.pydantic_function_tool(Step, name="step")
    answer = client().chat.completions.parse(model=MODEL, messages=user('@call step {"title":"a","minutes":1}'), tools=[tool])
    assert answer.choices[0].message.tool_calls[0].function.parsed_arguments == Step(title="a", minutes=1)


# Streams

def stream(text, **options):
    return list(ask(text, stream=True, **options))


def case_stream():
    chunks = stream("@say one two three")
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert (deltas[0].role, deltas[0].content) == ("assistant", "")
    assert all(delta.role is None for delta in deltas[1:])
    assert "".join(delta.content or "" for delta in deltas) == "one two three"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert deltas[-1].model_dump(exclude_none=True) == {}
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert all(chunk.usage is None and "usage" not in chunk.model_fields_set for chunk in chunks)


def case_stream_usage():
    chunks = stream("@say one two", stream_options={"include_usage": True})
    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in chunks[:-1])
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == 15


def case_stream_helm_object():
    chunks = stream("@say one two")
    first, last = chunks[0].model_extra["helm"], chunks[-1].model_extra["helm"]
    assert first["decision_id"] == last["decision_id"] and first["strategy"] == last["strategy"]
    assert first["propensity"] == last["propensity"] and last["status"] == "completed" and last["reward"] is not None
    assert all("helm" not in chunk.model_extra for chunk in chunks[1:-1])


def case_stream_ends_with_done():
    text = raw_post(SCRIPTED, "/v1/chat/completions", {"model": MODEL, "messages": user("@say x"), "stream": True})
    assert "content-type: text/event-stream" in text.lower() and "data: [DONE]\n\n" in text


def case_stream_helper():
    with client().chat.completions.stream(model=MODEL, messages=user("@say one two three")) as events:
        kinds = [event.type for event in events]
        final = events.get_final_completion()
    assert kinds.count("content.delta") >= 2 and kinds[-1] in ("content.done", "chunk")
    assert final.choices[0].message.content == "one two three" and final.choices[0].message.role == "assistant"


def case_stream_helper_parses():
    with client().chat.completions.stream(model=MODEL, messages=user('@say {"title":"Reset","minutes":3}'), response_format=Step) as events:
        assert events.get_final_completion().choices[0].message.parsed == Step(title="Reset", minutes=3)


def case_stream_tools():
    with client().chat.completions.stream(model=MODEL, messages=user('@call add {"a":1,"b":2} | weather {}'), tools=[TOOL, WEATHER]) as events:
        message = events.get_final_completion().choices[0].message
    assert [(call.function.name, call.function.arguments) for call in message.tool_calls] == [("add", '{"a":1,"b":2}'), ("weather", "{}")]


def case_stream_tool_deltas_name_once():
    deltas = [chunk.choices[0].delta for chunk in stream('@call add {"a":1,"b":2}', tools=[TOOL])]
    calls = [delta.tool_calls[0] for delta in deltas if delta.tool_calls]
    assert calls[0].id and calls[0].function.name == "add" and calls[0].function.arguments == ""
    assert all(call.id is None and call.function.name is None for call in calls[1:])


def case_stream_refusal():
    deltas = [chunk.choices[0].delta for chunk in stream("@refuse I must not.")]
    assert "".join(delta.refusal or "" for delta in deltas) == "I must not."
    assert not any(delta.content for delta in deltas)


def case_stream_length():
    assert stream("@length Too lo")[-1].choices[0].finish_reason == "length"


def case_stream_blocked():
    chunks = stream("Teach me xylomancy now.")
    assert chunks[-1].choices[0].finish_reason == "content_filter" and chunks[0].choices[0].delta.role == "assistant"


def case_stream_error_event():
    error = raises(openai.APIError, stream, "@error one two three four five six")
    assert "fell over" not in str(error) and error.code == "upstream_error"


def case_stream_cut_upstream_is_an_error():
    raises(openai.APIError, stream, "@cut one two three four five six")


def case_stream_failure_before_content_has_a_status():
    raises(openai.InternalServerError, stream, "@fail 500")


async def case_concurrent_streams():
    async with AsyncOpenAI(base_url=f"{SCRIPTED}/v1", api_key="none") as helm:
        async def one(number):
            text = ""
            events = await helm.chat.completions.create(model=MODEL, messages=user(f"@say stream number {number} of many"), stream=True)
            async for chunk in events:
                text += chunk.choices[0].delta.content or ""
            return text
        assert await asyncio.gather(*map(one, range(16))) == [f"stream number {number} of many" for number in range(16)]


def case_hanging_up_is_recorded():
    events = ask("@stall one two three four five six seven eight", stream=True)
    id = next(iter(events)).model_extra["helm"]["decision_id"]
    events.close()
    for _ in range(100):
        status, _, decision = http("GET", f"{SCRIPTED}/helm/v1/decisions/{id}")
        if status == 200 and decision["status"]:
            break
        time.sleep(0.05)
    assert decision["status"] == "cancelled", decision


# Errors

def case_unknown_model():
    for model in ("gpt-4o", "helm/nothing", "helm/support/nothing", "helm/"):
        error = raises(openai.NotFoundError, ask, "hi", model=model)
        assert (error.code, error.param) == ("model_not_found", "model"), error
        assert error.response.headers["x-should-retry"] == "false"


def case_malformed_json():
    status, headers, body = http("POST", f"{SCRIPTED}/v1/chat/completions", b'{"model":')
    assert status == 400 and body["error"]["code"] == "invalid_json" and headers["x-should-retry"] == "false"
    assert set(body["error"]) == {"message", "type", "param", "code"}


def case_arrays_in_the_place_of_objects():
    assert http("POST", f"{SCRIPTED}/v1/chat/completions", [MODEL, user("hi")])[0] == 400
    status, _, body = http("POST", f"{SCRIPTED}/v1/chat/completions", {"model": MODEL, "messages": [["user", "hi"]]})
    assert status == 400 and body["error"]["param"] == "messages[0]", body


def case_duplicate_field():
    status, _, body = http("POST", f"{SCRIPTED}/v1/chat/completions", b'{"model":"a","model":"b","messages":[]}')
    assert status == 400 and "duplicate field `model`" in body["error"]["message"]


def case_wrong_types_name_their_place():
    assert refused(messages=[{"role": "user", "content": 5}]).param == "messages[0].content"
    assert refused(temperature="hot").param == "temperature"
    assert refused(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 1}}]}]).param == "messages[0].content[0].image_url.url"


def case_wrong_role():
    error = refused(messages=[{"role": "wizard", "content": "hi"}])
    assert error.param == "messages[0].role" and error.status_code == 400 and error.type == "invalid_request_error"


def case_no_messages():
    assert refused(messages=[]).param == "messages"
    assert refused(messages=[{"role": "system", "content": "x"}]).param == "messages"


def case_unsupported_part():
    part = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    assert refused(messages=[{"role": "user", "content": [part]}]).param == "messages[0].content[0].type"


def case_several_answers():
    assert refused(n=2).param == "n" and ask("@say x", n=1).choices[0].message.content == "x"


def case_contradictory_knobs():
    assert refused(max_tokens=5, max_completion_tokens=6).param == "max_tokens"
    assert refused(stream_options={"include_usage": True}).param == "stream_options"
    assert refused(tool_choice="required").param == "tool_choice"


def case_knobs_out_of_range():
    assert refused(temperature=3).param == "temperature" and refused(top_p=2).param == "top_p"
    assert refused(max_tokens=0).param == "max_tokens" and refused(reasoning_effort="heroic").param == "reasoning_effort"
    assert refused(stop=["a", "b", "c", "d", "e"]).param == "stop" and refused(seed=-1).param == "seed"


def case_oversized_body():
    error = raises(openai.APIStatusError, ask, "x" * (3 << 20))
    assert (error.status_code, error.code) == (413, "request_too_large")


def case_too_many_messages():
    assert "2048" in refused(messages=user("x") * 2049).message


def case_wrong_path_and_method():
    status, _, body = http("GET", f"{SCRIPTED}/v1/nothing")
    assert status == 404 and body["error"]["code"] == "not_found"
    assert http("GET", f"{SCRIPTED}/v1/chat/completions")[0] == 405


def case_upstream_key_refused_is_not_tried_again():
    answers = client(max_retries=2)
    began = time.monotonic()
    error = raises(openai.InternalServerError, answers.chat.completions.create, model=MODEL, messages=user("@fail 401"))
    assert error.status_code == 502 and error.response.headers["x-should-retry"] == "false"
    assert time.monotonic() - began < 0.45 and "secret words" not in error.message


def case_upstream_bad_request():
    error = raises(openai.BadRequestError, ask, "@fail 400")
    assert error.code == "upstream_refused_request" and "secret words" not in error.message


def case_error_names_the_turn():
    body = raises(openai.InternalServerError, ask, "@fail 401").response.json()
    status, _, decision = http("GET", f"{SCRIPTED}/helm/v1/decisions/{body['helm']['decision_id']}")
    assert status == 200 and decision["status"] == "upstream_error"


def case_retries_help():
    raw = client(max_retries=2).chat.completions.with_raw_response.create(model=MODEL, messages=user("@flaky 4 503 retries-help"))
    assert raw.retries_taken >= 1 and raw.parse().choices[0].message.content == "At last."


def case_rate_limit_and_retry_after():
    limited = client(LIMITED)
    options = {"model": MODEL, "messages": user("@say x"), "user": "hasty"}
    limited.chat.completions.create(**options)
    error = raises(openai.RateLimitError, limited.chat.completions.create, **options)
    assert error.code == "rate_limit_exceeded" and 1 <= int(error.response.headers["retry-after"]) <= 2
    assert "x-should-retry" not in error.response.headers
    began = time.monotonic()
    raw = client(LIMITED, max_retries=2).chat.completions.with_raw_response.create(**options)
    assert raw.retries_taken >= 1 and time.monotonic() - began > 0.5


def case_timeout():
    raises(openai.APITimeoutError, client(timeout=0.5).chat.completions.create, model=MODEL, messages=user("@slow 3000 late"))


def case_rejected_user():
    assert refused(user="x" * 200).param == "user"


# Who, where, which

def case_strict():
    assert ask("@say x", extra_body={"mood": "good"}).choices[0].message.content == "x"
    error = refused(extra_body={"mood": "good"}, extra_headers={"Helm-Strict": "1"})
    assert (error.param, error.code) == ("mood", "unknown_parameter")
    error = refused(extra_body={"helm": {"usr": "ana"}}, extra_headers={"Helm-Strict": "1"})
    assert error.param == "helm.usr"


def case_pinned_strategy():
    for model in ("helm/support/stepwise", "stepwise"):
        answer = ask("@say x", model=model)
        helm = answer.model_extra["helm"]
        assert (helm["strategy"], helm["propensity"]) == ("stepwise@1", 1) and answer.model == "helm/support/stepwise"


def case_ambiguous_strategy():
    error = raises(openai.NotFoundError, ask, "hi", model="concise")
    assert "helm/support/concise" in error.message and "helm/writing/concise" in error.message


def case_conversation_keeps_its_strategy():
    messages, seen = user("@say first"), set()
    for turn in range(8):
        answer = client().chat.completions.create(model=MODEL, messages=messages, user="sticky-ana")
        helm = answer.model_extra["helm"]
        seen.add((helm["strategy"], helm["conversation_id"]))
        messages += [answer.choices[0].message, *user(f"@say answer {turn}")]
    assert len(seen) == 1, seen


def case_conversation_by_id():
    given = {"helm": {"user_id": "ana", "conversation_id": "c-7", "segment": "pro"}}
    assert ask("@say x", extra_body=given).model_extra["helm"]["conversation_id"] == "c-7"
    assert ask("@say x", metadata={"conversation_id": "c-8"}).model_extra["helm"]["conversation_id"] == "c-8"


def case_feedback_by_decision():
    id = ask("@say Fine.").model_extra["helm"]["decision_id"]
    status, _, answer = http("POST", f"{SCRIPTED}/feedback", {"decision_id": id, "rating": 5})
    assert status == 200 and answer["applied"] == "fresh"
    decision = http("GET", f"{SCRIPTED}/helm/v1/decisions/{id}")[2]
    assert decision["feedback"][0]["value"] == 1 and decision["why"]


def case_keys():
    ok = client(KEYED, api_key=KEY).chat.completions.create(model=MODEL, messages=user("hello there"))
    assert ok.choices[0].message.content
    for key in ("wrong", KEY[:-1] + ("0" if KEY[-1] != "0" else "1")):
        error = raises(openai.AuthenticationError, client(KEYED, api_key=key).models.list)
        assert error.code == "invalid_api_key" and error.response.headers["x-should-retry"] == "false"
    assert http("GET", f"{KEYED}/helm/v1/tasks")[1]["content-type"] == "application/problem+json"
    assert http("GET", f"{KEYED}/livez")[0] == 200 and http("GET", f"{KEYED}/health")[0] == 200
    assert http("GET", f"{KEYED}/v1/models", headers={"x-api-key": KEY})[0] == 200


# Models and embeddings

def case_models():
    ids = [model.id for model in client().models.list()]
    assert ids[:3] == ["helm/support", "helm/support/concise", "helm/support/stepwise"] and "helm/writing/concise" in ids


def case_model():
    for id in ("helm/support", "helm/support/concise"):
        model = client().models.retrieve(id)
        assert (model.id, model.object, model.owned_by) == (id, "model", "helm")
    assert http("GET", f"{SCRIPTED}/v1/models/helm/support")[2]["id"] == "helm/support"
    raises(openai.NotFoundError, client().models.retrieve, "helm/nothing")


def embedder():
    return [model.id for model in client().models.list()][-1]


def case_embeddings_base64():
    made = client().embeddings.create(model=embedder(), input=["a red apple", "a green pear"])
    assert [item.index for item in made.data] == [0, 1] and len(made.data[0].embedding) == len(made.data[1].embedding) > 10
    assert made.usage.prompt_tokens > 0 and isinstance(made.data[0].embedding[0], float)


def case_embeddings_encodings_agree():
    floats = client().embeddings.create(model=embedder(), input="a red apple", encoding_format="float").data[0].embedding
    text = http("POST", f"{SCRIPTED}/v1/embeddings", {"model": embedder(), "input": "a red apple", "encoding_format": "base64"})[2]["data"][0]["embedding"]
    raw = base64.b64decode(text)
    assert struct.unpack(f"<{len(raw) // 4}f", raw) == tuple(struct.unpack("<f", struct.pack("<f", part))[0] for part in floats)


def case_embeddings_refused():
    create, model = client().embeddings.create, embedder()
    assert raises(openai.BadRequestError, create, model=model, input=[[1, 2, 3]]).param == "input"
    assert raises(openai.BadRequestError, create, model=model, input="").param == "input"
    assert raises(openai.BadRequestError, create, model=model, input=[]).param == "input"
    assert raises(openai.BadRequestError, create, model=model, input="x", dimensions=3).param == "dimensions"
    assert raises(openai.NotFoundError, create, model="text-embedding-nothing", input="x").code == "model_not_found"
