//! One question to a model, asked again once when it is not answered.

use std::time::Duration;

use helm_core::{Message, NanoUsd, Role, Sampling, TokenCount, Usage};
use helm_llm::{Call, ChatModel, ChatRequest, ChatResponse, FinishReason, OutputSchema, Schema};
use serde_json::Value;
use tokio::time::Instant;

use super::Judged;
use super::capped::affordable;
use super::judging::sum;
use super::prompt::Prompt;
use crate::error::{Error, Result};

/// How a judge asks, and what that may cost.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct JudgeOptions {
    /// How long a judgement may take, the second try included. Default: 30 s.
    pub timeout: Duration,
    /// The most tokens of an answer, reasoning included. Default: 400.
    pub max_output_tokens: TokenCount,
    /// The most that one judgement may cost, the second try included; more is not asked for, and so is nothing of a model
    /// whose prices are not known. Default: one cent.
    pub max_cost: Option<NanoUsd>,
    /// The most bytes that are sent; longer exchanges are not judged. Default: 64 KiB.
    pub max_bytes: usize,
    /// Whether to ask for the probabilities of tokens; some servers refuse that. Default: no.
    pub log_probabilities: bool,
}

impl Default for JudgeOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            max_output_tokens: TokenCount::new(400),
            max_cost: Some(NanoUsd::from_nanos(10_000_000)),
            max_bytes: 64 << 10,
            log_probabilities: false,
        }
    }
}

impl JudgeOptions {
    /// Sets how long a judgement may take.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the most tokens of an answer.
    #[must_use]
    pub const fn with_max_output_tokens(mut self, tokens: TokenCount) -> Self {
        self.max_output_tokens = tokens;
        self
    }

    /// Sets the most that one judgement may cost; `None` for no bound.
    #[must_use]
    pub const fn with_max_cost(mut self, most: Option<NanoUsd>) -> Self {
        self.max_cost = most;
        self
    }

    /// Sets the most bytes that are sent.
    #[must_use]
    pub const fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Asks for the probabilities of tokens.
    #[must_use]
    pub const fn with_log_probabilities(mut self) -> Self {
        self.log_probabilities = true;
        self
    }

    /// What a verdict depends on.
    pub(super) fn identity(&self) -> String {
        format!("{}/{}", self.max_output_tokens, self.log_probabilities)
    }
}

/// How often a question is put at most.
const TRIES: u64 = 2;
/// What the second try adds to what is sent: the first answer, and what is wrong with it.
const REPAIR_BYTES: u64 = 512;
/// How many likely tokens are asked for.
const ALTERNATIVES: u8 = 10;

/// A question whose answer has a form.
pub(super) struct Question<'a> {
    pub(super) model: &'a dyn ChatModel,
    pub(super) options: JudgeOptions,
    pub(super) prompt: Prompt,
    /// What the form is called, and which it is.
    pub(super) form: OutputSchema,
}

/// An answer that was read, or why there is none, and what that cost.
pub(super) struct Asked<T> {
    pub(super) read: Result<(T, ChatResponse), String>,
    pub(super) cost: Option<NanoUsd>,
    pub(super) calls: u32,
}

impl<T> Asked<T> {
    /// A verdict on what was read.
    pub(super) fn judged(self, verdict: impl FnOnce(T, &ChatResponse) -> Judged) -> Judged {
        let judged = match self.read {
            Ok((read, response)) => verdict(read, &response),
            Err(why) => Judged::failed(why),
        };
        Judged { cost: self.cost, calls: self.calls, ..judged }
    }
}

impl Question<'_> {
    /// The most that all tries can cost.
    pub(super) fn most(&self) -> Option<NanoUsd> {
        let (bytes, output) = (self.prompt.bytes() as u64, self.output_limit().get());
        // Roles and form are tokens too.
        let form = self.form.schema.value().to_string().len() as u64 + 64;
        let once =
            |input: u64| self.model.price(Usage::reported(TokenCount::new(input), TokenCount::new(output)));
        // What was answered first is sent along the second time.
        (1..TRIES).try_fold(once(bytes + form)?, |all, _| {
            sum(Some(all), once(bytes + form + output + REPAIR_BYTES))
        })
    }

    /// Asks; reads the answer by `read`, and asks once more when that fails.
    pub(super) async fn ask<T>(
        &self,
        call: &Call,
        read: impl Fn(&str) -> Result<T, String> + Send,
    ) -> Asked<T> {
        let mut asked = Asked { read: Err(String::new()), cost: Some(NanoUsd::from_nanos(0)), calls: 0 };
        if let Err(why) = self.affordable() {
            asked.read = Err(why);
            return asked;
        }
        let own = Instant::now() + self.options.timeout;
        let deadline = call.deadline.map_or(own, |deadline| deadline.min(own));
        let call = call.clone().with_deadline(deadline);
        let mut messages = self.prompt.messages.clone();
        for _ in 0..TRIES {
            let (response, why) = match self.once(&messages, &call, deadline, &mut asked).await {
                Ok(response) => match read(&response.text()) {
                    Ok(verdict) => {
                        asked.read = Ok((verdict, response));
                        return asked;
                    }
                    Err(why) => (response, why),
                },
                Err(why) => {
                    asked.read = Err(why);
                    return asked;
                }
            };
            asked.read = Err(format!("the judge said no verdict: {why}"));
            messages.extend([response.to_message(), repair(&why)]);
        }
        asked
    }

    async fn once<T>(
        &self,
        messages: &[Message],
        call: &Call,
        deadline: Instant,
        asked: &mut Asked<T>,
    ) -> Result<ChatResponse, String> {
        let mut request = ChatRequest::new(messages.to_vec()).with_max_output_tokens(self.output_limit());
        let can = self.model.capabilities();
        if can.sampling {
            request = request.with_sampling(Sampling { temperature: Some(0.0), ..Sampling::default() });
        }
        if can.structured_output {
            request = request.with_output(self.form.clone());
        }
        if self.options.log_probabilities {
            request = request.with_alternatives(ALTERNATIVES);
        }
        asked.calls += 1;
        let answered = tokio::time::timeout_at(deadline, self.model.generate(&request, call)).await;
        let response = match answered {
            Ok(Ok(response)) => response,
            // What a call that failed has cost nobody tells.
            Ok(Err(error)) => {
                asked.cost = None;
                return Err(unanswered(&error));
            }
            Err(_) => {
                asked.cost = None;
                return Err("the judge did not answer in time".to_owned());
            }
        };
        asked.cost = sum(asked.cost, response.finish.cost);
        match response.finish.reason {
            FinishReason::Refusal | FinishReason::ContentFilter => Err("the judge refused".to_owned()),
            _ if response.refusal().is_some() => Err("the judge refused".to_owned()),
            _ => Ok(response),
        }
    }

    fn output_limit(&self) -> TokenCount {
        let limit = self.options.max_output_tokens;
        self.model.capabilities().max_output_tokens.map_or(limit, |most| most.min(limit))
    }

    /// Whether it may be asked at all.
    fn affordable(&self) -> Result<(), String> {
        let bytes = self.prompt.bytes();
        if bytes > self.options.max_bytes {
            return Err(format!(
                "{bytes} bytes are more than the {} that are judged",
                self.options.max_bytes
            ));
        }
        self.options.max_cost.map_or(Ok(()), |most| affordable(self.most(), most))
    }
}

/// Why there is no answer, in words of our own: those of a provider may repeat what was to be judged.
fn unanswered(error: &helm_llm::Error) -> String {
    match error.rested_after() {
        Some(kind) => format!("the judge was not asked: it is being rested after {}: {kind}", kind.as_str()),
        None => format!("the judge did not answer: {}", error.kind().as_str()),
    }
}

/// What the judge is told after an answer that is no verdict. What was wrong is in words of our own or of the JSON reader.
fn repair(why: &str) -> Message {
    let why: String = why.chars().take(200).collect();
    Message::text(Role::User, format!("That is no verdict: {why}. Answer again with the JSON object alone."))
}

/// A form of an answer.
pub(super) fn form(name: &str, schema: Value) -> Result<OutputSchema> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| Error::Evaluator(error);
    let schema = Schema::new(schema).map_err(|error| failed(Box::new(error)))?;
    Ok(OutputSchema::new(name.parse()?, schema))
}
