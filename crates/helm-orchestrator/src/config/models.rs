use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{Clock, ModelName, SystemClock, TokenCount};
use helm_llm::codec::{Anthropic, ChatQuirks, Codec, Ollama, OpenAiChat, OpenAiResponses};
use helm_llm::{
    Breaker, BreakerPolicy, BuiltinModel, Capabilities, ChatModel, EmbedderConfig, EmbeddingModel,
    HttpConfig, HttpEmbedder, HttpModel, Observed, PriceSource, PriceTable, Prices, RedactedUrl, Retry,
    RetryPolicy, Timeouts, TraceHeaders,
};

use super::defaults::fill_timeouts;
use super::keys::{KeyPlaces, key, own_key, provider_at};
use super::model_section::{CapabilitySection, EmbeddingFamily, EmbeddingSection, ModelFamily, ModelSection};
use super::strategies::seconds;
use crate::error::{Error, Result};

pub(super) const OPENAI_URL: &str = "https://api.openai.com/v1";
const ANTHROPIC_URL: &str = "https://api.anthropic.com/v1";
const OLLAMA_URL: &str = "http://127.0.0.1:11434";
/// No provider takes more texts in one request.
const MOST_TEXTS: usize = 2_048;

/// A part of the configuration and what is around it.
pub(super) struct Place<'a> {
    /// Its dotted path.
    pub(super) path: String,
    /// What relative paths in it are relative to.
    pub(super) folder: &'a Path,
    /// The values of environment variables.
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Place<'_> {
    /// What is wrong here.
    pub(super) fn wrong(&self, message: impl Into<String>) -> Error {
        Error::config(self.path.clone(), message)
    }

    /// What is wrong at a key of this part.
    pub(super) fn wrong_at(&self, key: &str, message: impl Into<String>) -> Error {
        Error::config(format!("{}.{key}", self.path), message)
    }

    pub(super) fn seconds(&self, key: &str, given: Option<f64>, usual: Duration) -> Result<Duration> {
        given.map_or(Ok(usual), |given| seconds(given, &format!("{}.{key}", self.path)))
    }
}

/// The model of a section, whose provider is told of traces by `tracer` where the section says so. Nothing is sent.
pub(super) fn model(
    name: &ModelName,
    section: &ModelSection,
    place: &Place<'_>,
    tracer: Option<&TraceHeaders>,
) -> Result<Arc<dyn ChatModel>> {
    check_family(section, place)?;
    let Some(codec) = codec(section, place)? else { return Ok(builtin(name.clone())) };
    let mut config = http_config(name, section, &*codec, place)?;
    config.trace = tracer.filter(|_| section.propagate_trace).cloned();
    over_http(codec, config, place)
}

/// The built-in model.
pub(super) fn builtin(name: ModelName) -> Arc<dyn ChatModel> {
    Arc::new(Observed::new(BuiltinModel::new(name), "helm", "helm-builtin-1"))
}

/// Refuses settings that the family has not: they would be thought to have an effect.
fn check_family(section: &ModelSection, place: &Place<'_>) -> Result<()> {
    use ModelFamily::{Anthropic, Builtin, Ollama, OpenaiChat, OpenaiResponses};
    const REMOTE: [ModelFamily; 4] = [OpenaiChat, OpenaiResponses, Anthropic, Ollama];
    let family = section.family;
    for (key, given, families) in [
        ("legacy_max_tokens", section.legacy_max_tokens, &[OpenaiChat][..]),
        ("stream_usage", section.stream_usage.is_some(), &[OpenaiChat]),
        ("strict", section.strict.is_some(), &[OpenaiChat]),
        ("named_tool_choice", section.named_tool_choice.is_some(), &[OpenaiChat]),
        ("developer_role", section.developer_role.is_some(), &[OpenaiChat, OpenaiResponses]),
        ("version", section.version.is_some(), &[Anthropic]),
        ("max_tokens", section.max_tokens.is_some(), &[Anthropic]),
        ("base_url", section.base_url.is_some(), &REMOTE),
        ("model", section.model.is_some(), &REMOTE),
        ("key_env", section.key_env.is_some(), &REMOTE),
        ("key_file", section.key_file.is_some(), &REMOTE),
        ("input_price", section.input_price.is_some(), &REMOTE),
        ("output_price", section.output_price.is_some(), &REMOTE),
        ("propagate_trace", section.propagate_trace, &REMOTE),
    ] {
        if given && !families.contains(&family) {
            let known: Vec<_> = families.iter().map(|family| family.as_str()).collect();
            let message =
                format!("{} has no such setting; it is of {}", family.as_str(), known.join(" and "));
            return Err(place.wrong_at(key, message));
        }
    }
    if !section.extra.is_empty() && family == Builtin {
        return Err(place.wrong_at("extra", "the built-in model sends nothing"));
    }
    Ok(())
}

/// The wire format; the built-in model has none.
fn codec(section: &ModelSection, place: &Place<'_>) -> Result<Option<Arc<dyn Codec>>> {
    if section.family == ModelFamily::Builtin {
        return Ok(None);
    }
    let model = section.model.clone().ok_or_else(|| {
        place.wrong(
            "say which model: model = \"…\", or OPENAI_MODEL or ANTHROPIC_MODEL in the environment for main",
        )
    })?;
    let extra = section.extra.clone();
    Ok(match section.family {
        ModelFamily::OpenaiChat => {
            Some(Arc::new(OpenAiChat::new(model).with_quirks(quirks(section)).with_extra(extra)))
        }
        ModelFamily::OpenaiResponses => {
            let developer = section.developer_role.unwrap_or(false);
            Some(Arc::new(OpenAiResponses::new(model).with_developer_role(developer).with_extra(extra)))
        }
        ModelFamily::Anthropic => Some(Arc::new(anthropic(model, section, place)?.with_extra(extra))),
        ModelFamily::Ollama => Some(Arc::new(Ollama::new(model).with_extra(extra))),
        ModelFamily::Builtin => None,
    })
}

/// Writes out what holds of a model where nobody has said anything.
pub(super) fn fill_model(section: &mut ModelSection) {
    if section.family == ModelFamily::Builtin {
        return;
    }
    let url = section.base_url.get_or_insert_with(|| address(section.family));
    if section.key_file.is_none() && section.key_env.is_none() {
        section.key_env = own_key(url).map(str::to_owned);
    }
    fill_timeouts(section);
    let place = Place { path: String::new(), folder: Path::new(""), variable: &|_| None };
    // What cannot be made a codec of is said by whoever checks the configuration.
    let Ok(Some(codec)) = codec(section, &place) else { return };
    if let Ok(can) = capabilities(&section.capabilities, &codec.capabilities(), &place) {
        fill_capabilities(&mut section.capabilities, &can);
    }
    let quirks = quirks(section);
    match section.family {
        ModelFamily::OpenaiChat => {
            section.stream_usage = Some(quirks.stream_usage);
            section.strict = Some(quirks.strict);
            section.named_tool_choice = Some(quirks.named_tool_choice);
            section.developer_role = Some(quirks.developer_role);
        }
        ModelFamily::OpenaiResponses => {
            section.developer_role.get_or_insert(false);
        }
        ModelFamily::Anthropic => {
            section.version.get_or_insert_default();
            if section.capabilities.max_output_tokens.is_none() {
                section.max_tokens.get_or_insert(Anthropic::MAX_TOKENS);
            }
        }
        ModelFamily::Ollama | ModelFamily::Builtin => {}
    }
}

fn fill_capabilities(section: &mut CapabilitySection, can: &Capabilities) {
    section.streaming = Some(can.streaming);
    section.sampling = Some(can.sampling);
    section.effort = Some(can.effort);
    section.tools = Some(can.tools);
    section.tool_choice = Some(can.tool_choice);
    section.parallel_tool_calls = Some(can.parallel_tool_calls);
    section.structured_output = Some(can.structured_output);
    section.images = Some(can.images);
    section.image_urls = Some(can.image_urls);
    section.stop = Some(can.stop);
    section.seed = Some(can.seed);
}

fn quirks(section: &ModelSection) -> ChatQuirks {
    let mut quirks = ChatQuirks::default();
    quirks.legacy_max_tokens = section.legacy_max_tokens;
    quirks.stream_usage = section.stream_usage.unwrap_or(quirks.stream_usage);
    quirks.developer_role = section.developer_role.unwrap_or(quirks.developer_role);
    quirks.strict = section.strict.unwrap_or(quirks.strict);
    quirks.named_tool_choice = section.named_tool_choice.unwrap_or(quirks.named_tool_choice);
    let parallel = section.capabilities.parallel_tool_calls;
    quirks.parallel_tool_calls = parallel.unwrap_or(quirks.parallel_tool_calls);
    quirks
}

fn anthropic(model: String, section: &ModelSection, place: &Place<'_>) -> Result<Anthropic> {
    let codec = Anthropic::new(model).with_version(section.version.unwrap_or_default());
    match section.max_tokens.or(section.capabilities.max_output_tokens) {
        Some(0) => Err(place.wrong_at("max_tokens", "write at least 1")),
        Some(tokens) => Ok(codec.with_max_tokens(tokens)),
        None => Ok(codec),
    }
}

fn http_config(
    name: &ModelName,
    section: &ModelSection,
    codec: &dyn Codec,
    place: &Place<'_>,
) -> Result<HttpConfig> {
    let url = section.base_url.clone().unwrap_or_else(|| address(section.family));
    let keys = KeyPlaces { env: section.key_env.as_deref(), file: section.key_file.as_deref() };
    let key = key(&keys, &url, place)?;
    let mut config = HttpConfig::new(name.clone(), url)
        .with_timeouts(timeouts(section, place)?)
        .with_capabilities(capabilities(&section.capabilities, &codec.capabilities(), place)?);
    config.api_key = key;
    config.prices = match prices(section, place)? {
        Some(prices) => Some(PriceSource::Fixed(prices)),
        None => listed(&config.base_url, codec.model(), place)?,
    };
    Ok(config)
}

fn over_http(codec: Arc<dyn Codec>, config: HttpConfig, place: &Place<'_>) -> Result<Arc<dyn ChatModel>> {
    let (provider, model) = (codec.provider(), codec.model().to_owned());
    let client = HttpModel::new(codec, config).map_err(|error| place.wrong(error.report()))?;
    let retried = Retry::new(Observed::new(client, provider, model), RetryPolicy::default());
    Ok(Arc::new(Breaker::new(retried, BreakerPolicy::default())))
}

fn address(family: ModelFamily) -> RedactedUrl {
    match family {
        ModelFamily::Anthropic => ANTHROPIC_URL.into(),
        ModelFamily::Ollama => OLLAMA_URL.into(),
        _ => OPENAI_URL.into(),
    }
}

/// Whether what a model costs is known today: from what is written, or from its provider's list.
pub(super) fn has_prices(section: &ModelSection) -> bool {
    let is_listed = || {
        let url = section.base_url.clone().unwrap_or_else(|| address(section.family));
        let (provider, model) = (provider_at(&url)?, section.model.as_deref()?);
        PriceTable::builtin().ok()?.find(provider, model, SystemClock.now())
    };
    match section.family {
        ModelFamily::Builtin => false,
        _ => section.input_price.is_some() || is_listed().is_some(),
    }
}

/// The list prices of a provider, which hold at its own address only.
fn listed(url: &RedactedUrl, model: &str, place: &Place<'_>) -> Result<Option<PriceSource>> {
    let Some(provider) = provider_at(url) else { return Ok(None) };
    let table = PriceTable::builtin().map_err(|error| place.wrong(error.to_string()))?;
    let (provider, model) = (provider.to_owned(), model.to_owned());
    Ok(Some(PriceSource::Listed { table: Arc::new(table), provider, model }))
}

fn prices(section: &ModelSection, place: &Place<'_>) -> Result<Option<Prices>> {
    match (section.input_price, section.output_price, section.cached_input_price) {
        (Some(input), Some(output), cached) => {
            let prices = Prices::per_million(input, output)?;
            Ok(Some(cached.map_or(Ok(prices), |cached| prices.with_cached(cached))?))
        }
        (None, None, None) => Ok(None),
        _ => Err(place.wrong("give both input_price and output_price, or neither and no cached_input_price")),
    }
}

fn timeouts(section: &ModelSection, place: &Place<'_>) -> Result<Timeouts> {
    let usual = Timeouts::default();
    Ok(Timeouts {
        connect: place.seconds("connect_seconds", section.connect_seconds, usual.connect)?,
        first_token: place.seconds("first_token_seconds", section.first_token_seconds, usual.first_token)?,
        idle: place.seconds("idle_seconds", section.idle_seconds, usual.idle)?,
    })
}

/// What the model can do: no more than its wire format can say.
fn capabilities(given: &CapabilitySection, format: &Capabilities, place: &Place<'_>) -> Result<Capabilities> {
    let mut found = format.clone();
    found.max_output_tokens = given.max_output_tokens.map(TokenCount::new);
    for (key, given, known) in [
        ("streaming", given.streaming, &mut found.streaming),
        ("sampling", given.sampling, &mut found.sampling),
        ("effort", given.effort, &mut found.effort),
        ("tools", given.tools, &mut found.tools),
        ("tool_choice", given.tool_choice, &mut found.tool_choice),
        ("parallel_tool_calls", given.parallel_tool_calls, &mut found.parallel_tool_calls),
        ("structured_output", given.structured_output, &mut found.structured_output),
        ("images", given.images, &mut found.images),
        ("image_urls", given.image_urls, &mut found.image_urls),
        ("stop", given.stop, &mut found.stop),
        ("seed", given.seed, &mut found.seed),
    ] {
        if given == Some(true) && !*known {
            let message = "this family's wire format cannot say it; leave it out or write false";
            return Err(place.wrong_at(&format!("capabilities.{key}"), message));
        }
        *known = given.unwrap_or(*known);
    }
    Ok(found)
}

/// The embedding model of the section; `None` for the built-in one. Nothing is sent.
pub(super) fn embedder(
    section: &EmbeddingSection,
    place: &Place<'_>,
) -> Result<Option<Arc<dyn EmbeddingModel>>> {
    if section.family == EmbeddingFamily::Local {
        return local(section, place).map(Some);
    }
    if section.path.is_some() {
        return Err(place.wrong_at("path", "only family = \"local\" has one"));
    }
    if section.family == EmbeddingFamily::Builtin {
        return match section.model.is_some() || section.base_url.is_some() || section.dimensions.is_some() {
            true => Err(place.wrong("the built-in embeddings have no settings; write family = \"openai\"")),
            false => Ok(None),
        };
    }
    let missing = |key: &str| place.wrong(format!("family openai needs {key}"));
    let model = section.model.clone().ok_or_else(|| missing("model = \"…\""))?;
    let dimensions = section.dimensions.ok_or_else(|| missing("dimensions, the length of its vectors"))?;
    let url = section.base_url.clone().unwrap_or_else(|| OPENAI_URL.into());
    let keys = KeyPlaces { env: section.key_env.as_deref(), file: section.key_file.as_deref() };
    // Vectors of different models cannot be compared: what is remembered is kept by this name.
    let name = ModelName::new(&model).map_err(|error| place.wrong_at("model", error.to_string()))?;
    let mut config = EmbedderConfig::new(name, url.clone(), &model, dimensions);
    config.asks_dimensions = section.ask_dimensions;
    config.api_key = key(&keys, &url, place)?;
    config.timeout = place.seconds("timeout_seconds", section.timeout_seconds, config.timeout)?;
    config.batch = section.batch.unwrap_or(config.batch);
    if !(1..=MOST_TEXTS).contains(&config.batch) {
        return Err(place.wrong_at("batch", format!("write a number from 1 to {MOST_TEXTS}")));
    }
    let client = HttpEmbedder::new(config).map_err(|error| place.wrong(error.report()))?;
    Ok(Some(Arc::new(Retry::new(Observed::new(client, "openai", model), RetryPolicy::default()))))
}

/// The encoder in a folder. It is read here, which takes a moment.
#[cfg(feature = "local-embeddings")]
fn local(section: &EmbeddingSection, place: &Place<'_>) -> Result<Arc<dyn EmbeddingModel>> {
    if section.model.is_some() || section.base_url.is_some() || section.dimensions.is_some() {
        return Err(place.wrong("family local has only path"));
    }
    let path = section.path.as_ref().ok_or_else(|| place.wrong("family local needs path = \"FOLDER\""))?;
    let opened = helm_llm::LocalEmbedder::open(place.folder.join(path));
    let embedder = opened.map_err(|error| {
        let why = std::error::Error::source(&error).map_or(String::new(), |source| format!(": {source}"));
        place.wrong_at("path", format!("{error}{why}"))
    })?;
    Ok(Arc::new(embedder))
}

#[cfg(not(feature = "local-embeddings"))]
fn local(_: &EmbeddingSection, place: &Place<'_>) -> Result<Arc<dyn EmbeddingModel>> {
    Err(place.wrong("this build has no local embeddings; build with the feature `local-embeddings`"))
}
