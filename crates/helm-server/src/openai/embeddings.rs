use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use helm_core::ModelName;
use helm_orchestrator::Helm;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::models::unknown_embedder;
use crate::body::Body;
use crate::problem::Problem;
use crate::schemas;
use crate::wire::{TextOr, Unknown, check_strict};

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with model and input")]
#[schema(as = EmbeddingRequest)]
pub(crate) struct EmbeddingBody {
    model: String,
    #[schema(schema_with = schemas::text_or_texts)]
    input: TextOr<Vec<Value>>,
    #[serde(default)]
    encoding_format: Option<Encoding>,
    /// The model's own number, and no other.
    #[serde(default)]
    dimensions: Option<usize>,
    #[serde(default)]
    user: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = EmbeddingEncoding)]
enum Encoding {
    #[default]
    Float,
    Base64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EmbeddingList {
    #[schema(schema_with = list)]
    object: &'static str,
    data: Vec<EmbeddingShown>,
    #[schema(value_type = String)]
    model: ModelName,
    usage: TokensShown,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Embedding)]
struct EmbeddingShown {
    #[schema(schema_with = embedding)]
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = EmbeddingVector)]
enum Vector {
    Floats(Vec<f32>),
    /// The floats' bytes, the least significant first.
    Base64(String),
}

#[derive(Serialize, ToSchema)]
#[schema(as = EmbeddingUsage)]
struct TokensShown {
    prompt_tokens: u64,
    total_tokens: u64,
}

fn list() -> Object {
    schemas::words(&["list"])
}

fn embedding() -> Object {
    schemas::words(&["embedding"])
}

/// More texts than this are refused, as `OpenAI` does.
const MOST_TEXTS: usize = 2_048;

/// Vectors of texts, by the model that memories are compared with.
#[utoipa::path(
    post, path = "/v1/embeddings", tag = "OpenAI",
    request_body = EmbeddingBody,
    responses(
        (status = 200, description = "vectors, as floats or base64", body = EmbeddingList),
    ),
)]
pub(crate) async fn embeddings(
    State(helm): State<Helm>,
    headers: HeaderMap,
    Body(body): Body<EmbeddingBody>,
) -> Result<Json<EmbeddingList>, Problem> {
    check_strict(&headers, [(String::new(), &body.unknown)])?;
    let _ = &body.user;
    if let Some(problem) = unknown_embedder(&helm, &body.model) {
        return Err(problem);
    }
    check_dimensions(&helm, body.dimensions)?;
    let encoding = body.encoding_format.unwrap_or_default();
    let embedded = helm.embed(&texts(body.input)?).await?;
    let data = embedded.vectors.into_iter().enumerate();
    let data = data.map(|(index, vector)| EmbeddingShown {
        object: "embedding",
        index,
        embedding: encoded(vector, encoding),
    });
    let tokens = embedded.tokens.get();
    Ok(Json(EmbeddingList {
        object: "list",
        data: data.collect(),
        model: embedded.model,
        usage: TokensShown { prompt_tokens: tokens, total_tokens: tokens },
    }))
}

fn check_dimensions(helm: &Helm, asked: Option<usize>) -> Result<(), Problem> {
    match (helm.embedder(), asked) {
        (Some((name, own)), Some(asked)) if own != asked => {
            let detail = format!("{name} makes vectors of {own} dimensions and no others");
            Err(Problem::wrong("dimensions", detail))
        }
        _ => Ok(()),
    }
}

fn texts(input: TextOr<Vec<Value>>) -> Result<Vec<String>, Problem> {
    let texts = match input {
        TextOr::Text(text) => vec![text],
        TextOr::Other(items) => items.into_iter().map(text).collect::<Result<_, _>>()?,
    };
    match texts.len() {
        0 => Err(Problem::wrong("input", "send at least one text")),
        count if count > MOST_TEXTS => Err(Problem::wrong(
            "input",
            format!("there are {count} texts, more than the {MOST_TEXTS} that are accepted"),
        )),
        _ if texts.iter().any(String::is_empty) => Err(Problem::wrong("input", "a text must not be empty")),
        _ => Ok(texts),
    }
}

fn text(item: Value) -> Result<String, Problem> {
    match item {
        Value::String(text) => Ok(text),
        Value::Number(_) | Value::Array(_) => Err(Problem::wrong(
            "input",
            "tokens are not accepted, since models number them differently; send texts",
        )),
        _ => Err(Problem::wrong("input", "send a text or an array of texts")),
    }
}

fn encoded(vector: Vec<f32>, encoding: Encoding) -> Vector {
    match encoding {
        Encoding::Float => Vector::Floats(vector),
        Encoding::Base64 => {
            let bytes: Vec<u8> = vector.iter().flat_map(|part| part.to_le_bytes()).collect();
            Vector::Base64(STANDARD.encode(bytes))
        }
    }
}
