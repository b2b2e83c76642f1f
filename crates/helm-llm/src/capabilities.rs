use helm_core::{Image, Part, Sampling, TokenCount};

use crate::request::{ChatRequest, ToolChoice};

/// What a model can do. A strategy that asks for more is a mistake that is found when it is configured.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether it can answer piece by piece. Default: yes.
    pub streaming: bool,
    /// Whether `temperature` and `top_p` may be set. Default: yes.
    pub sampling: bool,
    /// The highest `temperature`. Default: 2.
    pub max_temperature: f64,
    /// Whether `effort` may be set. Default: yes.
    pub effort: bool,
    /// Whether it can be given tools. Default: yes.
    pub tools: bool,
    /// Whether it can be told to call some tool, or a certain one. Default: yes.
    pub tool_choice: bool,
    /// Whether it may call several tools in one answer. Default: yes.
    pub parallel_tool_calls: bool,
    /// Whether its answer can be held to a JSON Schema. Default: yes.
    pub structured_output: bool,
    /// Whether it can read pictures that are sent along. Default: yes.
    pub images: bool,
    /// Whether it fetches pictures by their address. Default: yes.
    pub image_urls: bool,
    /// Whether texts to stop at may be set. Default: yes.
    pub stop: bool,
    /// Whether a seed may be set. Default: yes.
    pub seed: bool,
    /// The most tokens it can answer with. Default: unknown.
    pub max_output_tokens: Option<TokenCount>,
    /// Whether its answers are made up for demonstration. Default: no.
    pub simulated: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            streaming: true,
            sampling: true,
            max_temperature: 2.0,
            effort: true,
            tools: true,
            tool_choice: true,
            parallel_tool_calls: true,
            structured_output: true,
            images: true,
            image_urls: true,
            stop: true,
            seed: true,
            max_output_tokens: None,
            simulated: false,
        }
    }
}

/// A knob that a model has not, or a setting that no model has.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{knob} = {value} is not accepted: {accepted}")]
pub struct Unsupported {
    /// Which knob.
    pub knob: &'static str,
    /// What was asked for.
    pub value: String,
    /// What is accepted.
    pub accepted: String,
}

impl Unsupported {
    pub(crate) fn new(knob: &'static str, value: impl Into<String>, accepted: impl Into<String>) -> Self {
        Self { knob, value: value.into(), accepted: accepted.into() }
    }
}

fn refuse(knob: &'static str, value: impl Into<String>, accepted: &str) -> Result<(), Unsupported> {
    Err(Unsupported::new(knob, value, accepted))
}

impl Capabilities {
    /// Checks the knobs of a strategy.
    ///
    /// # Errors
    ///
    /// The first knob that this model does not accept.
    pub fn check(
        &self,
        sampling: &Sampling,
        max_output_tokens: Option<TokenCount>,
    ) -> Result<(), Unsupported> {
        for (knob, value, high) in
            [("temperature", sampling.temperature, self.max_temperature), ("top_p", sampling.top_p, 1.0)]
        {
            let Some(value) = value else { continue };
            if !self.sampling {
                return refuse(knob, value.to_string(), "this model has no sampling knobs; leave it out");
            }
            if !(0.0..=high).contains(&value) {
                return refuse(knob, value.to_string(), &format!("write a number from 0 to {high}"));
            }
        }
        if let (Some(effort), false) = (&sampling.effort, self.effort) {
            return refuse("effort", effort, "this model has no effort knob; leave it out");
        }
        match (max_output_tokens.map(TokenCount::get), self.max_output_tokens.map(TokenCount::get)) {
            (Some(0), _) => refuse("max_output_tokens", "0", "write at least 1"),
            (Some(asked), Some(most)) if asked > most => refuse(
                "max_output_tokens",
                asked.to_string(),
                &format!("this model answers with at most {most}"),
            ),
            _ => Ok(()),
        }
    }

    /// Checks a whole request.
    ///
    /// # Errors
    ///
    /// The first thing that this model does not accept, or that contradicts itself.
    pub fn check_request(&self, request: &ChatRequest) -> Result<(), Unsupported> {
        self.check(&request.sampling, request.max_output_tokens)?;
        self.check_tools(request)?;
        let stops = request.stop.iter().find(|_| !self.stop);
        if let Some(stop) = stops {
            return refuse("stop", format!("{stop:?}"), "this model cannot be told where to stop");
        }
        if let (Some(seed), false) = (request.seed, self.seed) {
            return refuse("seed", seed.to_string(), "this model has no seed; leave it out");
        }
        if let (Some(output), false) = (&request.output, self.structured_output) {
            let accepted = "this model cannot be held to a form; leave it out";
            return refuse("output", output.name.as_str(), accepted);
        }
        self.check_images(request)
    }

    fn check_tools(&self, request: &ChatRequest) -> Result<(), Unsupported> {
        let tools = &request.tools;
        if let (Some(tool), false) = (tools.first(), self.tools) {
            return refuse("tools", tool.name.as_str(), "this model calls no tools; leave them out");
        }
        let twice =
            tools.iter().enumerate().find(|(at, tool)| tools.iter().take(*at).any(|t| t.name == tool.name));
        if let Some((_, tool)) = twice {
            return refuse("tools", tool.name.as_str(), "each tool needs a name of its own");
        }
        if let (Some(true), false) = (request.parallel_tool_calls, self.parallel_tool_calls) {
            return refuse(
                "parallel_tool_calls",
                "true",
                "this model calls one tool at a time; leave it out",
            );
        }
        match &request.tool_choice {
            Some(ToolChoice::Required) if tools.is_empty() => {
                refuse("tool_choice", "required", "there are no tools to choose from")
            }
            Some(ToolChoice::Named(name)) if request.tool(name.as_str()).is_none() => {
                refuse("tool_choice", name.as_str(), "there is no tool of this name")
            }
            Some(ToolChoice::Required | ToolChoice::Named(_)) if !self.tool_choice => refuse(
                "tool_choice",
                "required",
                "this model itself chooses whether to call a tool; leave it out",
            ),
            _ => Ok(()),
        }
    }

    fn check_images(&self, request: &ChatRequest) -> Result<(), Unsupported> {
        for part in request.messages.iter().flat_map(|message| &message.parts) {
            match part {
                Part::Image(_) if !self.images => {
                    return refuse("messages", "a picture", "this model does not read pictures");
                }
                Part::Image(Image::Url { .. }) if !self.image_urls => {
                    let accepted = "this model fetches no pictures; send its bytes along";
                    return refuse("messages", "a picture by address", accepted);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// These, without what `limit` has not.
    #[must_use]
    pub fn within(&self, limit: &Self) -> Self {
        let least = |a: Option<TokenCount>, b: Option<TokenCount>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self {
            streaming: self.streaming && limit.streaming,
            sampling: self.sampling && limit.sampling,
            max_temperature: self.max_temperature.min(limit.max_temperature),
            effort: self.effort && limit.effort,
            tools: self.tools && limit.tools,
            tool_choice: self.tool_choice && limit.tool_choice,
            parallel_tool_calls: self.parallel_tool_calls && limit.parallel_tool_calls,
            structured_output: self.structured_output && limit.structured_output,
            images: self.images && limit.images,
            image_urls: self.image_urls && limit.image_urls,
            stop: self.stop && limit.stop,
            seed: self.seed && limit.seed,
            max_output_tokens: least(self.max_output_tokens, limit.max_output_tokens),
            simulated: self.simulated || limit.simulated,
        }
    }
}

#[cfg(test)]
mod tests {
    use helm_core::{Message, Role};
    use serde_json::json;

    use super::*;
    use crate::request::{OutputSchema, Tool};
    use crate::schema::Schema;

    fn schema() -> Schema {
        Schema::new(json!({ "type": "object" })).unwrap()
    }

    fn tool(name: &str) -> Tool {
        Tool::new(name.parse().unwrap(), "Does something.", schema())
    }

    fn none() -> Capabilities {
        Capabilities {
            tools: false,
            tool_choice: false,
            parallel_tool_calls: false,
            structured_output: false,
            images: false,
            image_urls: false,
            stop: false,
            seed: false,
            ..Capabilities::default()
        }
    }

    #[test]
    fn what_a_model_has_not_is_refused_by_name() {
        let image = |image| vec![Message::new(Role::User, vec![Part::Image(image)])];
        let inline = || Image::bytes("image/png", b"x");
        let plain = || ChatRequest::new(Vec::new());
        for (request, knob) in [
            (plain().with_tools(vec![tool("a")]), "tools"),
            (plain().with_parallel_tool_calls(true), "parallel_tool_calls"),
            (plain().with_output(OutputSchema::new("form".parse().unwrap(), schema())), "output"),
            (plain().with_stop(vec!["END".to_owned()]), "stop"),
            (plain().with_seed(7), "seed"),
            (ChatRequest::new(image(inline())), "messages"),
        ] {
            assert_eq!(none().check_request(&request).unwrap_err().knob, knob);
            assert_eq!(Capabilities::default().check_request(&request), Ok(()));
        }
        let fetching = Capabilities { image_urls: false, ..Capabilities::default() };
        assert!(fetching.check_request(&ChatRequest::new(image(Image::url("https://h/a.png")))).is_err());
        assert!(fetching.check_request(&ChatRequest::new(image(inline()))).is_ok());
    }

    #[test]
    fn contradictions_are_refused() {
        let all = Capabilities::default();
        let twice = ChatRequest::default().with_tools(vec![tool("a"), tool("a")]);
        let absent = ChatRequest::default().with_tools(vec![tool("a")]);
        let absent = absent.with_tool_choice(ToolChoice::Named("b".parse().unwrap()));
        let required = ChatRequest::default().with_tool_choice(ToolChoice::Required);
        for request in [twice, absent, required] {
            assert!(all.check_request(&request).is_err(), "{request:?}");
        }
    }

    #[test]
    fn the_lesser_of_two_holds() {
        assert_eq!(Capabilities::default().within(&none()), none());
        let short = Capabilities { max_output_tokens: Some(TokenCount::new(5)), ..Capabilities::default() };
        assert_eq!(short.within(&Capabilities::default()), short);
    }
}
