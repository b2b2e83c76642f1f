use helm_core::TenantId;
use tokio::task::{JoinHandle, spawn_blocking};

use super::read::StoredRow;
use super::records::row;
use crate::error::{Error, ErrorKind, Result};
use crate::rows::TurnRow;

/// So many rows are worth a thread of their own.
const PORTION: usize = 250;

/// Reads the rows of a page while the next ones are on their way, as far as there are many.
pub(crate) struct Reading<R> {
    tenant: TenantId,
    operation: &'static str,
    fresh: Vec<R>,
    running: Vec<JoinHandle<Result<Vec<TurnRow>>>>,
}

impl<R: StoredRow + Send + 'static> Reading<R> {
    pub(crate) fn new(tenant: &TenantId, operation: &'static str) -> Self {
        Self { tenant: tenant.clone(), operation, fresh: Vec::new(), running: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: R) {
        self.fresh.push(row);
        if self.fresh.len() == PORTION {
            let (rows, tenant, operation) =
                (std::mem::take(&mut self.fresh), self.tenant.clone(), self.operation);
            self.running.push(spawn_blocking(move || read(&rows, &tenant, operation)));
        }
    }

    /// All rows, in the order in which they came.
    pub(crate) async fn finish(self) -> Result<Vec<TurnRow>> {
        let last = read(&self.fresh, &self.tenant, self.operation)?;
        let mut all = Vec::with_capacity(self.running.len() * PORTION + last.len());
        for portion in self.running {
            let portion = portion.await.map_err(|error| {
                let message = "rows could not be read";
                Error::new(ErrorKind::Internal, R::BACKEND, self.operation, message).with_source(error)
            })?;
            all.extend(portion?);
        }
        all.extend(last);
        Ok(all)
    }
}

fn read<R: StoredRow>(rows: &[R], tenant: &TenantId, operation: &'static str) -> Result<Vec<TurnRow>> {
    rows.iter().map(|found| row(found, tenant, operation)).collect()
}
