//! Evaluators that score a turn and reward specifications that compose the scores.
