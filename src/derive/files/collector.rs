//! The OpenTelemetry collector starts the receivers and exporters that a pipeline names, and no others.

use std::collections::BTreeSet;

use super::entry::Entry;

/// Takes away the settings of what is not started.
pub fn retain_started(entries: &mut Vec<Entry>) {
    let kinds = ["receivers", "exporters", "connectors"];
    let started: BTreeSet<String> = entries
        .iter()
        .filter_map(|entry| {
            let mut parts = entry.key.strip_prefix("service.pipelines.")?.split('.').skip(1);
            let kind = parts.next().filter(|kind| kinds.contains(kind))?;
            Some(format!("{kind}.{}", entry.value))
        })
        .collect();
    entries.retain(|entry| {
        let Some((kind, rest)) = entry.key.split_once('.') else { return true };
        let name = rest.split('.').next().unwrap_or(rest);
        !kinds.contains(&kind) || started.contains(&format!("{kind}.{name}"))
    });
}
