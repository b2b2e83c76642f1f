//! helmctl, the operator's tool of Helm.

fn main() {}
