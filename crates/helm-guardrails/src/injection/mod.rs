mod encoded;
mod filter;
mod signals;

pub use filter::InjectionFilter;
