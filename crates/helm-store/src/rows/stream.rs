use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
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
        let rows = pages(self, tenant, query, PAGE).map_ok(|rows| stream::iter(rows).map(Ok));
        rows.try_flatten().boxed()
    }
}

impl<T: InteractionLog + ?Sized> InteractionLogExt for T {}

/// All rows that match, oldest first, `size` at a time.
pub(crate) fn pages<'a, L: InteractionLog + ?Sized>(
    log: &'a L,
    tenant: &'a TenantId,
    query: &'a RowQuery,
    size: usize,
) -> BoxStream<'a, Result<Vec<TurnRow>>> {
    // Where the next page begins: first at the beginning, in the end nowhere.
    let begin: Option<Option<Cursor>> = Some(None);
    stream::try_unfold(begin, move |after| async move {
        let Some(after) = after else { return Ok(None) };
        let page = log.rows(tenant, query, after.as_ref(), size).await?;
        Ok(Some((page.items, page.next.map(Some))))
    })
    .boxed()
}
