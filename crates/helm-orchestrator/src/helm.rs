use std::sync::Arc;
use std::time::Duration;

use helm_core::{DecisionId, ExperimentKey, Feedback, TaskId, TenantId};
use helm_eval::RewardSpec;
use helm_experiment::{Report, Spec};
use helm_store::{Applied, Audit, FeedbackReceipt, Health, Retained, Retention, Store, TurnView};
use tracing::Instrument;

use crate::background;
use crate::builder::HelmBuilder;
use crate::dead_jobs;
use crate::drift;
use crate::error::{Error, Result};
use crate::experiments;
use crate::explain::Explanation;
use crate::inner::{Inner, Running, comma_separated};
use crate::raise;
use crate::rebuild::{self, Rebuild};
use crate::report::{self, TaskReport};
use crate::request::{TurnRequest, TurnResponse};
use crate::rescore::{self, Rescored};
use crate::scoped::Whose;
use crate::task::Sticky;
use crate::turn::{self, Delivery, TurnStream};
use crate::weights::{self, Adoption};

/// An installation of Helm, seen by one tenant. Cloning is cheap and shares everything.
#[derive(Clone)]
pub struct Helm {
    pub(crate) running: Arc<Running>,
    pub(crate) tenant: TenantId,
}

impl Helm {
    /// Begins an installation.
    pub fn builder() -> HelmBuilder {
        HelmBuilder::default()
    }

    pub(crate) fn new(running: Arc<Running>) -> Self {
        Self { running, tenant: TenantId::single() }
    }

    /// What is configured at this moment.
    pub(crate) fn inner(&self) -> Arc<Inner> {
        self.running.current()
    }

    /// Puts the tasks, strategies, models, tools, judges, guardrails, rewards, experiments and limits of another
    /// configuration in the place of the present ones, for every clone and tenant. Turns that run end under those with which
    /// they began; what was learnt stays. Store, Redis, embeddings, clock, background workers and how many work with the store at
    /// once stay as they are, whatever the builder says. Models begin without a record of failures.
    ///
    /// # Errors
    ///
    /// As for [`HelmBuilder::build`]; then everything stays as it was.
    pub async fn reload(&self, builder: HelmBuilder) -> Result<()> {
        let next = builder.succeed(&self.inner()).await?;
        self.running.replace(next);
        Ok(())
    }

    /// Who sees it so.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The same installation as another tenant sees it.
    #[must_use]
    pub fn for_tenant(&self, tenant: TenantId) -> Self {
        Self { running: Arc::clone(&self.running), tenant }
    }

    /// Answers one message and learns from it.
    ///
    /// A turn whose provider failed, whose deadline passed or that a guard refused is not an error: it is
    /// recorded, and its [`status`](TurnResponse::status) tells.
    ///
    /// # Errors
    ///
    /// Fails when the message, task or strategy is refused, or when the turn cannot be stored; [`Error::Overloaded`] when the store
    /// has too much to do, which is all that becomes of the turn then;
    /// [`Error::ReservedUser`] for a name under which Helm keeps something of its own, as the pseudonyms of those who were
    /// forgotten.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future cancels the turn, which is then recorded as cancelled, if anything of it has begun.
    pub async fn turn(&self, request: TurnRequest) -> Result<TurnResponse> {
        turn::start(&self.inner(), &self.tenant, request, Delivery::Whole)?.into_response().await
    }

    /// Answers one message piece by piece. Guards hold back what they have not cleared.
    ///
    /// # Errors
    ///
    /// Fails at once when the message, task or strategy is refused; later errors come through the stream.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub fn turn_stream(&self, request: TurnRequest) -> Result<TurnStream> {
        turn::start(&self.inner(), &self.tenant, request, Delivery::Streamed)
    }

    /// Records a person's judgement of a turn and revises its reward. Repeating it changes nothing. Once it has begun it comes to its
    /// end, whether somebody waits for that or not.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDecision`] when there is no such decision; [`Error::Overloaded`] when the store has too much to do;
    /// otherwise when it cannot be stored.
    pub async fn feedback(&self, feedback: Feedback) -> Result<FeedbackReceipt> {
        if feedback.source.as_judge().is_some() {
            return Err(Error::ReservedSource { source_name: feedback.source });
        }
        let inner = self.inner();
        let (helm, inside) = (self.clone(), inner.intake.enter("feedback").await?);
        let recording = async move {
            let _inside = inside;
            helm.record(feedback).await
        };
        let recorded = inner.tracker.spawn(recording.in_current_span()).await;
        recorded.unwrap_or(Err(Error::Lost))
    }

    async fn record(&self, feedback: Feedback) -> Result<FeedbackReceipt> {
        self.inner().weigh(&self.tenant).await?;
        let (at, settler) = (self.inner().clock.now(), Arc::clone(&self.inner().settler));
        let recorded = self.inner().store.record_feedback(&self.tenant, &feedback, at, settler).await;
        let receipt = recorded.map_err(|error| match error.kind() {
            helm_store::ErrorKind::NotFound => Error::UnknownDecision { id: feedback.decision },
            _ => error.into(),
        })?;
        let applied = match receipt.applied {
            Applied::Duplicate => "duplicate",
            Applied::Corrected => "corrected",
            _ => "fresh",
        };
        metrics::counter!("helm_feedback_total", "task" => receipt.task.to_string(), "applied" => applied)
            .increment(1);
        if receipt.applied != Applied::Duplicate {
            background::note_settled(&self.inner(), &self.tenant, &receipt.task);
            weights::note_feedback(&self.inner(), &self.tenant, &receipt.task).await;
        }
        if receipt.applied == Applied::Fresh {
            drift::note_feedback(&self.inner(), &self.tenant, feedback.decision);
        }
        Ok(receipt)
    }

    /// Everything that is stored about one turn, and why its strategy was chosen.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDecision`] when there is no such turn.
    pub async fn explain(&self, id: DecisionId) -> Result<Explanation> {
        let view = self.inner().store.log().turn(&self.tenant, id).await?;
        let view: TurnView = view.ok_or(Error::UnknownDecision { id })?;
        let raised = raise::explained(&self.inner(), &self.tenant, &view).await?;
        Ok(Explanation::of(view, raised.as_deref()))
    }

    /// The experiments that assign users, in the order of their tasks.
    pub fn experiments(&self) -> impl Iterator<Item = Spec> {
        experiments::all(&self.inner()).cloned().collect::<Vec<_>>().into_iter()
    }

    /// The experiments that are configured and [assign nobody](HelmBuilder::paused_experiment).
    pub fn paused_experiments(&self) -> impl Iterator<Item = Spec> {
        self.inner().paused.clone().into_iter()
    }

    /// What the log says of a configured experiment so far, whether it is paused or not.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownExperiment`] when there is no such experiment; otherwise when the log cannot be read.
    pub async fn experiment_report(&self, key: &ExperimentKey) -> Result<Report> {
        let configured = || self.experiments().chain(self.paused_experiments());
        let known = || comma_separated(configured().map(|spec| spec.key().clone()));
        let spec = configured().find(|spec| spec.key() == key);
        let spec =
            spec.ok_or_else(|| Error::UnknownExperiment { experiment: key.clone(), known: known() })?;
        self.read_experiment(&spec).await
    }

    /// What the log says of an experiment, whether it is configured or not.
    ///
    /// # Errors
    ///
    /// Fails when the log cannot be read.
    pub async fn read_experiment(&self, spec: &Spec) -> Result<Report> {
        experiments::read(&self.inner(), &self.tenant, spec).await
    }

    /// What has been learnt about a task's strategies.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`] when there is no such task; otherwise when state cannot be read.
    pub async fn report(&self, task: &TaskId) -> Result<TaskReport> {
        report::report(&self.inner(), &self.tenant, task).await
    }

    /// What a task's turns are rewarded by at this moment: the configured reward, or that under weights learned from people since.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`] when there is no such task; otherwise when the store cannot be read.
    pub async fn reward(&self, task: &TaskId) -> Result<RewardSpec> {
        let inner = self.inner();
        inner.weigh_as_of(&self.tenant, Duration::ZERO).await?;
        Ok(inner.reward_of(&self.tenant, inner.task(task)?))
    }

    /// The weights that were learned from people for a task's present reward and have counted since, the oldest first: the latest
    /// hundred.
    ///
    /// # Errors
    ///
    /// As for [`Helm::reward`].
    pub async fn adoptions(&self, task: &TaskId) -> Result<Vec<Adoption>> {
        let inner = self.inner();
        inner.weigh_as_of(&self.tenant, Duration::ZERO).await?;
        let key = weights::key(&inner.task(task)?.reward);
        Ok(key.map(|key| inner.adopted.adoptions(&self.tenant, task, &key)).unwrap_or_default())
    }

    /// Compares a task's learning state with the log it was made from.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`] when there is no such task; otherwise when state cannot be read.
    pub async fn audit(&self, task: &TaskId) -> Result<Audit> {
        self.inner().task(task)?;
        Ok(self.inner().store.bandits().audit(&self.tenant, task).await?)
    }

    /// Settles all logged decisions of a task again, from their stored evidence with the present policy and reward,
    /// and compares what they add up to with the learning state, bit for bit. Changes nothing. `progress` is called
    /// now and then with the number of decisions so far.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`] when there is no such task; otherwise when state cannot be read, or a decision cannot
    /// be settled.
    pub async fn check_state(&self, task: &TaskId, mut progress: impl FnMut(u64) + Send) -> Result<Rebuild> {
        let compared = rebuild::compare(&self.inner(), &self.tenant, task, &mut progress).await?;
        Ok(compared.0)
    }

    /// As [`Helm::check_state`], and replaces contributions and state by what was found, as is needed after another
    /// kind of policy or another reward was configured. Answers what was different before. Doing it again changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// As for [`Helm::check_state`], and when state cannot be written.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future leaves some decisions as they were; call it again to go on.
    pub async fn rebuild_state(
        &self,
        task: &TaskId,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Rebuild> {
        rebuild::rebuild(&self.inner(), &self.tenant, task, &mut progress).await
    }

    /// What a task's settled decisions are worth under another reward, oldest first; nothing is changed. `progress` is called
    /// with the number of decisions so far.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`] when there is no such task; otherwise when the log cannot be read.
    pub async fn rescore(
        &self,
        task: &TaskId,
        spec: &RewardSpec,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Vec<Rescored>> {
        self.inner().task(task)?;
        rescore::rescore(&self.inner(), &self.tenant, task, spec, &mut progress).await
    }

    /// Removes old turns from the log, as [`InteractionLog::retain`](helm_store::InteractionLog::retain) does, and with
    /// them the draws of tasks that hold for one decision ([`Sticky::Decision`](crate::Sticky::Decision)). `progress` is
    /// called now and then with what was removed so far.
    ///
    /// # Errors
    ///
    /// Fails when the store does.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future leaves some of the old turns; call it again to go on.
    pub async fn retain(
        &self,
        mut retention: Retention,
        mut progress: impl FnMut(Retained) + Send,
    ) -> Result<Retained> {
        let inner = self.inner();
        let fleeting =
            inner.tasks.values().filter(|task| task.sticky == Sticky::Decision).map(|task| task.id.clone());
        retention.fleeting.extend(fleeting);
        Ok(self.inner().store.log().retain(&self.tenant, &retention, &mut progress).await?)
    }

    /// The configured tasks, in alphabetical order.
    #[must_use]
    pub fn tasks(&self) -> Vec<TaskId> {
        self.inner().tasks.keys().cloned().collect()
    }

    /// Whether state can be read and written. Its warnings also tell of this tenant's dead jobs, as of half a minute ago at
    /// most, where the people whose feedback came to this process have begun to say something else than a task's reward,
    /// where weights learned from them would be better, what is to be done with candidates that were looked at here, which of
    /// those that Helm raises by itself decide or were rolled back, and whether a Redis that is configured does not answer.
    ///
    /// # Errors
    ///
    /// Fails when it cannot.
    pub async fn health(&self) -> Result<Health> {
        self.health_of(Whose::Tenant(&self.tenant)).await
    }

    /// As [`Helm::health`], with the warnings of all tenants: for those who look after the installation.
    ///
    /// # Errors
    ///
    /// As for [`Helm::health`].
    pub async fn health_of_all(&self) -> Result<Health> {
        self.health_of(Whose::Everybody).await
    }

    async fn health_of(&self, whose: Whose<'_>) -> Result<Health> {
        let inner = self.inner();
        let mut health = inner.store.health().await?;
        inner.weigh(&self.tenant).await?;
        inner.look_at_candidates(&self.tenant).await?;
        let dead = inner.dead_jobs.counts(&*inner.store).await?;
        let dead = dead.iter().filter(|(tenant, dead)| whose.holds(tenant) && **dead > 0);
        health.warnings.extend(dead.map(|(tenant, dead)| dead_jobs::warning(tenant, *dead)));
        health.warnings.extend(inner.watches.warnings(whose));
        health.warnings.extend(inner.shadows.warnings(whose));
        health.warnings.extend(inner.gates.warnings(whose));
        health.warnings.extend(inner.candidate_warnings(whose, None));
        health.warnings.extend(inner.adopted.warnings(whose, None));
        health.warnings.extend(inner.server.warning());
        Ok(health)
    }

    /// Whether turns are still taken.
    #[must_use]
    pub fn is_accepting(&self) -> bool {
        !self.inner().stopping.is_cancelled()
    }

    /// The store, for what this facade does not cover.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.running.store
    }

    /// Takes no more turns, without waiting for those that run.
    pub fn stop_accepting(&self) {
        self.inner().stopping.cancel();
    }

    /// Takes no more turns, waits for those that run, cancels what is left after `deadline`, and closes the
    /// store. Cancelled turns are recorded as such. Answers whether all ended by themselves.
    ///
    /// What is cancelled has ten more seconds to be recorded and the store to be closed, so this ends even when
    /// a part of it hangs.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future leaves Helm stopped but its store open; call it again to go on.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        self.inner().stopping.cancel();
        self.inner().tracker.close();
        let drained = tokio::time::timeout(deadline, self.inner().tracker.wait()).await.is_ok();
        self.inner().abort.cancel();
        let closing = async {
            self.inner().tracker.wait().await;
            self.inner().store.close().await;
        };
        if tokio::time::timeout(CLOSING, closing).await.is_err() {
            tracing::warn!("turns or the store did not end in time and are left behind");
            return false;
        }
        drained
    }
}

/// How long cancelled turns may take to be recorded, and the store to close.
const CLOSING: Duration = Duration::from_secs(10);
