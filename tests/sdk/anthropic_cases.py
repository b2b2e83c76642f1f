"""The official anthropic SDK against Helm."""

import asyncio
import json
import time

import anthropic
from anthropic import Anthropic, AsyncAnthropic

from common import ADD, BUILTIN, KEY, KEYED, LIMITED, PIXEL, SCRIPTED, http, raises, raw_post

MODEL = "helm/support"
TOOL = {"name": "add", "description": "Adds.", "input_schema": ADD}
WEATHER = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}


def client(base=SCRIPTED, **options):
    return Anthropic(**{"base_url": base, "api_key": "none", "max_retries": 0, **options})


def user(content):
    return [{"role": "user", "content": content}]


def ask(content, **options):
    return client().messages.create(**{"model": MODEL, "max_tokens": 200, "messages": user(content), **options})


def echoed(content="@echo", **options):
    return json.loads(ask(content, **options).content[0].text)


def refused(content="hi", **options):
    error = raises(anthropic.BadRequestError, ask, content, **options)
    assert error.body["type"] == "error" and error.body["error"]["type"] == "invalid_request_error", error.body
    assert error.response.headers["x-should-retry"] == "false"
    return error.body["error"]["message"]


def case_create():
    message = ask("@say Reset it.")
    assert (message.type, message.role, message.model, message.stop_reason) == ("message", "assistant", MODEL, "end_turn")
    assert message.id.startswith("msg_") and [(block.type, block.text) for block in message.content] == [("text", "Reset it.")]
    assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 5)


def case_helm_object_and_headers():
    raw = client().messages.with_raw_response.create(model=MODEL, max_tokens=50, messages=user("@say x"))
    message = raw.parse()
    helm = message.model_extra["helm"]
    assert raw.headers["request-id"] == message._request_id == raw.headers["x-request-id"]
    assert helm["decision_id"] == raw.headers["helm-decision-id"] and helm["propensity"] > 0


def case_builtin():
    message = client(BUILTIN).messages.create(model=MODEL, max_tokens=200, messages=user("How do I reset it?"))
    assert message.model_extra["helm"]["simulated"] is True and message.content[0].text


def case_system():
    asked = echoed(system="Be kind.")
    assert [m["content"] for m in asked["messages"] if m["role"] == "system"][-1] == "Be kind."
    asked = echoed(system=[{"type": "text", "text": "Be "}, {"type": "text", "text": "brief.", "cache_control": {"type": "ephemeral"}}])
    assert "brief." in json.dumps(asked["messages"])


def case_knobs_pass():
    asked = echoed(max_tokens=77, stop_sequences=["END"])
    assert (asked["max_completion_tokens"], asked["stop"]) == (77, ["END"])


def case_unicode():
    text = "Grüße, 世界 👩‍👩‍👧"
    assert ask(f"@say {text}").content[0].text == text


def case_blocks_of_text():
    assert ask([{"type": "text", "text": "@say "}, {"type": "text", "text": "joined"}]).content[0].text == "joined"


def case_images():
    inline = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    address = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    asked = echoed([{"type": "text", "text": "@echo"}, inline, address])
    urls = [part["image_url"]["url"] for part in asked["messages"][-1]["content"] if part["type"] == "image_url"]
    assert urls[0].endswith(PIXEL) and urls[1] == "https://example.com/a.png"


def case_length():
    assert ask("@length Too lo").stop_reason == "max_tokens"


def case_refusal():
    message = ask("@refuse I must not.")
    assert message.stop_reason == "refusal" and message.content[0].text == "I must not."


def case_blocked():
    message = ask("Teach me xylomancy now.")
    assert (message.stop_reason, message.content) == ("refusal", []) and message.model_extra["helm"]["status"] == "blocked"


def case_tool():
    message = ask('@call add {"a":1,"b":2}', tools=[TOOL])
    block = message.content[-1]
    assert message.stop_reason == "tool_use" and (block.type, block.name, block.input) == ("tool_use", "add", {"a": 1, "b": 2})


def case_tool_round_trip():
    messages = user('@tools add {"a":1,"b":2} | add {"a":3,"b":4}')
    first = client().messages.create(model=MODEL, max_tokens=99, messages=messages, tools=[TOOL])
    results = [{"type": "tool_result", "tool_use_id": block.id, "content": text} for block, text in zip(first.content, ("3", "7"))]
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = client().messages.create(model=MODEL, max_tokens=99, messages=messages, tools=[TOOL])
    assert second.content[0].text == "The tools said 3, 7." and second.stop_reason == "end_turn"


def case_tool_result_of_blocks_and_error():
    call = {"type": "tool_use", "id": "call_1", "name": "add", "input": {"a": 1, "b": 2}}
    result = {"type": "tool_result", "tool_use_id": "call_1", "is_error": True, "content": [{"type": "text", "text": "no"}]}
    messages = [*user("hi"), {"role": "assistant", "content": [call]}, {"role": "user", "content": [result, {"type": "text", "text": "@echo"}]}]
    asked = json.loads(client().messages.create(model=MODEL, max_tokens=99, messages=messages, tools=[TOOL]).content[0].text)
    assert [m["role"] for m in asked["messages"] if m["role"] != "system"] == ["user", "assistant", "tool", "user"]


def case_tool_choice():
    assert echoed(tools=[TOOL], tool_choice={"type": "any"})["tool_choice"] == "required"
    assert echoed(tools=[TOOL], tool_choice={"type": "none"})["tool_choice"] == "none"
    asked = echoed(tools=[TOOL], tool_choice={"type": "tool", "name": "add", "disable_parallel_tool_use": True})
    assert asked["tool_choice"]["function"]["name"] == "add" and asked["parallel_tool_calls"] is False
    assert "sub" in refused(tools=[TOOL], tool_choice={"type": "tool", "name": "sub"})


def case_structured_output():
    form = {"format": {"type": "json_schema", "schema": ADD}}
    assert echoed(output_config=form)["response_format"]["json_schema"]["schema"] == ADD
    assert json.loads(ask('@say {"a":1,"b":2}', output_config=form).content[0].text) == {"a": 1, "b": 2}


def case_effort():
    assert echoed(output_config={"effort": "low"})["reasoning_effort"] == "low"


def case_stream():
    events = list(ask("@say one two three", stream=True))
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"], kinds
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 1
    assert "".join(e.delta.text for e in events if e.type == "content_block_delta") == "one two three"
    assert events[0].message.content == [] and events[0].message.model_extra["helm"]["decision_id"]
    last = events[-2]
    assert (last.delta.stop_reason, last.usage.output_tokens) == ("end_turn", 5) and last.model_extra["helm"]["status"] == "completed"


def case_stream_has_named_events_and_pings():
    text = raw_post(SCRIPTED, "/v1/messages", {"model": MODEL, "max_tokens": 9, "messages": user("@say x"), "stream": True})
    for name in ("message_start", "ping", "content_block_start", "content_block_delta", "message_stop"):
        assert f"event: {name}\n" in text, name


def case_stream_helper():
    with client().messages.stream(model=MODEL, max_tokens=99, messages=user("@say one two three")) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == final.content[0].text == "one two three" and (final.usage.input_tokens, final.usage.output_tokens) == (10, 5)


def case_stream_tools():
    with client().messages.stream(model=MODEL, max_tokens=99, messages=user('@call add {"a":1,"b":2} | weather {}'), tools=[TOOL, WEATHER]) as stream:
        final = stream.get_final_message()
    assert [(b.name, b.input) for b in final.content] == [("add", {"a": 1, "b": 2}), ("weather", {})] and final.stop_reason == "tool_use"


def case_stream_refusal_and_length():
    assert list(ask("@refuse No.", stream=True))[-2].delta.stop_reason == "refusal"
    assert list(ask("@length Too lo", stream=True))[-2].delta.stop_reason == "max_tokens"


def case_stream_error_event():
    error = raises(anthropic.APIStatusError, lambda: list(ask("@error one two three four five six", stream=True)))
    assert "fell over" not in str(error) and "api_error" in str(error)


def case_stream_cut():
    raises(anthropic.APIError, lambda: list(ask("@cut one two three four five six", stream=True)))


async def case_concurrent_streams():
    async with AsyncAnthropic(base_url=SCRIPTED, api_key="none") as helm:
        async def one(number):
            async with helm.messages.stream(model=MODEL, max_tokens=99, messages=user(f"@say stream {number} of many")) as stream:
                return await stream.get_final_text()
        assert await asyncio.gather(*map(one, range(12))) == [f"stream {number} of many" for number in range(12)]


def case_hanging_up_is_recorded():
    events = ask("@stall one two three four five six seven eight", stream=True)
    id = next(iter(events)).message.model_extra["helm"]["decision_id"]
    events.close()
    for _ in range(100):
        status, _, decision = http("GET", f"{SCRIPTED}/helm/v1/decisions/{id}")
        if status == 200 and decision["status"]:
            break
        time.sleep(0.05)
    assert decision["status"] == "cancelled", decision


def case_unknown_model():
    error = raises(anthropic.NotFoundError, ask, "hi", model="claude-nothing")
    assert error.body["error"]["type"] == "not_found_error" and "claude-nothing" in str(error)


def case_wrong_requests():
    assert "messages[0].role" in refused(messages=[{"role": "system", "content": "x"}])
    assert "max_tokens" in refused(max_tokens=0)
    assert "messages[0].content[0].type" in refused([{"type": "document"}])
    assert "temperature" in refused(extra_body={"temperature": 3})
    assert "call_9" in refused([{"type": "tool_result", "tool_use_id": "call_9", "content": "x"}])
    assert "tools[0].type" in refused(tools=[{"type": "web_search_20250305", "name": "web_search"}])
    assert "tools[0].input_schema" in refused(tools=[{"name": "add", "input_schema": {"type": "object", "properties": 5}}])


def case_max_tokens_is_needed():
    status, _, body = http("POST", f"{SCRIPTED}/v1/messages", {"model": MODEL, "messages": user("hi")})
    assert status == 400 and "max_tokens" in body["error"]["message"] and body["type"] == "error"


def case_oversized():
    error = raises(anthropic.APIStatusError, ask, "x" * (3 << 20))
    assert error.status_code == 413 and error.body["error"]["type"] == "request_too_large"


def case_strict():
    assert ask("@say x", extra_body={"mood": 1}).content[0].text == "x"
    assert "mood" in refused(extra_body={"mood": 1}, extra_headers={"Helm-Strict": "1"})


def case_upstream_failures():
    error = raises(anthropic.InternalServerError, ask, "@fail 401")
    assert error.status_code == 502 and error.body["error"]["type"] == "api_error" and "secret words" not in str(error)
    assert error.response.headers["x-should-retry"] == "false"


def case_overloaded_and_retries():
    error = raises(anthropic.APIStatusError, ask, "@fail 529")
    assert error.status_code == 529 and error.body["error"]["type"] == "overloaded_error"
    raw = client(max_retries=2).messages.with_raw_response.create(model=MODEL, max_tokens=9, messages=user("@flaky 4 503 anthropic-retries"))
    assert raw.retries_taken >= 1 and raw.parse().content[0].text == "At last."


def case_rate_limit():
    options = {"model": MODEL, "max_tokens": 9, "messages": user("@say x"), "metadata": {"user_id": "hasty-too"}}
    client(LIMITED).messages.create(**options)
    error = raises(anthropic.RateLimitError, client(LIMITED).messages.create, **options)
    assert error.body["error"]["type"] == "rate_limit_error" and int(error.response.headers["retry-after"]) >= 1


def case_timeout():
    raises(anthropic.APITimeoutError, client(timeout=0.5).messages.create, model=MODEL, max_tokens=9, messages=user("@slow 3000 late"))


def case_keys():
    for options in ({"api_key": KEY}, {"auth_token": KEY, "api_key": None}):
        message = client(KEYED, **options).messages.create(model=MODEL, max_tokens=99, messages=user("hello there"))
        assert message.content[0].text
    error = raises(anthropic.AuthenticationError, client(KEYED, api_key="wrong").messages.create, model=MODEL, max_tokens=9, messages=user("hi"))
    assert error.body["error"]["type"] == "authentication_error"


def case_pinned_and_sticky():
    assert ask("@say x", model="helm/support/stepwise").model_extra["helm"]["strategy"] == "stepwise@1"
    seen, messages = set(), user("@say first")
    for turn in range(6):
        message = client().messages.create(model=MODEL, max_tokens=99, messages=messages, metadata={"user_id": "sticky-bob"})
        seen.add((message.model_extra["helm"]["strategy"], message.model_extra["helm"]["conversation_id"]))
        messages += [{"role": "assistant", "content": message.content}, *user(f"@say answer {turn}")]
    assert len(seen) == 1, seen


def case_feedback():
    id = ask("@say Fine.").model_extra["helm"]["decision_id"]
    assert http("POST", f"{SCRIPTED}/feedback", {"decision_id": id, "thumbs": "up"})[2]["applied"] == "fresh"


def case_count_tokens():
    def count(**options):
        return client().messages.count_tokens(**{"model": MODEL, "messages": user("How do I reset my router?"), **options}).input_tokens

    # A quarter of the bytes, rounded up.
    assert count() == 7
    assert count(system="Be brief.") == 10
    assert count(tools=[TOOL]) > count(tools=[WEATHER]) > 7
    call = {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1, "b": 2}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "It is three."}
    said = [*user("1 + 2?"), {"role": "assistant", "content": [call]}, *user([result])]
    assert count(messages=said, tools=[TOOL]) > count(messages=user("1 + 2?"), tools=[TOOL]) + 3
    shape = {"format": {"type": "json_schema", "schema": ADD}}
    assert count(output_config=shape) > count()
    error = raises(anthropic.NotFoundError, count, model="helm/unknown")
    assert error.body["error"]["type"] == "not_found_error"
    error = raises(anthropic.BadRequestError, count, messages=[{"role": "user", "content": []}])
    assert "messages[0].content" in error.body["error"]["message"]
    assert "tool_choice" in str(raises(anthropic.BadRequestError, count, tool_choice={"type": "any"}))


def case_models():
    ids = [model.id for model in client().models.list()]
    assert "helm/support" in ids and client().models.retrieve("helm/support").display_name == "helm/support"


def case_thinking_blocks_are_taken():
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "sig"}
    messages = [*user("hi"), {"role": "assistant", "content": [thinking, {"type": "text", "text": "Hello."}]}, *user("@say on")]
    assert client().messages.create(model=MODEL, max_tokens=9, messages=messages).content[0].text == "on"
