//! Batched database reads: a thousand handlers each look up a user by id, and one SQLite query
//! serves many of them. No HTTP: the layer batches any tower service.
//!
//! ```sh
//! cargo run --release --example lookups
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join_all;
use parking_lot::Mutex;
use rusqlite::{Connection, params_from_iter};
use scrimp::{
    batch::{BatchWindow, ByIndex, GroupLayer},
    core::BoxError,
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

#[derive(Debug, Clone, PartialEq, Eq)]
struct User {
    id: i64,
    name: String,
}

/// A database, and the number of its queries.
#[derive(Clone)]
struct Database {
    connection: Arc<Mutex<Connection>>,
    queries: Arc<AtomicU64>,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for (what, at_once) in [("one by one", 1), ("together", 100)] {
        let database = Database::with_users(10_000)?;
        let (found, time) = look_up(&database, at_once).await?;
        let queries = database.queries.load(Relaxed);
        println!("{what:<12} {found} users of 1,000  {queries:>4} queries  {time:?}");
    }
    Ok(())
}

/// Makes a thousand simultaneous look-ups, with up to `at_once` in a query. Returns the number of
/// users found, and the time taken.
async fn look_up(database: &Database, at_once: usize) -> Result<(usize, Duration), BoxError> {
    // A missing user is a valid result: `None`.
    let users = GroupLayer::builder()
        .window(BatchWindow::fixed(Duration::from_millis(2)))
        .max_items(at_once)
        .build()?
        .layer(database.reader());
    let start = Instant::now();
    let calls = (0..1_000).map(|n| users.clone().oneshot(n * 11));
    let mut found = 0;
    for (n, user) in (0..).zip(join_all(calls).await) {
        if let Some(user) = user? {
            assert_eq!(user.id, n * 11);
            found += 1;
        }
    }
    Ok((found, start.elapsed()))
}

impl Database {
    fn with_users(count: i64) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        connection.execute(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
            [],
        )?;
        let all = connection.transaction()?;
        for id in 0..count {
            all.execute(
                "INSERT INTO users VALUES (?1, ?2)",
                (id, format!("user {id}")),
            )?;
        }
        all.commit()?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            queries: Arc::default(),
        })
    }

    /// Makes a service that finds many users by their ids.
    fn reader(
        &self,
    ) -> impl Service<Vec<i64>, Response = ByIndex<Option<User>>, Error = BoxError, Future: Send>
    + Clone
    + Send
    + 'static {
        let database = self.clone();
        service_fn(move |ids: Vec<i64>| {
            let database = database.clone();
            async move {
                let query = tokio::task::spawn_blocking(move || database.find(&ids));
                Ok(query.await??)
            }
        })
    }

    /// Runs one query for all ids. Rows come in any order, and missing users have none.
    fn find(&self, ids: &[i64]) -> rusqlite::Result<ByIndex<Option<User>>> {
        self.queries.fetch_add(1, Relaxed);
        let marks = vec!["?"; ids.len()].join(",");
        let connection = self.connection.lock();
        let mut query = connection
            .prepare_cached(&format!("SELECT id, name FROM users WHERE id IN ({marks})"))?;
        let rows = query.query_map(params_from_iter(ids), |row| {
            Ok(User {
                id: row.get(0)?,
                name: row.get(1)?,
            })
        })?;
        let users: Vec<User> = rows.collect::<Result<_, _>>()?;
        let find = |id: &i64| users.iter().find(|user| user.id == *id).cloned();
        Ok(ByIndex(ids.iter().map(find).enumerate().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_thousand_look_ups_are_ten_queries_and_each_finds_its_own_user() {
        let database = Database::with_users(10_000).unwrap();
        let (found, _) = look_up(&database, 100).await.unwrap();
        assert_eq!((found, database.queries.load(Relaxed)), (910, 10));
    }
}
