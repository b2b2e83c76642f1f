//! The configuration file, the environment, and how both become an installation.
//!
//! Order of precedence: built-in defaults, then `helm.toml`, then the environment; flags of the command line
//! come last, in the tool that has them. Unknown keys are errors that name the file and the line. Secrets never
//! stand in the file: it names the environment variable or the file that holds them.

mod environment;
mod install;
mod load;
mod location;
mod log;
mod places;
mod sections;
mod show;

pub use install::MAX_MESSAGE_BYTES;
pub use load::{TEMPLATE, default_path};
pub use location::StoreLocation;
pub use sections::{
    BackgroundSection, CapabilitySection, Environment, ExperimentSection, FeatureSection, HelmConfig,
    LogFormat, LogSection, ModelFamily, ModelSection, ServerSection, StoreSection, StrategySection,
    TaskSection, VariantSection,
};
