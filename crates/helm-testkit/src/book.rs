//! What pages of the repository show of Rust, compiled and run as examples of this crate, which is not published: nobody
//! else may include what is outside of their folder.

#[doc = include_str!("../../../README.md")]
struct Readme;

#[doc = include_str!("../../../docs/tutorials/own-evaluator.md")]
struct OwnEvaluator;

#[doc = include_str!("../../../docs/tutorials/own-guard.md")]
struct OwnGuard;
