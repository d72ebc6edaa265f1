//! What the server itself says of its deliveries: how large its writes were, and what it left out.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::{admin, report::Report, target::Target};

const WRITES: &str = "grandstand_fanout_writes_total";
const BYTES: &str = "grandstand_fanout_bytes_total";
const DELIVERIES: &str = "grandstand_deliveries_total{";

/// Outcomes that are the server's choice.
const SHED: [&str; 6] = ["thinned", "behind", "late", "overrun", "room_limit", "app_limit"];

/// The server's counters at one moment; none where its operator's port is not known.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    counters: BTreeMap<String, f64>,
}

impl Ledger {
    pub(crate) async fn read(target: &Target) -> Result<Self> {
        let counters = match &target.admin {
            Some(admin) => admin::counters(admin).await?,
            None => BTreeMap::new(),
        };
        Ok(Self { counters })
    }

    /// What happened since `before`. A server without these counters has nothing to say.
    pub(crate) fn tell(&self, before: &Self, report: &mut Report) {
        let writes = self.since(before, |name| name == WRITES);
        let bytes = self.since(before, |name| name == BYTES);
        if writes > 0.0 {
            report.count("write_bytes", "bytes of a write", (bytes / writes).round() as u64);
        }
        if self.counters.keys().any(|name| name.starts_with(DELIVERIES)) {
            let shed = self.since(before, |name| {
                name.starts_with(DELIVERIES)
                    && SHED.iter().any(|outcome| name.contains(&format!("outcome=\"{outcome}\"")))
            });
            report.faults("shed", "left out, as the server counts", shed.round() as u64);
        }
    }

    fn since(&self, before: &Self, wanted: impl Fn(&str) -> bool) -> f64 {
        let sum = |ledger: &Self| -> f64 {
            ledger.counters.iter().filter(|(name, _)| wanted(name)).map(|(_, value)| value).sum()
        };
        sum(self) - sum(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(counters: &[(&str, f64)]) -> Ledger {
        Ledger { counters: counters.iter().map(|&(name, value)| (name.to_owned(), value)).collect() }
    }

    #[test]
    fn what_happened_between_two_readings_is_told() {
        let before = ledger(&[(WRITES, 10.0), (BYTES, 1000.0)]);
        let after = ledger(&[
            (WRITES, 14.0),
            (BYTES, 3000.0),
            (r#"grandstand_deliveries_total{level="low",outcome="thinned"}"#, 3.0),
            (r#"grandstand_deliveries_total{level="normal",outcome="behind"}"#, 2.0),
            (r#"grandstand_deliveries_total{level="normal",outcome="overrun"}"#, 4.0),
            (r#"grandstand_deliveries_total{level="high",outcome="written"}"#, 99.0),
        ]);
        let mut report = Report::new("fan");
        after.tell(&before, &mut report);
        let json = report.json();
        assert_eq!((&json["write_bytes"], &json["shed"]), (&500.into(), &9.into()));
    }

    #[test]
    fn a_server_without_counters_is_not_said_to_have_left_out_nothing() {
        let mut report = Report::new("fan");
        Ledger::default().tell(&Ledger::default(), &mut report);
        assert!(report.json().get("shed").is_none());
    }
}
