mod filter;
mod innocent;
mod lexicon;
mod reading;
mod scan;
mod spaced;
mod spelling;

pub use filter::ProfanityFilter;
