use helm_core::{Message, TokenCount, TokenCounter};
use helm_llm::{ChatRequest, Tool};

use crate::helm::Helm;

impl Helm {
    /// About how many tokens a request has, by the installation's [`TokenCounter`]: its texts, calls of tools and
    /// their results, its tools and the form of the answer. Pictures and a provider's own blocks count nothing, and
    /// neither does what a strategy would add to it.
    #[must_use]
    pub fn count_tokens(&self, request: &ChatRequest) -> TokenCount {
        let inner = self.inner();
        let counter = &*inner.tokens;
        let messages = request.messages.iter().map(|message| of_message(message, counter));
        let tools = request.tools.iter().map(|tool| of_tool(tool, counter));
        let form = request.output.iter().map(|output| counter.count(&output.schema.value().to_string()));
        messages.chain(tools).chain(form).sum()
    }
}

fn of_message(message: &Message, counter: &dyn TokenCounter) -> TokenCount {
    let calls = message.tool_calls();
    let calls = calls.map(|call| counter.count(&call.name) + counter.count(&call.arguments));
    counter.count(&message.joined_text()) + calls.sum::<TokenCount>()
}

fn of_tool(tool: &Tool, counter: &dyn TokenCounter) -> TokenCount {
    let texts = [tool.name.as_str(), &tool.description, &tool.parameters.value().to_string()];
    texts.into_iter().map(|text| counter.count(text)).sum()
}
