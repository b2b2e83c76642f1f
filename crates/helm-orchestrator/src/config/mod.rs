//! The configuration file, the environment, and how both become an installation.
//!
//! Order of precedence: built-in defaults, then `helm.toml`, then the environment; flags of the command line
//! come last, in the tool that has them. Unknown keys are errors that name the file and the line. Secrets never
//! stand in the file: it names the environment variable or the file that holds them.

mod api_keys;
mod candidate;
mod checks;
mod defaults;
mod environment;
mod experiments;
mod guardrails;
mod install;
mod judges;
mod keys;
mod limits;
mod load;
mod location;
mod log;
mod mcp;
mod mistakes;
mod model_section;
mod models;
mod origin;
mod places;
mod schema;
mod sections;
mod show;
mod strategies;
mod tools;
mod wrong;

pub use candidate::CandidateSection;
pub use checks::{CheckKind, CheckSection};
pub use experiments::{ExperimentSection, ExperimentsSection, VariantSection};
pub use install::MAX_MESSAGE_BYTES;
pub use judges::JudgeSection;
pub use limits::{LimitSection, LimitsSection};
pub use load::{TEMPLATE, default_path};
pub use location::{File, Server, StoreLocation};
pub use mcp::McpSection;
pub use model_section::{CapabilitySection, EmbeddingFamily, EmbeddingSection, ModelFamily, ModelSection};
pub use origin::{Origin, Setting};
pub use sections::{
    BackgroundSection, Environment, Fallback, FeatureSection, HelmConfig, LogFormat, LogSection,
    MetricsSection, SemanticCacheSection, ServerSection, StoreSection, StrategySection, Survives,
    TaskSection, TracesSection,
};
pub use tools::ToolSection;
