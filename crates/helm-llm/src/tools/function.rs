use std::fmt;
use std::future::Future;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use helm_core::ToolName;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::handler::{ToolContext, ToolFailure, ToolHandler};
use crate::request::Tool;
use crate::schema::{InvalidSchema, Schema};

/// A function as a tool. What its arguments must look like is read off their type.
///
/// ```
/// use helm_llm::{FnTool, ToolContext, ToolFailure};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Order {
///     /// The number on the receipt.
///     number: u32,
/// }
///
/// # fn main() -> Result<(), helm_llm::ToolSetupError> {
/// let tool = FnTool::new("order_status", "Says where an order is.", async |order: Order, _: ToolContext| {
///     match order.number {
///         0 => Err(ToolFailure::new("there is no order 0; ask for the number on the receipt")),
///         number => Ok(format!("order {number} is on its way")),
///     }
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// Texts reach the model as they are, other results as JSON.
pub struct FnTool {
    tool: Tool,
    function: Box<Function>,
}

type Function = dyn Fn(Value, ToolContext) -> BoxFuture<'static, Result<String, ToolFailure>> + Send + Sync;

/// A function cannot be a tool.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolSetupError {
    /// Its name is none that providers take.
    #[error(transparent)]
    Name(#[from] helm_core::Error),
    /// Its arguments are not an object with named fields.
    #[error("the arguments of a tool must be a struct with named fields")]
    Arguments(#[from] InvalidSchema),
}

impl FnTool {
    /// The function under this name; the description tells the model what it does and when to call it.
    ///
    /// # Errors
    ///
    /// [`ToolSetupError`] when the name is none, or the arguments are not an object.
    pub fn new<A, R, F, C>(
        name: impl AsRef<str>,
        description: impl Into<String>,
        function: F,
    ) -> Result<Self, ToolSetupError>
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        R: Serialize + 'static,
        F: Fn(A, ToolContext) -> C + Send + Sync + 'static,
        C: Future<Output = Result<R, ToolFailure>> + Send + 'static,
    {
        let tool = Tool::new(ToolName::new(name)?, description, schema_of::<A>()?);
        let function = move |arguments, context| match serde_json::from_value::<A>(arguments) {
            Ok(arguments) => function(arguments, context).map(|done| done.and_then(|r| told(&r))).boxed(),
            Err(error) => {
                let failure = ToolFailure::new(format!("the arguments do not fit: {error}"));
                std::future::ready(Err(failure)).boxed()
            }
        };
        Ok(Self { tool, function: Box::new(function) })
    }
}

fn schema_of<A: JsonSchema>() -> Result<Schema, InvalidSchema> {
    let mut value = schemars::schema_for!(A).to_value();
    if let Some(fields) = value.as_object_mut() {
        // Which dialect and what the type is called here is nothing to the model.
        fields.remove("$schema");
        fields.remove("title");
    }
    Schema::new(value)
}

fn told<R: Serialize>(result: &R) -> Result<String, ToolFailure> {
    let unreadable = |error| ToolFailure::new(format!("the result cannot be written as JSON: {error}"));
    Ok(match serde_json::to_value(result).map_err(unreadable)? {
        Value::String(text) => text,
        other => other.to_string(),
    })
}

#[async_trait]
impl ToolHandler for FnTool {
    fn tool(&self) -> &Tool {
        &self.tool
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<String, ToolFailure> {
        (self.function)(arguments, context.clone()).await
    }
}

impl fmt::Debug for FnTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FnTool").field(&self.tool.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use helm_core::{TenantId, UserId};
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    struct Sum {
        /// The first summand.
        a: i64,
        b: Option<i64>,
    }

    fn add() -> FnTool {
        FnTool::new("add", "Adds.", async |sum: Sum, _: ToolContext| Ok(sum.a + sum.b.unwrap_or(0))).unwrap()
    }

    #[tokio::test]
    async fn a_function_is_called_with_what_fits_its_type() {
        let context = ToolContext::new(TenantId::single(), UserId::new("ana").unwrap());
        assert_eq!(add().call(json!({ "a": 1, "b": 2 }), &context).await, Ok("3".to_owned()));
        let refused = add().call(json!({ "a": "x" }), &context).await.unwrap_err();
        assert!(refused.to_string().contains("do not fit"), "{refused}");
    }

    #[test]
    fn the_schema_is_that_of_the_type() {
        let tool = add();
        let schema = tool.tool().parameters.value();
        assert_eq!(schema["properties"]["a"]["description"], json!("The first summand."));
        assert_eq!(schema["required"], json!(["a"]));
        assert!(schema.get("$schema").is_none() && schema.get("title").is_none());
    }

    #[test]
    fn what_is_no_object_is_no_tool() {
        let bare = FnTool::new("n", "A number.", async |n: i64, _: ToolContext| Ok(n));
        assert!(matches!(bare, Err(ToolSetupError::Arguments(_))));
        let nameless = FnTool::new("no name", "Adds.", async |sum: Sum, _: ToolContext| Ok(sum.a));
        assert!(matches!(nameless, Err(ToolSetupError::Name(_))));
    }
}
