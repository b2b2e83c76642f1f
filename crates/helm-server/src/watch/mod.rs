//! What a dashboard shows: how things went, who is served how, and what happens now.

pub(crate) mod guards;
mod live;
pub(crate) mod offers;
pub(crate) mod overview;
pub(crate) mod people;
mod stretch;
pub(crate) mod turns;

pub(crate) use live::Watchers;
