//! Reading the decision log.
