use anyhow::Context;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// A PostgreSQL database for one measurement.
pub(crate) struct Database {
    server: String,
    name: String,
    pub(crate) url: String,
}

impl Database {
    /// On the server that `HELM_TEST_PG` names.
    pub(crate) async fn create() -> anyhow::Result<Self> {
        let server = std::env::var("HELM_TEST_PG").context("HELM_TEST_PG names no server")?;
        let name = format!("helm_bench_report_{}", std::process::id());
        let (base, _) = server.rsplit_once('/').context("HELM_TEST_PG names no database")?;
        let database = Self { url: format!("{base}/{name}"), server, name };
        run(&database.server, format!("CREATE DATABASE {}", database.name)).await?;
        run(&database.url, "CREATE EXTENSION IF NOT EXISTS vector".to_owned()).await?;
        Ok(database)
    }

    pub(crate) async fn remove(self) -> anyhow::Result<()> {
        run(&self.server, format!("DROP DATABASE {} WITH (FORCE)", self.name)).await
    }
}

async fn run(url: &str, sql: String) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(AssertSqlSafe(sql)).await?;
    Ok(connection.close().await?)
}
