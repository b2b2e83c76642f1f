use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use helm_core::{Reward, TaskId, TenantId, UserId};

/// The latest rewards of a few users, as a metric for those who ask for it. A label that names people is bounded, or the
/// number of series would be theirs.
pub(crate) struct UserRewards {
    most: usize,
    shown: Mutex<BTreeSet<(TenantId, UserId)>>,
}

impl UserRewards {
    /// Of the first `most` users.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, shown: Mutex::default() }
    }

    pub(crate) fn note(&self, tenant: &TenantId, task: &TaskId, user: &UserId, reward: &Reward) {
        if self.is_shown(tenant, user) {
            let (tenant, task, user) = (tenant.to_string(), task.to_string(), user.to_string());
            let shown =
                metrics::gauge!("helm_user_reward", "tenant" => tenant, "task" => task, "user" => user);
            shown.set(reward.value.get());
        }
    }

    fn is_shown(&self, tenant: &TenantId, user: &UserId) -> bool {
        if self.most == 0 {
            return false;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let user = (tenant.clone(), user.clone());
        shown.contains(&user) || (shown.len() < self.most && shown.insert(user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_users_are_shown() {
        let (none, two) = (UserRewards::new(0), UserRewards::new(2));
        let user = |name: &str| UserId::new(name).unwrap();
        let (one, other) = (TenantId::single(), TenantId::new("other").unwrap());
        assert!(!none.is_shown(&one, &user("ana")));
        let shown = ["ana", "bo", "cy", "ana", "cy"].map(|name| two.is_shown(&one, &user(name)));
        assert_eq!(shown, [true, true, false, true, false]);
        assert!(!two.is_shown(&other, &user("ana")), "somebody else of that name");
    }
}
