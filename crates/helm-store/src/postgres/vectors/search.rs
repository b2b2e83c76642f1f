use futures::TryStreamExt;
use helm_core::TenantId;
use sqlx::postgres::{PgConnection, PgPool, PgRow};

use super::super::BACKEND;
use super::super::decode::{decision_id, get, json, moment, natural, parsed};
use super::super::error::{driver, unreadable};
use super::collections::collection;
use super::index::Index;
use super::rows::{at_most, is_left, matches, selected};
use super::seen::{Seen, Stored};
use super::sql::Sql;
use crate::error::Result;
use crate::vector::{Collection, Hit, Memory, MemoryId, Rank, Scorer, Top, VectorQuery};

const SEARCH: &str = "search";

/// How many rows more than the wanted ones an index is asked for: its order is of single precision, theirs of double.
const SPARE: usize = 4;

/// A collection, and whether there is an index for it that can be used. Only those of cosine are in half precision.
const COLLECTION: &str = "SELECT c.metric, c.dimension, coalesce((SELECT i.indisvalid FROM pg_index i
        WHERE i.indexrelid = to_regclass('helm_memory_' || c.metric || '_' || c.dimension
            || CASE c.metric WHEN 'cosine' THEN $3 ELSE '' END)), false) AS built
    FROM helm_collection c WHERE c.tenant = $1 AND c.name = $2";

/// The columns of a found row, as tables have them and as they are read.
const COLUMNS: &str = "m.user_id, m.turn, m.number, m.text, m.metadata, m.at, m.indexed, m.embedding";
const READ: &str = "m.user_id, m.turn, m.number, m.text, m.metadata::text AS metadata, m.at, m.indexed, ";

/// What embeddings are in this database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Embeddings {
    /// pgvector's type.
    Vectors,
    /// Arrays, without the extension.
    Arrays,
}

impl Embeddings {
    /// Looks at the schema.
    pub(in super::super) async fn of(pool: &PgPool) -> Result<Self> {
        let row = sqlx::query(
            "SELECT a.atttypid = 'real[]'::regtype AS arrays FROM pg_attribute a
             WHERE a.attrelid = 'helm_memory'::regclass AND a.attname = 'embedding'",
        );
        let row = row.fetch_one(pool).await.map_err(|error| driver("open", error))?;
        Ok(if get(&row, "arrays", "open")? { Self::Arrays } else { Self::Vectors })
    }

    /// The column as it is read: vectors as their bytes, which are read without a copy.
    fn column(self) -> &'static str {
        match self {
            Self::Vectors => "vector_send(m.embedding) AS embedding",
            Self::Arrays => "m.embedding",
        }
    }

    /// Reads it into `parts`, of which there must be so many.
    fn read(self, row: &PgRow, dimension: usize, parts: &mut Vec<f32>) -> Result<()> {
        parts.clear();
        match self {
            // The number of components and a filler, two bytes each, then the components; all big-endian.
            Self::Vectors => {
                let bytes: &[u8] = get(row, "embedding", SEARCH)?;
                let (components, _) = bytes.get(4..).unwrap_or_default().as_chunks::<4>();
                parts.extend(components.iter().map(|part| f32::from_be_bytes(*part)));
            }
            Self::Arrays => *parts = get(row, "embedding", SEARCH)?,
        }
        if parts.len() == dimension {
            return Ok(());
        }
        let message = format!("it has {} components, its collection {dimension}", parts.len());
        Err(unreadable(SEARCH, "embedding", message))
    }
}

/// A search of one collection.
pub(super) struct Search<'q> {
    pub(super) tenant: &'q TenantId,
    pub(super) query: &'q VectorQuery,
    pub(super) embeddings: Embeddings,
    /// Which indexes to look for.
    pub(super) half: bool,
    pub(super) seen: &'q Seen,
}

impl Search<'_> {
    pub(super) async fn run(&self, connection: &mut PgConnection) -> Result<Vec<Hit>> {
        let key = (self.tenant.clone(), self.query.selection.collection.clone());
        if let Some(stored) = self.seen.get(&key)
            && let Some(hits) = self.by_what_was_seen(connection, &stored).await?
        {
            return Ok(hits);
        }
        let stored = self.look(connection).await?;
        self.query.check(BACKEND, SEARCH, stored.as_ref().map(|stored| &stored.collection))?;
        let Some(stored) = stored else { return Ok(Vec::new()) };
        self.seen.note(key, stored.clone());
        if self.query.k == 0 {
            return Ok(Vec::new());
        }
        if let Some(index) = self.index(&stored)
            && let Some(hits) = self.through(&index, connection, &stored.collection).await?
        {
            return Ok(hits);
        }
        self.exact(connection, &stored.collection).await
    }

    /// The answer if the collection is still what it was; `None` when that is not sure, or there are too few.
    async fn by_what_was_seen(
        &self,
        connection: &mut PgConnection,
        stored: &Stored,
    ) -> Result<Option<Vec<Hit>>> {
        let collection = &stored.collection;
        if self.query.k == 0 || self.query.check(BACKEND, SEARCH, Some(collection)).is_err() {
            return Ok(None);
        }
        match self.index(stored) {
            Some(index) => self.through(&index, connection, collection).await,
            None => self
                .exact(connection, collection)
                .await
                .map(|hits| Some(hits).filter(|hits| !hits.is_empty())),
        }
    }

    async fn look(&self, connection: &mut PgConnection) -> Result<Option<Stored>> {
        let name = &self.query.selection.collection;
        let row = sqlx::query(COLLECTION)
            .bind(self.tenant.as_str())
            .bind(name)
            .bind(if self.half { "_half" } else { "" })
            .fetch_optional(connection)
            .await
            .map_err(|error| driver(SEARCH, error))?;
        let stored = |row: PgRow| {
            let collection = collection(&row, name.clone(), SEARCH)?;
            Ok(Stored { collection, indexed: get(&row, "built", SEARCH)? })
        };
        row.map(stored).transpose()
    }

    /// The index to search through, if there is one that can answer.
    fn index(&self, stored: &Stored) -> Option<Index> {
        let usable = stored.indexed && self.embeddings == Embeddings::Vectors;
        let usable = usable && !is_left(&self.query.selection);
        Index::of(&stored.collection, self.half).filter(|_| usable)
    }

    /// The nearest ones by the index, and by reading those that it does not know yet. `None` when it found too few: a
    /// graph may end, or give up, before it has met enough rows that are selected. Those that it does not know say
    /// nothing about that.
    async fn through(
        &self,
        index: &Index,
        connection: &mut PgConnection,
        collection: &Collection,
    ) -> Result<Option<Vec<Hit>>> {
        let rows = at_most(self.query.k.saturating_add(SPARE).min(1 << 30))?;
        let probe = index.probe(&self.query.embedding);
        let mut sql = Sql::default();
        sql.push("SELECT ").push(READ).push(self.embeddings.column()).push(" FROM ((SELECT ").push(COLUMNS);
        self.push_from(&mut sql, collection)?;
        index.push_subject(sql.push(" AND m.indexed ORDER BY "));
        index.push_operator(&mut sql);
        index.push_probe(&mut sql, &probe)?;
        sql.push(" LIMIT ").bind(rows)?.push(") UNION ALL (SELECT ").push(COLUMNS);
        self.push_from(&mut sql, collection)?;
        sql.push(" AND NOT m.indexed ORDER BY m.embedding");
        index.push_operator(&mut sql);
        sql.bind(&self.query.embedding)?.push("::real[]::vector LIMIT ").bind(rows)?.push(")) m");
        let found = self.ranked(connection, collection, sql).await?;
        Ok(Some(found.hits).filter(|_| found.indexed >= self.query.k))
    }

    /// Reads and scores every row that is selected.
    async fn exact(&self, connection: &mut PgConnection, collection: &Collection) -> Result<Vec<Hit>> {
        let mut sql = Sql::default();
        sql.push("SELECT ").push(READ).push(self.embeddings.column());
        self.push_from(&mut sql, collection)?;
        self.ranked(connection, collection, sql).await.map(|found| found.hits)
    }

    /// Goes on with the selected rows of the collection; not with those of another one that had its name before.
    fn push_from(&self, sql: &mut Sql, collection: &Collection) -> Result<()> {
        selected(sql.push(" FROM helm_memory m WHERE"), self.tenant, &self.query.selection)?;
        space_is(sql, collection)
    }

    /// The best of the rows of a statement.
    async fn ranked(
        &self,
        connection: &mut PgConnection,
        collection: &Collection,
        sql: Sql,
    ) -> Result<Found> {
        let (scorer, mut top, mut indexed) =
            (Scorer::new(collection.metric, &self.query.embedding), Top::new(self.query.k), 0);
        let mut parts = Vec::with_capacity(collection.dimension);
        let mut rows = sql.query().fetch(connection);
        while let Some(row) = rows.try_next().await.map_err(|error| driver(SEARCH, error))? {
            self.embeddings.read(&row, collection.dimension, &mut parts)?;
            indexed += usize::from(get::<bool>(&row, "indexed", SEARCH)?);
            let score = scorer.score(&parts);
            if top.may_take(score) && matches(&row, &self.query.selection, SEARCH)? {
                let (id, user) = (memory_id(&row)?, parsed(&row, "user_id", SEARCH)?);
                top.put(Rank { score, id, user }, row);
            }
        }
        let hit = |(rank, row): (Rank, PgRow)| {
            let mut embedding = Vec::with_capacity(collection.dimension);
            self.embeddings.read(&row, collection.dimension, &mut embedding)?;
            let Rank { score, id, user } = rank;
            Ok(Hit::new(user, memory(&row, id, &collection.name, embedding)?, score))
        };
        Ok(Found { hits: top.into_sorted().map(hit).collect::<Result<_>>()?, indexed })
    }
}

/// What a statement found.
struct Found {
    /// The best, best first.
    hits: Vec<Hit>,
    /// How many of its rows an index knows.
    indexed: usize,
}

/// Goes on with the condition that a row is of the collection's metric and dimension; spelled out, because partial
/// indexes are found by it.
fn space_is(sql: &mut Sql, collection: &Collection) -> Result<()> {
    sql.push(" AND m.space = '")
        .push(collection.metric.as_str())
        .push("/")
        .number(collection.dimension)
        .push("'");
    Ok(())
}

fn memory_id(row: &PgRow) -> Result<MemoryId> {
    let index: i64 = get(row, "number", SEARCH)?;
    Ok(MemoryId { turn: decision_id(row, "turn", SEARCH)?, index: natural(index, "number", SEARCH)? })
}

fn memory(row: &PgRow, id: MemoryId, collection: &str, embedding: Vec<f32>) -> Result<Memory> {
    Ok(Memory {
        id,
        collection: collection.to_owned(),
        text: get(row, "text", SEARCH)?,
        embedding,
        metadata: json(row, "metadata", SEARCH)?,
        at: moment(row, "at", SEARCH)?,
    })
}
