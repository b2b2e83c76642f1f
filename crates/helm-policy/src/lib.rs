//! Bandit learning algorithms with exact propensities: pure, deterministic, mergeable.
