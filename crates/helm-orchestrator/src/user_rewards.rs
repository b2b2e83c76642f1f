use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use helm_core::{Reward, TaskId, UserId};

/// The latest rewards of a few users, as a metric for those who ask for it. A label that names people is bounded, or the
/// number of series would be theirs.
pub(crate) struct UserRewards {
    most: usize,
    shown: Mutex<BTreeSet<UserId>>,
}

impl UserRewards {
    /// Of the first `most` users.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, shown: Mutex::default() }
    }

    pub(crate) fn note(&self, task: &TaskId, user: &UserId, reward: &Reward) {
        if self.is_shown(user) {
            let (task, user) = (task.to_string(), user.to_string());
            metrics::gauge!("helm_user_reward", "task" => task, "user" => user).set(reward.value.get());
        }
    }

    fn is_shown(&self, user: &UserId) -> bool {
        if self.most == 0 {
            return false;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.contains(user) || (shown.len() < self.most && shown.insert(user.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_users_are_shown() {
        let (none, two) = (UserRewards::new(0), UserRewards::new(2));
        let user = |name: &str| UserId::new(name).unwrap();
        assert!(!none.is_shown(&user("ana")));
        let shown = ["ana", "bo", "cy", "ana", "cy"].map(|name| two.is_shown(&user(name)));
        assert_eq!(shown, [true, true, false, true, false]);
    }
}
