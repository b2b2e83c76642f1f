//! Wire formats over HTTP: one client for all of them.

mod address;
mod body;
mod config;
mod failure;
mod json;
mod model;
mod reader;
mod trace;
mod transport;

pub use config::{HttpConfig, Timeouts};
pub use json::{EndpointError, JsonEndpoint};
pub use model::HttpModel;
pub use trace::TraceHeaders;
pub use transport::{HttpReply, HttpRequest, HttpTransport, Transport, TransportError};

pub(crate) use address::{endpoint, header};
pub(crate) use body::{MOST_OF_ERROR, MOST_OF_VECTORS, read};
pub(crate) use failure::{Told, refused, transport, within};
