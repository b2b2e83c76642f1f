//! Whatever stands in files that others write: rows of the log, prices, recorded traffic, keys. What is read is written and
//! read as the same.

use helm_orchestrator::llm::PriceTable;
use helm_orchestrator::llm::cassette::Cassette;
use helm_orchestrator::store::TurnRow;
use helm_server::ApiKeys;

/// Reads these bytes as each of them.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    if let Ok(row) = serde_json::from_slice::<TurnRow>(data) {
        let written = serde_json::to_vec(&row).expect("rows can be written");
        assert_eq!(serde_json::from_slice::<TurnRow>(&written).ok(), Some(row));
    }
    if let Ok(cassette) = serde_json::from_slice::<Cassette>(data) {
        let written = serde_json::to_vec(&cassette).expect("cassettes can be written");
        assert_eq!(serde_json::from_slice::<Cassette>(&written).ok(), Some(cassette));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    drop(PriceTable::from_json(text));
    if let Err(error) = ApiKeys::parse(text) {
        assert!(!error.to_string().is_empty());
    }
}
