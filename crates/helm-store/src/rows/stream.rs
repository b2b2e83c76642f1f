use std::collections::VecDeque;

use futures::stream::{self, BoxStream, StreamExt};
use helm_core::TenantId;

use super::{RowQuery, TurnRow};
use crate::error::Result;
use crate::log::{Cursor, InteractionLog};

/// Rows read at a time.
const PAGE: usize = 1_000;

/// What every [`InteractionLog`] can do besides.
pub trait InteractionLogExt: InteractionLog {
    /// All rows that match, oldest first, read in pages as they are taken. Ends after the first error.
    ///
    /// While turns go on being committed, give the query an end (`until`), or the stream may follow them for ever.
    fn stream_rows<'a>(
        &'a self,
        tenant: &'a TenantId,
        query: &'a RowQuery,
    ) -> BoxStream<'a, Result<TurnRow>> {
        stream::try_unfold(Some(Progress::default()), move |progress| async move {
            let Some(mut progress) = progress else { return Ok(None) };
            while progress.ready.is_empty() && !progress.at_end {
                let page = self.rows(tenant, query, progress.after.as_ref(), PAGE).await?;
                progress.at_end = page.next.is_none();
                progress.after = page.next;
                progress.ready = page.items.into();
            }
            Ok(progress.ready.pop_front().map(|row| (row, Some(progress))))
        })
        .boxed()
    }
}

impl<T: InteractionLog + ?Sized> InteractionLogExt for T {}

/// How far a stream has come.
#[derive(Default)]
struct Progress {
    ready: VecDeque<TurnRow>,
    after: Option<Cursor>,
    at_end: bool,
}
