//! The jobs of Prometheus: whom it asks for metrics, by which scheme, and whom it lets an exporter ask in its place.

use std::path::Path;

use super::entry::Entry;
use super::mounted::MountedFile;
use super::stated::{self, Address};
use crate::catalog::Reader;
use crate::derive::Connection;
use crate::derive::hosts::{self, Place};
use crate::stack::{Container, Stack};

/// Where jobs stand, by who reads the file: the start of their keys.
fn prefix(reader: Option<Reader>) -> Option<&'static str> {
    match reader? {
        Reader::Prometheus => Some("scrape_configs."),
        Reader::OtelCollector => Some("receivers.prometheus.config.scrape_configs."),
        Reader::Application => None,
    }
}

/// The connections of the jobs in a file, or of the targets in a file that one of `files` names.
#[must_use]
pub fn derive(
    stack: &Stack,
    container: &Container,
    (file, files): (&MountedFile, &[&MountedFile]),
    here: &Path,
) -> Vec<Connection> {
    let entries = stated::entries(container, file);
    let mut found = Found::default();
    if let Some(prefix) = prefix(file.rule.reader) {
        for job in jobs(&entries, prefix) {
            job.read(&mut found);
        }
    } else if let Some(naming) = &file.named_by
        && let Some(parent) = files.iter().find(|parent| parent.path == naming.path)
        && let Some(prefix) = prefix(parent.rule.reader)
    {
        let outer = stated::entries(container, parent);
        for job in jobs(&outer, prefix).filter(|job| naming.key.starts_with(&job.start)) {
            job.targets(entries.iter().filter(|entry| is_target(&entry.key)), &mut found);
        }
    } else {
        return Vec::new();
    }
    let mut connections = stated::connections(stack, container, (file, &[]), &found.own, here);
    for (exporter, address) in found.probed {
        let host = exporter.rsplit_once(':').map_or(exporter.as_str(), |(host, _)| host);
        if let Place::Containers(containers) = hosts::place(stack, Some(container), host) {
            let addresses = std::slice::from_ref(&address);
            let all =
                containers.iter().map(|exporter| stated::connections(stack, exporter, (file, &[]), addresses, here));
            connections.extend(all.flatten());
        }
    }
    connections
}

/// Whom Prometheus asks, and whom an exporter asks in its place, with the exporter's address.
#[derive(Default)]
struct Found {
    own: Vec<Address>,
    probed: Vec<(String, Address)>,
}

/// A job, or a group of Alertmanagers.
struct Job<'a> {
    /// The start of its keys, with the dot at the end.
    start: String,
    entries: Vec<&'a Entry>,
}

fn jobs<'a>(entries: &'a [Entry], prefix: &str) -> impl Iterator<Item = Job<'a>> {
    let mut starts: Vec<String> = Vec::new();
    for prefix in [prefix, "alerting.alertmanagers."] {
        for entry in entries {
            let Some(index) = entry.key.strip_prefix(prefix).and_then(|rest| rest.split('.').next()) else { continue };
            let start = format!("{prefix}{index}.");
            if starts.last() != Some(&start) {
                starts.push(start);
            }
        }
    }
    starts.into_iter().map(|start| {
        let own = entries.iter().filter(|entry| entry.key.starts_with(&start)).collect();
        Job { start, entries: own }
    })
}

/// `….targets.0`
fn is_target(key: &str) -> bool {
    let mut parts = key.rsplit('.');
    parts.next().is_some_and(|index| index.bytes().all(|byte| byte.is_ascii_digit())) && parts.next() == Some("targets")
}

/// How a job's targets are rewritten before they are asked.
enum Relabelled<'a> {
    /// Not at all.
    No,
    /// Somebody else is asked, about them.
    Instead(&'a Entry),
    /// In a way that is not known here.
    Somehow,
}

impl<'a> Job<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.entries.iter().find(|entry| entry.key[self.start.len()..] == *key).map(|entry| entry.value.as_str())
    }

    fn within(&self, key: &str) -> impl Iterator<Item = &'a Entry> {
        let start = format!("{}{key}.", self.start);
        self.entries.iter().copied().filter(move |entry| entry.key.starts_with(&start))
    }

    fn scheme(&self) -> &'a str {
        self.get("scheme").unwrap_or("http")
    }

    fn read(&self, found: &mut Found) {
        self.targets(self.within("static_configs").filter(|entry| is_target(&entry.key)), found);
        if let Relabelled::Instead(exporter) = self.relabelled() {
            found.own.push(self.address(exporter, &exporter.value));
        }
        // A name that DNS has: every address that it leads to is asked at the port that is said here.
        for name in self.within("dns_sd_configs").filter(|entry| entry.name().ends_with(".names")) {
            let group = name.key[self.start.len()..].split('.').take(2).collect::<Vec<_>>().join(".");
            let kind = self.get(&format!("{group}.type")).unwrap_or("SRV");
            let port = self.get(&format!("{group}.port"));
            if let (Some(port), true, Relabelled::No) = (port, kind != "SRV", self.relabelled()) {
                found.own.push(self.address(name, &format!("{}:{port}", name.value)));
            }
        }
    }

    /// Targets that stand in this job or in a file that it names.
    fn targets<'e>(&self, targets: impl Iterator<Item = &'e Entry>, found: &mut Found) {
        let relabelled = self.relabelled();
        for entry in targets {
            match &relabelled {
                Relabelled::No => found.own.push(self.address(entry, &entry.value)),
                Relabelled::Instead(exporter) => {
                    found.probed.extend(self.probed(entry).map(|address| (exporter.value.clone(), address)));
                }
                Relabelled::Somehow => {}
            }
        }
    }

    fn address(&self, entry: &Entry, value: &str) -> Address {
        let value = if value.contains("://") { value.to_owned() } else { format!("{}://{value}", self.scheme()) };
        Address { entry: entry.clone(), value, read_as: None }
    }

    /// What an exporter connects to for a target, where the names of its modules say so.
    fn probed(&self, entry: &Entry) -> Option<Address> {
        let module = self.within("params").find(|param| param.name().ends_with(".module"))?.value.to_ascii_lowercase();
        let scheme = if module.contains("http") { "http" } else { "tcp" };
        let known = ["http", "tcp"].iter().any(|known| module.contains(known));
        let url = entry.value.contains("://");
        let value = if url { entry.value.clone() } else { format!("{scheme}://{}", entry.value) };
        known.then(|| Address { entry: entry.clone(), value, read_as: None })
    }

    fn relabelled(&self) -> Relabelled<'a> {
        let rule = |entry: &&Entry, target: &str| entry.key.ends_with(".target_label") && entry.value == target;
        let Some(label) = self.within("relabel_configs").find(|entry| rule(entry, "__address__")) else {
            return Relabelled::No;
        };
        let replacement = format!("{}.replacement", label.parent());
        let replacement = self.entries.iter().copied().find(|entry| entry.key == replacement);
        let is_parameter = self.within("relabel_configs").any(|entry| rule(&entry, "__param_target"));
        match replacement.filter(|entry| is_parameter && !entry.value.contains('$')) {
            Some(entry) => Relabelled::Instead(entry),
            None => Relabelled::Somehow,
        }
    }
}
