use helm_core::{Message, Sampling, TokenCount, ToolName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema::{Mismatch, Schema};

/// What a model is asked.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ChatRequest {
    /// The conversation, instructions first.
    pub messages: Vec<Message>,
    /// How to sample.
    pub sampling: Sampling,
    /// The most tokens the answer may have. Default: the provider's limit.
    pub max_output_tokens: Option<TokenCount>,
    /// What the model may call. Default: nothing.
    pub tools: Vec<Tool>,
    /// Whether it may or must. Default: as the provider does, which is to let the model choose.
    pub tool_choice: Option<ToolChoice>,
    /// Whether it may call several tools in one answer. Default: as the provider does, mostly yes.
    pub parallel_tool_calls: Option<bool>,
    /// The form that the answer must have. Default: free text.
    pub output: Option<OutputSchema>,
    /// Texts that end the answer and are not part of it. Default: none.
    pub stop: Vec<String>,
    /// Makes sampling repeatable as far as the provider can. Default: it is not.
    pub seed: Option<u64>,
    /// Of how many likely tokens at each place the probabilities are to be told, with
    /// [`Finish::tokens`](crate::Finish::tokens). A wish: only servers of OpenAI's chat completions can, and those that
    /// cannot may refuse the request. Default: of none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alternatives: Option<u8>,
}

impl ChatRequest {
    /// Continues these messages.
    #[must_use]
    pub fn new(messages: Vec<Message>) -> Self {
        Self { messages, ..Self::default() }
    }

    /// Says how to sample.
    #[must_use]
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Bounds the answer.
    #[must_use]
    pub fn with_max_output_tokens(mut self, tokens: TokenCount) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// Says what the model may call.
    #[must_use]
    pub fn with_tools(mut self, tools: Vec<Tool>) -> Self {
        self.tools = tools;
        self
    }

    /// Says whether it may or must.
    #[must_use]
    pub fn with_tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = Some(choice);
        self
    }

    /// Says whether it may call several tools in one answer.
    #[must_use]
    pub fn with_parallel_tool_calls(mut self, parallel: bool) -> Self {
        self.parallel_tool_calls = Some(parallel);
        self
    }

    /// Says which form the answer must have.
    #[must_use]
    pub fn with_output(mut self, output: OutputSchema) -> Self {
        self.output = Some(output);
        self
    }

    /// Ends the answer at these texts.
    #[must_use]
    pub fn with_stop(mut self, stop: Vec<String>) -> Self {
        self.stop = stop;
        self
    }

    /// Makes sampling repeatable as far as the provider can.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Asks for the probabilities of so many tokens at each place.
    #[must_use]
    pub fn with_alternatives(mut self, tokens: u8) -> Self {
        self.alternatives = Some(tokens);
        self
    }

    /// The tool of this name.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name.as_str() == name)
    }
}

/// Something that a model may call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tool {
    /// What it is called.
    pub name: ToolName,
    /// What it does and when to call it, for the model to read.
    pub description: String,
    /// What its arguments must look like.
    pub parameters: Schema,
    /// Whether the provider shall make the arguments fit, which it does for a part of JSON Schema only. They are
    /// checked here in any case. Default: no.
    #[serde(default)]
    pub strict: bool,
}

impl Tool {
    /// A tool whose arguments look like this.
    #[must_use]
    pub fn new(name: ToolName, description: impl Into<String>, parameters: Schema) -> Self {
        Self { name, description: description.into(), parameters, strict: false }
    }

    /// Has the provider make the arguments fit.
    #[must_use]
    pub fn with_strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }
}

/// Whether a model may or must call tools.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolChoice {
    /// It chooses.
    Auto,
    /// It must call none.
    None,
    /// It must call at least one.
    Required,
    /// It must call this one.
    Named(ToolName),
}

/// The form that an answer must have.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutputSchema {
    /// What the form is called, for providers that want a name.
    pub name: ToolName,
    /// The form.
    pub schema: Schema,
    /// Whether the provider shall hold to it strictly, which it does for a part of JSON Schema only. Default: yes.
    #[serde(default = "yes")]
    pub strict: bool,
}

fn yes() -> bool {
    true
}

impl OutputSchema {
    /// A form of this name.
    #[must_use]
    pub fn new(name: ToolName, schema: Schema) -> Self {
        Self { name, schema, strict: true }
    }

    /// Says whether the provider shall hold to it strictly.
    #[must_use]
    pub fn with_strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// The value in an answer's text.
    ///
    /// # Errors
    ///
    /// [`Mismatch`] when the text is not JSON, or has another form.
    pub fn parse(&self, text: &str) -> Result<Value, Mismatch> {
        self.schema.parse(text)
    }
}
