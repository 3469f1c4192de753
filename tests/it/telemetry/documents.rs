//! docs/TELEMETRY.md says of each metric what it means, and of no other.

use std::collections::BTreeSet;

use super::metrics::{Busy, busy};

const DOCUMENT: &str = include_str!("../../../docs/TELEMETRY.md");

/// The metrics that a text describes with `# TYPE`.
pub fn described(metrics: &str) -> BTreeSet<String> {
    let names = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_metric_is_documented_and_nothing_else_is() {
    let Busy { scene, .. } = busy().await;
    let described = described(&scene.metrics().await);
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows = rows.filter(|(_, rest)| ["gauge", "counter", "histogram"].iter().any(|kind| rest.starts_with(kind)));
    let documented: BTreeSet<_> = rows.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(
        documented.difference(&described).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "documented, and not there"
    );
    assert_eq!(
        described.difference(&documented).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "there, and not documented"
    );
}
