mod filter;
mod threats;

pub use filter::ToxicityFilter;
