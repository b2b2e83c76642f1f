//! Tools, forms, callers that keep the conversation themselves, and models that take each other's place.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use helm_core::{
    Category, ConversationId, Limits, Message, NanoUsd, Part, Role, Sampling, Stage, Strategy, StrategyId,
    StrategyName, TenantId, TokenCount, ToolCall, ToolCallId, ToolResult, TurnStatus, Usage, UserId,
    Violation,
};
use helm_orchestrator::guardrails::GuardrailEngine;
use helm_orchestrator::llm::{
    AnswerPart, Breaker, BreakerPolicy, Capabilities, ChatRequest, ChatResponse, ErrorKind, Finish,
    FinishReason, FnTool, OutputSchema, RequestedCall, Schema, Scripted, ScriptedModel, Tool, ToolChoice,
    ToolContext, ToolFailure, ToolHandler,
};
use helm_orchestrator::{Helm, Task, TurnEvent, TurnRequest};
use serde_json::{Value, json};

fn model(name: &str, script: impl IntoIterator<Item = Scripted>) -> Arc<ScriptedModel> {
    Arc::new(ScriptedModel::new(name.parse().unwrap(), script))
}

fn strategy(name: &str, model: &str) -> Strategy {
    Strategy::new(StrategyId::new(StrategyName::new(name).unwrap(), 1), model.parse().unwrap())
}

/// An answer that says something and calls tools.
fn calls(text: &str, calls: &[(&str, Value)]) -> Scripted {
    let call = |(at, (name, arguments)): (usize, &(&str, Value))| {
        let call = ToolCall::new(ToolCallId::new(format!("call_{at}")), *name, arguments.to_string());
        AnswerPart::Call(RequestedCall::new(call))
    };
    let mut parts = vec![AnswerPart::Text(text.to_owned())];
    parts.extend(calls.iter().enumerate().map(call));
    let usage = Usage::reported(TokenCount::new(100), TokenCount::new(10));
    let finish =
        Finish::new(FinishReason::ToolCalls).with_usage(Some(usage)).with_cost(Some(NanoUsd::from_nanos(7)));
    Scripted::Respond(Box::new(ChatResponse::of_parts(parts, finish)))
}

fn says(text: &str) -> Scripted {
    let usage = Usage::reported(TokenCount::new(200), TokenCount::new(20));
    let finish =
        Finish::new(FinishReason::Stop).with_usage(Some(usage)).with_cost(Some(NanoUsd::from_nanos(5)));
    Scripted::Respond(Box::new(ChatResponse::new(text, finish)))
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Sum {
    a: i64,
    b: i64,
}

fn add() -> Arc<dyn ToolHandler> {
    let add = async |sum: Sum, _: ToolContext| match sum.a {
        13 => Err(ToolFailure::new("13 is unlucky")),
        14 => panic!("on purpose"),
        a => Ok(a + sum.b),
    };
    Arc::new(FnTool::new("add", "Adds two numbers.", add).unwrap())
}

fn own_tool(name: &str) -> Tool {
    Tool::new(name.parse().unwrap(), "Does something.", Schema::new(json!({ "type": "object" })).unwrap())
}

async fn with_tools(
    limits: Limits,
    script: impl IntoIterator<Item = Scripted>,
) -> (Helm, Arc<ScriptedModel>) {
    let scripted = model("main", script);
    let task = Task::new("support").unwrap().with_strategy(strategy("plain", "main").with_limits(limits));
    let helm =
        Helm::builder().model(Arc::clone(&scripted) as _).task(task.with_tool(add())).build().await.unwrap();
    (helm, scripted)
}

fn ask(message: &str) -> TurnRequest {
    TurnRequest::new("ana", "support", message).unwrap()
}

fn said(role: Role, text: &str) -> Message {
    Message::text(role, text)
}

fn results(request: &ChatRequest) -> Vec<ToolResult> {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    parts
        .filter_map(|part| if let Part::ToolResult(result) = part { Some(result.clone()) } else { None })
        .collect()
}

#[tokio::test]
async fn tools_are_called_and_the_model_goes_on_with_what_they_say() {
    let script = [calls("Let me add.", &[("add", json!({ "a": 2, "b": 3 }))]), says("It is 5.")];
    let (helm, scripted) = with_tools(Limits::default(), script).await;
    let conversation = ConversationId::new("c").unwrap();
    let turn = helm.turn(ask("What is 2 + 3?").with_conversation(conversation.clone())).await.unwrap();
    assert_eq!(
        (turn.status, turn.answer.as_deref()),
        (TurnStatus::Completed, Some("Let me add.\n\nIt is 5."))
    );
    assert_eq!((turn.usage.input.get(), turn.usage.output.get()), (300, 30), "both rounds are counted");
    assert_eq!(turn.cost, Some(NanoUsd::from_nanos(12)));
    let requests = scripted.requests();
    assert_eq!(requests[0].tools.len(), 1);
    assert_eq!(results(&requests[1]), [ToolResult::new(ToolCallId::new("call_0"), "5")]);
    let stored = helm.conversation(&UserId::new("ana").unwrap(), &conversation, 10).await.unwrap();
    let roles: Vec<_> = stored.iter().map(|stored| stored.message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Assistant]);
    assert_eq!(stored[1].message.joined_text(), "", "what was said stands in the answer");
}

#[tokio::test]
async fn a_streamed_turn_says_the_same() {
    let script = || [calls("Let me add.", &[("add", json!({ "a": 2, "b": 3 }))]), says("It is 5.")];
    let (helm, _) = with_tools(Limits::default(), script()).await;
    let mut stream = helm.turn_stream(ask("What is 2 + 3?")).unwrap();
    let mut text = String::new();
    while let Some(event) = stream.next_event().await {
        if let TurnEvent::Delta(more) = event.unwrap() {
            text.push_str(&more);
        }
    }
    assert_eq!(text, "Let me add.\n\nIt is 5.");
}

#[tokio::test]
async fn what_goes_wrong_with_a_tool_is_told_to_the_model() {
    let wrong = [
        ("add", json!({ "a": "two" })),
        ("add", json!({ "a": 13, "b": 1 })),
        ("add", json!({ "a": 14, "b": 1 })),
        ("divide", json!({})),
    ];
    let (helm, scripted) = with_tools(Limits::default(), [calls("", &wrong), says("I cannot.")]).await;
    assert_eq!(helm.turn(ask("Add.")).await.unwrap().answer.as_deref(), Some("I cannot."));
    let told = results(&scripted.requests()[1]);
    assert!(told.iter().all(|result| result.is_error), "{told:?}");
    for (result, part) in told.iter().zip(["do not fit", "unlucky", "the tool failed", "no tool"]) {
        assert!(result.content.contains(part), "{result:?}");
    }
    assert!(!told[2].content.contains("on purpose"), "what panicked is for the log");
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Letter {
    text: String,
}

/// A task whose tool keeps what it is given and says a secret, under these guardrails.
async fn with_letters(guardrails: &str, script: impl IntoIterator<Item = Scripted>) -> Letters {
    let (sent, model) = (Arc::new(Mutex::new(Vec::new())), model("main", script));
    let kept = Arc::clone(&sent);
    let send = move |letter: Letter, _: ToolContext| {
        kept.lock().unwrap().push(letter.text);
        std::future::ready(Ok("sent, as bob@example.com saw".to_owned()))
    };
    let tool = Arc::new(FnTool::new("send", "Sends a letter.", send).unwrap());
    let guards = GuardrailEngine::from_config(&toml::from_str(guardrails).unwrap()).unwrap();
    let task = Task::new("support").unwrap().with_strategy(strategy("plain", "main"));
    let task = task.with_tool(tool).with_guardrails(guards);
    let helm = Helm::builder().model(Arc::clone(&model) as _).task(task).build().await.unwrap();
    Letters { helm, model, sent }
}

struct Letters {
    helm: Helm,
    model: Arc<ScriptedModel>,
    sent: Arc<Mutex<Vec<String>>>,
}

fn stages(violations: &[Violation]) -> Vec<Stage> {
    violations.iter().map(|violation| violation.stage).collect()
}

#[tokio::test]
async fn the_guards_look_at_the_calls_of_tools_and_at_their_results() {
    let letters = ["to ana@example.com", "to nobody"].map(|text| ("send", json!({ "text": text })));
    let script = || [calls("", &letters), says("Done.")];
    let guards = "tool_call = { pii = \"block\" }\ntool_result = { pii = \"redact\" }";
    let Letters { helm, model, sent } = with_letters(guards, script()).await;
    let turn = helm.turn(ask("Send them.")).await.unwrap();
    assert_eq!((turn.status, turn.answer.as_deref()), (TurnStatus::Completed, Some("Done.")));
    assert_eq!(*sent.lock().unwrap(), ["to nobody"], "what is refused is not called");
    let told = results(&model.requests()[1]);
    assert!(told[0].is_error && told[0].content.contains("refused the arguments"), "{told:?}");
    assert!(!told[1].is_error && told[1].content == "sent, as [EMAIL] saw", "{told:?}");
    assert_eq!(stages(&turn.violations), [Stage::ToolCall, Stage::ToolResult]);
    let stored = helm.explain(turn.decision_id).await.unwrap().turn.outcome.unwrap();
    assert_eq!(stages(&stored.violations), [Stage::ToolCall, Stage::ToolResult], "and it is on record");

    let guards = "tool_call = { pii = \"redact\" }\ntool_result = { pii = \"block\" }";
    let Letters { helm, model, sent } = with_letters(guards, script()).await;
    helm.turn(ask("Send them.")).await.unwrap();
    assert_eq!(*sent.lock().unwrap(), ["to [EMAIL]", "to nobody"]);
    let told = results(&model.requests()[1]);
    assert!(told.iter().all(|result| result.is_error && !result.content.contains('@')), "{told:?}");
}

#[tokio::test]
async fn the_guards_look_at_calls_that_are_the_callers() {
    let chat = ChatRequest::new(vec![said(Role::User, "Write to Ana.")]).with_tools(vec![own_tool("write")]);
    let script = || [calls("", &[("write", json!({ "to": "ana@example.com" }))])];
    let request = || TurnRequest::of_chat("ana", "support", chat.clone()).unwrap();
    let refusing = with_letters("tool_call = { pii = \"block\" }", script()).await;
    let turn = refusing.helm.turn(request()).await.unwrap();
    assert_eq!((turn.status, turn.calls.len()), (TurnStatus::Blocked, 0));
    assert_eq!(stages(&turn.violations), [Stage::ToolCall]);
    let masking = with_letters("tool_call = { pii = \"redact\" }", script()).await;
    let turn = masking.helm.turn(request()).await.unwrap();
    assert_eq!(turn.status, TurnStatus::Completed);
    assert_eq!(turn.calls[0].arguments, r#"{"to":"[EMAIL]"}"#);
}

#[tokio::test]
async fn rounds_and_money_are_bounded() {
    let again = || [calls("Once more.", &[("add", json!({ "a": 1, "b": 1 }))])];
    let (helm, scripted) = with_tools(Limits::default().with_tool_turns(2), again()).await;
    let turn = helm.turn(ask("Add for ever.")).await.unwrap();
    assert_eq!((turn.status, scripted.requests().len()), (TurnStatus::ToolLimit, 3));
    let dear = Limits::default().with_cost(NanoUsd::from_nanos(14));
    let (helm, scripted) = with_tools(dear, again()).await;
    assert_eq!(helm.turn(ask("Add for ever.")).await.unwrap().status, TurnStatus::ToolLimit);
    assert_eq!(scripted.requests().len(), 2, "after 14 billionths no more tools are called");
}

#[tokio::test]
async fn the_callers_own_tools_are_the_callers_to_call() {
    let mixed = [("weather", json!({})), ("add", json!({ "a": 1, "b": 1 }))];
    let (helm, scripted) =
        with_tools(Limits::default(), [calls("One moment.", &mixed), says("Sunny.")]).await;
    let mut chat = ChatRequest::new(vec![said(Role::User, "How is the weather?")]);
    chat = chat.with_tools(vec![own_tool("weather")]);
    let request = |chat| TurnRequest::of_chat("ana", "support", chat).unwrap();
    let mut events = Vec::new();
    let mut stream = helm.turn_stream(request(chat.clone())).unwrap();
    while let Some(event) = stream.next_event().await {
        events.push(event.unwrap());
    }
    assert!(matches!(&events[events.len() - 2], TurnEvent::Call(call) if call.name == "weather"));
    let Some(TurnEvent::Ended(first)) = events.pop() else { panic!("the turn has no end") };
    assert_eq!((first.status, first.finish), (TurnStatus::Completed, Some(FinishReason::ToolCalls)));
    assert_eq!(first.calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["weather"]);
    assert!(first.scores.is_empty() && first.reward.is_none(), "half an answer is not judged");
    chat.messages.push(Message::new(Role::Assistant, vec![Part::ToolCall(first.calls[0].clone())]));
    chat.messages.push(Message::tool_results([ToolResult::new(first.calls[0].id.clone(), "sunny")]));
    let second = helm.turn(request(chat)).await.unwrap();
    assert_eq!(second.answer.as_deref(), Some("Sunny."));
    assert!(second.reward.is_some());
    assert_eq!(results(&scripted.requests()[1])[0].content, "sunny");
}

#[tokio::test]
async fn a_caller_that_keeps_the_conversation_has_its_words_and_knobs() {
    let scripted = model("main", [says("Yes.")]);
    let mut plain =
        strategy("plain", "main").with_system("Be brief.").with_max_output_tokens(TokenCount::new(50));
    plain.sampling.effort = Some("low".to_owned());
    let task = Task::new("support").unwrap().with_strategy(plain);
    let helm = Helm::builder().model(Arc::clone(&scripted) as _).task(task).build().await.unwrap();
    let mut chat = ChatRequest::new(vec![
        said(Role::System, "You are a pirate."),
        said(Role::User, "My mail is ana@example.com"),
        said(Role::Assistant, "Arr."),
        said(Role::User, "Is it bob@example.com?"),
    ]);
    chat.sampling = Sampling { temperature: Some(0.5), top_p: None, effort: Some("high".to_owned()) };
    chat = chat.with_max_output_tokens(TokenCount::new(99)).with_stop(vec!["END".to_owned()]).with_seed(7);
    let turn = helm.turn(TurnRequest::of_chat("ana", "support", chat).unwrap()).await.unwrap();
    assert_eq!(turn.answer.as_deref(), Some("Yes."));
    assert_eq!(turn.violations.len(), 1, "what was said before is not counted again");
    let asked = &scripted.requests()[0];
    let words: Vec<_> = asked.messages.iter().map(Message::joined_text).collect();
    assert_eq!(words[..2], ["Be brief.".to_owned(), "You are a pirate.".to_owned()]);
    assert!(words.iter().all(|words| !words.contains('@')), "{words:?}");
    assert_eq!((asked.sampling.temperature, asked.sampling.effort.as_deref()), (Some(0.5), Some("low")));
    assert_eq!(
        (asked.max_output_tokens, asked.seed, asked.stop.len()),
        (Some(TokenCount::new(50)), Some(7), 1)
    );
}

#[tokio::test]
async fn how_to_sample_is_a_wish() {
    let task = Task::new("support").unwrap().strategy("plain", "Be brief.").unwrap();
    let helm = Helm::builder().task(task).build().await.unwrap();
    let mut chat = ChatRequest::new(vec![said(Role::User, "How do I reset my password?")]).with_seed(7);
    chat.sampling = Sampling { temperature: Some(0.2), top_p: Some(0.9), effort: Some("low".to_owned()) };
    let turn = helm.turn(TurnRequest::of_chat("ana", "support", chat.clone()).unwrap()).await.unwrap();
    assert_eq!(turn.status, TurnStatus::Completed, "the built-in model has no such knobs");
    let stopped = chat.with_stop(vec!["END".to_owned()]);
    assert!(helm.turn(TurnRequest::of_chat("ana", "support", stopped).unwrap()).await.is_err());
}

#[tokio::test]
async fn what_nobody_can_do_is_refused_before_anything_is_begun() {
    let mut unable = Capabilities::default();
    unable.tools = false;
    let poor = ScriptedModel::new("poor".parse().unwrap(), [says("Poor.")]).with_capabilities(unable);
    let task = Task::new("support").unwrap();
    let task = task.with_strategy(strategy("poor", "poor")).with_strategy(strategy("rich", "rich"));
    let builder = Helm::builder().model(Arc::new(poor)).model(model("rich", [says("Rich.")]));
    let helm = builder.task(task).build().await.unwrap();
    let chat = ChatRequest::new(vec![said(Role::User, "Hi")]).with_tools(vec![own_tool("weather")]);
    for _ in 0..20 {
        let turn = helm.turn(TurnRequest::of_chat("ana", "support", chat.clone()).unwrap()).await.unwrap();
        assert_eq!(turn.answer.as_deref(), Some("Rich."));
    }
    let pinned =
        TurnRequest::of_chat("ana", "support", chat.clone()).unwrap().with_strategy("poor".parse().unwrap());
    let error = helm.turn(pinned).await.unwrap_err();
    assert!(error.report().contains("calls no tools"), "{}", error.report());
    let absent = chat.with_tool_choice(ToolChoice::Named("other".parse().unwrap()));
    assert!(helm.turn(TurnRequest::of_chat("ana", "support", absent).unwrap()).await.is_err());
    assert!(TurnRequest::of_chat("ana", "support", ChatRequest::default()).is_err(), "nobody asks anything");
}

#[tokio::test]
async fn another_model_answers_before_the_first_word_and_teaches_nothing() {
    let task = || {
        let task = Task::new("support").unwrap();
        task.with_strategy(strategy("first", "first")).with_fallback(StrategyName::new("second").unwrap())
    };
    let both = |first: Scripted| async {
        let models = [model("first", [first]), model("second", [says("Hello from the second.")])];
        let task = task().with_strategy(strategy("second", "second"));
        let builder = Helm::builder().model(Arc::clone(&models[0]) as _).model(Arc::clone(&models[1]) as _);
        (builder.task(task).build().await.unwrap(), models)
    };
    // The policy draws either; only draws of the first fall back.
    let draw_first = async |helm: &Helm| {
        for _ in 0..200 {
            let mut stream = helm.turn_stream(ask("Hello")).unwrap();
            let mut end = None;
            while let Some(event) = stream.next_event().await {
                if let TurnEvent::Ended(turn) = event.unwrap() {
                    end = Some(*turn);
                }
            }
            let turn = end.unwrap();
            if turn.strategy.as_ref().unwrap().name().as_str() == "first" {
                return turn;
            }
        }
        panic!("the first was never drawn")
    };
    for kind in [ErrorKind::Server, ErrorKind::Auth, ErrorKind::RateLimited] {
        let (helm, _) = both(Scripted::Fail(kind)).await;
        let turn = draw_first(&helm).await;
        assert_eq!(
            (turn.status, turn.answer.as_deref()),
            (TurnStatus::Completed, Some("Hello from the second."))
        );
        let stored = helm.explain(turn.decision_id).await.unwrap().turn;
        assert_eq!(stored.outcome.unwrap().served.unwrap().name().as_str(), "second");
        let report = helm.report(&"support".parse().unwrap()).await.unwrap();
        let first = report.strategies.iter().find(|row| row.strategy.name().as_str() == "first").unwrap();
        assert_eq!(first.reward.count, 0, "what another said is no evidence");
    }
    for failure in [
        Scripted::Fail(ErrorKind::BadRequest),
        Scripted::Cut("Once upon a time there was a model that ".repeat(20), ErrorKind::Truncated),
    ] {
        let (helm, models) = both(failure).await;
        assert_eq!(draw_first(&helm).await.status, TurnStatus::UpstreamError);
        let pinned = ask("Hello").with_strategy("first".parse().unwrap());
        assert_eq!(helm.turn(pinned).await.unwrap().status, TurnStatus::UpstreamError);
        drop(models);
    }
}

#[tokio::test]
async fn a_model_that_is_rested_is_not_chosen() {
    let mut policy = BreakerPolicy::default();
    policy.least = 1;
    let failing = ScriptedModel::new("first".parse().unwrap(), [Scripted::Fail(ErrorKind::Server)]);
    let task = Task::new("support").unwrap();
    let task = task.with_strategy(strategy("first", "first")).with_strategy(strategy("second", "second"));
    let builder = Helm::builder().model(Arc::new(Breaker::new(failing, policy)));
    let helm = builder.model(model("second", [says("Hello.")])).task(task).build().await.unwrap();
    let pinned = ask("Hello").with_strategy("first".parse().unwrap());
    assert_eq!(helm.turn(pinned).await.unwrap().status, TurnStatus::UpstreamError);
    for _ in 0..50 {
        let turn = helm.turn(ask("Hello")).await.unwrap();
        assert_eq!(turn.strategy.as_ref().unwrap().name().as_str(), "second");
    }
    let turn = helm.turn(ask("Hello")).await.unwrap();
    let decision = helm.explain(turn.decision_id).await.unwrap().turn.decision.unwrap();
    assert_eq!(decision.excluded[0].reason, helm_core::ExclusionReason::BreakerOpen);
}

#[tokio::test]
async fn an_answer_of_a_form_is_a_value_or_a_mismatch() {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] });
    let form = || OutputSchema::new("number".parse().unwrap(), Schema::new(schema.clone()).unwrap());
    for (text, value) in [(r#"{"n":5}"#, Some(json!({ "n": 5 }))), (r#"{"m":5}"#, None), ("five", None)] {
        let task = Task::new("support").unwrap().with_strategy(strategy("plain", "main"));
        let helm = Helm::builder().model(model("main", [says(text)])).task(task).build().await.unwrap();
        let turn = helm.turn(ask("What is 2 + 3?").with_output(form())).await.unwrap();
        assert_eq!(turn.status, TurnStatus::Completed);
        let misformed = turn.violations.iter().any(|violation| violation.category == Category::Schema);
        assert_eq!((turn.value.unwrap().ok(), misformed), (value.clone(), value.is_none()), "{text}");
        assert_eq!(turn.answer.as_deref(), Some(text), "what the model wrote is shown all the same");
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_the_call_or_lets_it_drain() {
    let words = "A long answer of many words. ".repeat(10);
    for (drain, known) in [(Duration::ZERO, false), (Duration::from_secs(5), true)] {
        let slow = Scripted::Slow(Duration::from_millis(300), words.clone());
        let scripted = model("main", [slow]);
        let limits = Limits::default().with_drain(drain);
        let task = Task::new("support").unwrap().with_strategy(strategy("plain", "main").with_limits(limits));
        let helm = Helm::builder().model(scripted as _).task(task).build().await.unwrap();
        let stream = helm.turn_stream(ask("Tell me a story.")).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(stream);
        tokio::time::sleep(Duration::from_millis(700)).await;
        let user = UserId::new("ana").unwrap();
        let page = helm_orchestrator::store::LogQuery::default().with_user(user);
        let logged = helm.store().log().scan(&TenantId::single(), &page, None, 10).await.unwrap();
        let outcome = logged.items[0].outcome.clone().unwrap();
        assert_eq!(outcome.status, TurnStatus::Cancelled);
        assert_eq!(!outcome.usage.estimated, known, "{drain:?}: {:?}", outcome.usage);
    }
}

#[tokio::test]
async fn the_same_question_is_asked_once() {
    let scripted = model("main", [Scripted::Slow(Duration::from_millis(50), "It is five.".to_owned())]);
    let keeping = strategy("plain", "main").with_cache(Duration::from_secs(60));
    let task = Task::new("support").unwrap().with_strategy(keeping);
    let helm = Helm::builder().model(Arc::clone(&scripted) as _).task(task).build().await.unwrap();
    let whole = || helm.turn(ask("What is 2 + 3?"));
    let streamed = || async { helm.turn_stream(ask("What is 2 + 3?")).unwrap().into_response().await };
    let (a, b, c) = tokio::join!(whole(), streamed(), whole());
    let d = streamed().await;
    for turn in [a, b, c, d] {
        assert_eq!(turn.unwrap().answer.as_deref(), Some("It is five."));
    }
    assert_eq!(scripted.requests().len(), 1);
    assert_eq!(whole().await.unwrap().cost, Some(NanoUsd::from_nanos(0)));
    helm.turn(ask("What is 2 + 4?")).await.unwrap();
    let other = helm.for_tenant("other".parse().unwrap());
    other.turn(ask("What is 2 + 3?")).await.unwrap();
    assert_eq!(scripted.requests().len(), 3, "another question, and another tenant's");
}

#[tokio::test]
async fn failures_and_broken_answers_are_not_kept() {
    let script = [Scripted::Cut("Once upon".to_owned(), ErrorKind::Truncated), says("Hello.")];
    let scripted = model("main", script);
    let keeping = strategy("plain", "main").with_cache(Duration::from_secs(60));
    let task = Task::new("support").unwrap().with_strategy(keeping);
    let helm = Helm::builder().model(Arc::clone(&scripted) as _).task(task).build().await.unwrap();
    let failed = helm.turn_stream(ask("Hello")).unwrap().into_response().await.unwrap();
    assert_eq!(failed.status, TurnStatus::UpstreamError);
    assert_eq!(helm.turn(ask("Hello")).await.unwrap().answer.as_deref(), Some("Hello."));
}

#[tokio::test]
async fn a_paused_answer_goes_on_and_every_call_has_an_id_of_its_own() {
    let finish = Finish::new(FinishReason::Paused);
    let paused = Scripted::Respond(Box::new(ChatResponse::new("Thinking.", finish)));
    let again = || calls("", &[("add", json!({ "a": 1, "b": 1 }))]);
    let (helm, scripted) = with_tools(Limits::default(), [paused, again(), again(), says("Done.")]).await;
    assert_eq!(helm.turn(ask("Add twice.")).await.unwrap().status, TurnStatus::Completed);
    let last = scripted.requests().pop().unwrap();
    let ids: Vec<_> = results(&last).into_iter().map(|result| result.id.to_string()).collect();
    assert_eq!(ids, ["call_0", "call_0_2"]);
    assert!(last.messages.iter().any(|message| message.joined_text() == "Thinking."));
}
