//! Tools of MCP servers, which are known only once the servers have been reached.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::try_join_all;
use helm_core::ToolName;
use helm_llm::{McpConfig, McpServer, ToolHandler};

use crate::error::{Error, Result};
use crate::inner::TaskRuntime;

/// Reaches the servers that tasks name, and gives these their tools.
pub(crate) async fn add_tools<'a>(
    servers: Vec<McpConfig>,
    tasks: impl Iterator<Item = &'a mut TaskRuntime>,
) -> Result<()> {
    let tasks: Vec<_> = tasks.collect();
    let used = servers.into_iter().filter(|server| tasks.iter().any(|task| task.mcp.contains(&server.name)));
    let reached = try_join_all(used.map(async |server| {
        let name = server.name.clone();
        let tools = McpServer::tools(server).await;
        let tools = tools.map_err(|error| Error::config(format!("mcp.{name}"), error.to_string()))?;
        Ok::<_, Error>((name, tools))
    }));
    let reached: BTreeMap<ToolName, Vec<Arc<dyn ToolHandler>>> = reached.await?.into_iter().collect();
    for task in tasks {
        let tools = task.mcp.iter().filter_map(|name| reached.get(name)).flatten();
        task.tools.extend(tools.cloned());
        check(task)?;
    }
    Ok(())
}

/// Checks that no two tools have one name, and that those which strategies name are there.
fn check(task: &TaskRuntime) -> Result<()> {
    let place = format!("tasks.{}", task.id);
    let names: Vec<_> = task.tools.iter().map(|handler| &handler.tool().name).collect();
    let mut places = names.iter().enumerate();
    if let Some((_, twice)) = places.find(|(at, name)| names.iter().take(*at).any(|other| other == *name)) {
        return Err(Error::config(format!("{place}.mcp"), format!("the name {twice} is used twice")));
    }
    for strategy in &task.strategies {
        let wanted = strategy.tools.as_deref().unwrap_or_default();
        if let Some(absent) = wanted.iter().find(|name| !names.contains(name)) {
            let place = format!("{place}.strategies.{}.tools", strategy.id.name());
            let known = crate::inner::comma_separated(names.iter());
            return Err(Error::config(place, format!("the task has no tool {absent}; it has: {known}")));
        }
    }
    Ok(())
}
