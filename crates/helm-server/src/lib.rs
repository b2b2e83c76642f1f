//! Helm over HTTP, as a router that others can mount.
