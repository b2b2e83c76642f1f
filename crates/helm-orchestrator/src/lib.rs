#![doc = include_str!("../README.md")]
//!
//! # What is where
//!
//! | you want to | look at |
//! |---|---|
//! | have a real model answer | [`HelmBuilder::model`]; [`TurnResponse::simulated`] says when none did |
//! | answer a message, whole or streamed | [`Helm::turn`], [`Helm::turn_stream`] |
//! | tell how good an answer was | [`Helm::feedback`] |
//! | see what was learnt, or why a strategy was chosen | [`Helm::report`], [`Helm::explain`] |
//! | know what another policy would have earned, or whether it may be raised | [`Helm::what_if`], [`Helm::gate`] |
//! | have a better policy raised without anybody, and rolled back | [`Candidate::automatic()`], [`Helm::candidate`], [`Helm::roll_back`] |
//! | read everything from a file | [`HelmConfig`] |
//! | write an evaluator, guard, policy, model or store | the traits in [`eval`], [`guardrails`], [`policy`], [`llm`], [`store`] |

mod admission;
mod answers;
mod background;
mod builder;
mod checked;
pub mod config;
mod count;
mod dead_jobs;
mod dearest;
mod documents;
mod drift;
mod eligible;
mod embed;
mod error;
mod experiments;
mod explain;
mod gates;
mod helm;
mod inner;
mod intake;
mod judges;
mod ledger;
#[cfg(feature = "mcp")]
mod mcp;
mod observe;
mod overview;
mod person;
mod prompt;
mod raise;
mod rebuild;
mod refit;
mod report;
mod request;
mod rescore;
mod scoped;
mod seldom;
mod semantic;
mod settle;
mod shadow;
mod sharing;
mod storable;
mod summarise;
mod task;
mod turn;
mod user_rewards;
mod users;
mod weights;
mod what_if;
mod worker;

pub use admission::AdmissionLimits;
pub use builder::HelmBuilder;
pub use config::HelmConfig;
pub use dearest::StrategyCost;
pub use embed::Embedded;
pub use error::{Error, ErrorKind, Result};
pub use experiments::log_row;
pub use explain::Explanation;
pub use gates::GateRecord;
pub use helm::Helm;
pub use judges::TaskJudge;
pub use overview::Offer;
pub use raise::{CandidateChange, CandidateStanding, CandidateStep};
pub use rebuild::Rebuild;
pub use report::{FeedbackSummary, Posterior, RewardSummary, StrategyReport, TaskReport};
pub use request::{TurnEvent, TurnRequest, TurnResponse};
pub use rescore::Rescored;
pub use semantic::{SemanticCache, SimilarTurn};
pub use task::{Sticky, Task};
pub use turn::TurnStream;
pub use users::{UserExport, UserForgotten};
pub use weights::Adoption;
pub use what_if::{Candidate, Gate, GateOptions, GateVerdict, PastTurn, Target, WhatIf};

pub use helm_core as core;
pub use helm_eval as eval;
pub use helm_experiment as experiment;
pub use helm_guardrails as guardrails;
pub use helm_llm as llm;
pub use helm_policy as policy;
pub use helm_store as store;

/// What most applications import.
pub mod prelude {
    pub use std::time::Duration;

    pub use helm_core::{Feedback, StrategyId, TurnStatus};

    pub use crate::{Helm, HelmConfig, Task, TurnEvent, TurnRequest, TurnResponse};
}
