//! What can be concluded from outcomes, as pure functions of them.
//!
//! | question | function |
//! |---|---|
//! | do two means differ? | [`welch`] of two [`Moments`]; by ranks [`mann_whitney`]; of pairs [`paired`], [`wilcoxon`], [`Changes`] |
//! | do two shares differ? | [`TwoProportions`] |
//! | do two ratios differ, turns of the same user taken together? | [`by_user`], [`ratio`], [`ratio_difference`] |
//! | by how much relative to the control? | [`Lift`] |
//! | the same with what was known before | [`cuped`], [`lin`] |
//! | where is a quantile? | [`quantile`] |
//! | the same at any time | [`AlwaysValid`]; of values from 0 to 1 [`BoundedMean`], of shares [`share_at_any_time`], of quantiles [`quantiles_differ`] |
//! | at planned looks | [`group_sequential_bounds`] |
//! | as a belief | [`Belief`], [`compare_shares`] |
//! | is it no worse than so much? | [`non_inferiority`] |
//! | of many comparisons, which stand? | [`adjusted`], [`e_bh`] |
//! | did the arms get their shares of units? | [`ratio_mismatch`], [`RatioMonitor`] |
//! | what did a learning policy's log say? | [`AdaptiveLog`] |
//! | how many units are needed? | [`Plan`], [`power_of_shares`], [`units_of_all`], [`design_effect`] |
//!
//! Where there is no number there is a [`Refusal`], never a probability of 1 or an interval without width.

mod adaptive;
mod always_valid;
mod bayes;
mod boundaries;
mod bounded;
mod cuped;
mod group_sequential;
mod lift;
mod mean;
mod moments;
mod multiplicity;
mod non_inferiority;
mod paired;
mod power;
mod proportions;
mod quantile;
mod ranks;
mod ratio;
mod refusal;
mod root;
mod srm;

pub use adaptive::{AdaptiveLog, ArmEstimates, Weighting};
pub use always_valid::{AlwaysValid, Look, Sides};
pub use bayes::{Belief, Share, SharesCompared, compare_shares};
pub use boundaries::{
    GammaExponentialMixture, NormalMixture, StitchedBound, quantiles_differ, share_at_any_time,
};
pub use bounded::BoundedMean;
pub use cuped::{Adjusted, cuped, lin};
pub use group_sequential::{Spending, group_sequential_bounds};
pub use lift::Lift;
pub use mean::{Difference, Interval, welch};
pub use moments::{Moments, PairMoments};
pub use multiplicity::{Correction, adjusted, e_bh};
pub use non_inferiority::{Better, NonInferiority, non_inferiority};
pub use paired::{Changes, differences, paired};
pub use power::{Plan, design_effect, power_of_shares, units_of_all};
pub use proportions::{Proportion, TwoProportions};
pub use quantile::{Quantile, quantile};
pub use ranks::{MannWhitney, hodges_lehmann, mann_whitney, wilcoxon};
pub use ratio::{Ratio, by_user, ratio, ratio_difference};
pub(crate) use refusal::share;
pub use refusal::{Answer, Refusal};
pub use srm::{RatioMismatch, RatioMonitor, ratio_mismatch};
