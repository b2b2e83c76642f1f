//! Durable state behind small traits: in memory and SQLite, with conformance suites.
