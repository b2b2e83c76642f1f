//! What an installation keeps of one person: preferences, conversations, and the whole of it.

use helm_core::{ConversationId, UserId};
use helm_store::{Forgotten, PreferenceChange, Preferences, StoredMessage, Summary};

use crate::error::{Error, Result};
use crate::helm::Helm;
use crate::storable;
use crate::turn::OWN_PREFERENCES;
use crate::users::{self, UserExport, UserForgotten};

impl Helm {
    /// A user's preferences.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read.
    pub async fn preferences(&self, user: &UserId) -> Result<Preferences> {
        Ok(self.inner().store.preferences().get(&self.tenant, user).await?)
    }

    /// Changes a user's preferences in one transaction and answers the new ones. U+FFFD stands for NUL in values.
    ///
    /// # Errors
    ///
    /// [`Error::ReservedUser`] for a user and [`Error::ReservedPreference`] for a name that Helm keeps itself; otherwise
    /// when a change does not fit or cannot be stored.
    pub async fn change_preferences(
        &self,
        user: &UserId,
        changes: &[PreferenceChange],
    ) -> Result<Preferences> {
        self.change_preferences_of(user, changes, None).await
    }

    /// As [`Helm::change_preferences`], if the revision is still the one that the caller knows.
    ///
    /// # Errors
    ///
    /// As for [`Helm::change_preferences`], and with [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when
    /// `revision` is given and is not the present one.
    pub async fn change_preferences_of(
        &self,
        user: &UserId,
        changes: &[PreferenceChange],
        revision: Option<u64>,
    ) -> Result<Preferences> {
        users::check(user)?;
        let is_own = |name: &&str| OWN_PREFERENCES.contains(name);
        if let Some(name) = changes.iter().filter_map(changed).find(is_own) {
            return Err(Error::ReservedPreference { name: name.to_owned() });
        }
        let changes = storable::changes(changes);
        Ok(self.inner().store.preferences().apply(&self.tenant, user, &changes, revision).await?)
    }

    /// The last `limit` messages of a user's conversation, in the order they were said.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read.
    pub async fn conversation(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        limit: usize,
    ) -> Result<Vec<StoredMessage>> {
        Ok(self.inner().store.conversations().recent(&self.tenant, user, conversation, limit).await?)
    }

    /// What the beginning of a user's conversation came to, where its task has that
    /// [summed up](crate::Task::with_summaries).
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read.
    pub async fn conversation_summary(
        &self,
        user: &UserId,
        conversation: &ConversationId,
    ) -> Result<Option<Summary>> {
        Ok(self.inner().store.conversations().summary(&self.tenant, user, conversation).await?)
    }

    /// Everything that is kept of a user, held in memory at once.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read.
    pub async fn export_user(&self, user: &UserId) -> Result<UserExport> {
        users::export(&self.inner(), &self.tenant, user).await
    }

    /// Forgets a user, as [`UserStore::forget`](helm_store::UserStore::forget) does: what they said, like and are remembered by
    /// is removed; their turns stay in the log under a pseudonym and without texts, so that nothing that was learnt is lost
    /// and [`Helm::check_state`] still agrees. Kept answers of the tenant are removed too, in all processes that share a Redis;
    /// those of other processes without one last until their time is over. `progress` is called with what was done so far.
    /// Doing it again changes nothing.
    ///
    /// Send no turns of the user meanwhile: one that is running ends unstored, and one that begins is kept as anybody's.
    ///
    /// # Errors
    ///
    /// [`Error::ReservedUser`] for a name that Helm uses itself; otherwise when the store fails. Call it again then.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future leaves part of it undone; call it again to go on.
    pub async fn forget_user(
        &self,
        user: &UserId,
        mut progress: impl FnMut(Forgotten) + Send,
    ) -> Result<UserForgotten> {
        users::forget(&self.inner(), &self.tenant, user, &mut progress).await
    }

    /// What [`Helm::forget_user`] would do. Changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`Helm::forget_user`].
    pub async fn count_user(&self, user: &UserId) -> Result<Forgotten> {
        users::count(&self.inner(), &self.tenant, user).await
    }
}

/// The name of the preference that a change is about.
fn changed(change: &PreferenceChange) -> Option<&str> {
    match change {
        PreferenceChange::Set { name, .. }
        | PreferenceChange::Increment { name, .. }
        | PreferenceChange::Remove { name } => Some(name),
        _ => None,
    }
}
