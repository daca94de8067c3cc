//! The books over all inputs: what became of every row but the ticks.

use lapwing_model::Ledger;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Why a row was rejected before the picture saw it.
const BAD_ROW: &str = "bad-row";

/// The sum of all ledgers and the rows nobody could read.
pub(super) struct Books(Ledger);

impl Books {
    /// Sums up.
    pub(super) fn new(ledgers: &[Ledger], bad_rows: u64) -> Self {
        let mut sum = Ledger { received: bad_rows, ..Ledger::default() };
        sum.reject(Cow::Borrowed(BAD_ROW), bad_rows);
        for ledger in ledgers {
            sum.received += ledger.received;
            sum.used += ledger.used;
            ledger.rejected.iter().for_each(|(reason, n)| sum.reject(reason.clone(), *n));
            ledger.shed.iter().for_each(|(reason, n)| sum.shed(reason.clone(), *n));
        }
        Self(sum)
    }

    /// In a line.
    pub(super) fn text(&self) -> String {
        let Self(sum) = self;
        let reasons = |counts: &std::collections::BTreeMap<Cow<'static, str>, u64>| {
            let list: Vec<String> = counts.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
            if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) }
        };
        format!(
            "{} rows received = {} used + {} rejected{} + {} shed{}",
            sum.received,
            sum.used,
            sum.rejected_total(),
            reasons(&sum.rejected),
            sum.shed_total(),
            reasons(&sum.shed)
        )
    }

    /// For a machine.
    pub(super) fn add_to(&self, all: &mut Map<String, Value>) {
        let Self(sum) = self;
        all.insert("received".to_owned(), sum.received.into());
        all.insert("used".to_owned(), sum.used.into());
        all.insert("rejected".to_owned(), serde_json::json!(sum.rejected));
        all.insert("shed".to_owned(), serde_json::json!(sum.shed));
        all.insert("balances".to_owned(), sum.balances().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_nobody_could_read_are_received_and_rejected() {
        let mut one = Ledger { received: 10, used: 9, ..Ledger::default() };
        one.reject(Cow::Borrowed("too-late"), 1);
        let books = Books::new(&[one.clone(), one], 3);
        assert_eq!(books.text(), "23 rows received = 18 used + 5 rejected (3 bad-row, 2 too-late) + 0 shed");
        assert!(books.0.balances());
    }
}
