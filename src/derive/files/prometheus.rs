//! The jobs of Prometheus: whom it asks for metrics, by which scheme, and whom it lets an exporter ask in its place.

use std::collections::BTreeMap;
use std::path::Path;

use super::mounted::MountedFile;
use super::stated::{self, Address};
use super::values::{self, Value};
use crate::catalog::Reader;
use crate::derive::Connection;
use crate::derive::hosts::{self, Place};
use crate::stack::{Container, Stack};

/// No more targets than these are taken from one file.
const MOST_TARGETS: usize = 1024;

/// How the origin of a target says for which job it is asked.
#[must_use]
pub fn of_job(job: &str) -> String {
    format!("(job {job})")
}

/// Where jobs stand, by who reads the file: the start of their keys.
fn prefix(reader: Option<Reader>) -> Option<&'static str> {
    match reader? {
        Reader::Prometheus => Some("scrape_configs."),
        Reader::OtelCollector => Some("receivers.prometheus.config.scrape_configs."),
        Reader::Application | Reader::Unknown => None,
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
    let parent = file.named_by.as_ref().and_then(|naming| {
        let parent = files.iter().find(|parent| parent.path == naming.path && parent.named_by.is_none())?;
        Some((naming, values::of(container, parent, &[]), prefix(parent.rule.reader)?))
    });
    let values = match (prefix(file.rule.reader), &parent) {
        (None, None) => return Vec::new(),
        _ => values::of(container, file, &[]),
    };
    let mut found = Found::default();
    if let Some(prefix) = prefix(file.rule.reader) {
        for job in jobs(&values, prefix) {
            job.read(&mut found);
        }
    } else if let Some((naming, outer, prefix)) = &parent {
        for job in jobs(outer, prefix).iter().filter(|job| naming.key.starts_with(&job.start)) {
            job.targets(values.iter().filter(|value| is_target(&value.entry.key)), &mut found);
        }
    }
    let mut connections = stated::connections(stack, container, &addresses(&found.own), &[], here);
    let mut by_exporter = BTreeMap::<&str, Vec<&Asked>>::new();
    for (exporter, asked) in &found.probed {
        by_exporter.entry(exporter).or_default().push(asked);
    }
    for (exporter, asked) in by_exporter {
        let host = exporter.rsplit_once(':').map_or(exporter, |(host, _)| host);
        if let Place::Containers(containers) = hosts::place(stack, Some(container), host) {
            let asked = addresses(asked);
            connections
                .extend(containers.iter().flat_map(|exporter| stated::connections(stack, exporter, &asked, &[], here)));
        }
    }
    connections
}

/// A value that names somebody who is asked, the address that it means, and the job for which it is asked.
type Asked<'a> = (&'a Value<'a>, String, Option<&'a str>);

fn addresses<'a>(asked: impl IntoIterator<Item = &'a Asked<'a>>) -> Vec<Address<'a>> {
    let address = |(value, address, job): &'a Asked<'a>| Address {
        entry: &value.entry,
        file: value.file,
        value: address.clone(),
        within: job.map(of_job),
        read_as: None,
        given: &value.given,
    };
    asked.into_iter().take(MOST_TARGETS).map(address).collect()
}

/// Whom Prometheus asks, and whom an exporter asks in its place, with the exporter's address.
#[derive(Default)]
struct Found<'a> {
    own: Vec<Asked<'a>>,
    probed: Vec<(&'a str, Asked<'a>)>,
}

/// A job, or a group of Alertmanagers.
struct Job<'a> {
    /// The start of its keys, with the dot at the end.
    start: String,
    values: Vec<&'a Value<'a>>,
    scheme: &'a str,
    relabelled: Relabelled<'a>,
}

fn jobs<'a>(values: &'a [Value<'a>], prefix: &str) -> Vec<Job<'a>> {
    let mut jobs: Vec<Job> = Vec::new();
    for prefix in [prefix, "alerting.alertmanagers."] {
        for value in values {
            let Some(rest) = value.entry.key.strip_prefix(prefix) else { continue };
            let index = rest.split('.').next().unwrap_or(rest);
            // What belongs to one stands together.
            match jobs.last_mut().filter(|job| value.entry.key.starts_with(&job.start)) {
                Some(job) => job.values.push(value),
                None => jobs.push(Job {
                    start: format!("{prefix}{index}."),
                    values: vec![value],
                    scheme: "http",
                    relabelled: Relabelled::No,
                }),
            }
        }
    }
    for job in &mut jobs {
        job.scheme = job.get("scheme").unwrap_or("http");
        job.relabelled = job.relabelled();
    }
    jobs
}

/// `….targets.0`
fn is_target(key: &str) -> bool {
    let mut parts = key.rsplit('.');
    parts.next().is_some_and(|index| index.bytes().all(|byte| byte.is_ascii_digit())) && parts.next() == Some("targets")
}

/// How a job's targets are rewritten before they are asked.
#[derive(Clone, Copy)]
enum Relabelled<'a> {
    /// Not at all.
    No,
    /// Somebody else is asked, about them.
    Instead(&'a Value<'a>),
    /// In a way that is not known here.
    Somehow,
}

impl<'a> Job<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        let mut values = self.values.iter();
        values.find(|value| value.entry.key[self.start.len()..] == *key).map(|value| value.entry.value.as_str())
    }

    fn within(&self, key: &str) -> impl Iterator<Item = &'a Value<'a>> {
        let start = format!("{}{key}.", self.start);
        self.values.iter().copied().filter(move |value| value.entry.key.starts_with(&start))
    }

    fn read(&self, found: &mut Found<'a>) {
        self.targets(self.within("static_configs").filter(|value| is_target(&value.entry.key)), found);
        if let Relabelled::Instead(exporter) = self.relabelled {
            found.own.push(self.asked(exporter, &exporter.entry.value));
        }
        // A name that DNS has: every address that it leads to is asked at the port that is said here.
        for name in self.within("dns_sd_configs").filter(|value| value.entry.name().rsplit('.').next() == Some("names"))
        {
            let group = name.entry.key[self.start.len()..].split('.').take(2).collect::<Vec<_>>().join(".");
            let kind = self.get(&format!("{group}.type")).unwrap_or("SRV");
            let port = self.get(&format!("{group}.port"));
            if let (Some(port), true, Relabelled::No) = (port, kind != "SRV", self.relabelled) {
                found.own.push(self.asked(name, &format!("{}:{port}", name.entry.value)));
            }
        }
    }

    /// Targets that stand in this job or in a file that it names.
    fn targets(&self, targets: impl Iterator<Item = &'a Value<'a>>, found: &mut Found<'a>) {
        let module = self.within("params").find(|param| param.entry.name().ends_with(".module"));
        let module = module.map(|module| module.entry.value.to_ascii_lowercase()).unwrap_or_default();
        for value in targets {
            match self.relabelled {
                Relabelled::No => found.own.push(self.asked(value, &value.entry.value)),
                Relabelled::Instead(exporter) => {
                    let exporter = exporter.entry.value.as_str();
                    let job = self.get("job_name");
                    found.probed.extend(probed(value, &module, job).map(|asked| (exporter, asked)));
                }
                Relabelled::Somehow => {}
            }
        }
    }

    fn asked(&self, value: &'a Value<'a>, address: &str) -> Asked<'a> {
        let address = if address.contains("://") { address.to_owned() } else { format!("{}://{address}", self.scheme) };
        (value, address, self.get("job_name"))
    }

    fn relabelled(&self) -> Relabelled<'a> {
        let sets =
            |value: &&Value, label: &str| value.entry.key.ends_with(".target_label") && value.entry.value == label;
        let Some(rule) = self.within("relabel_configs").find(|value| sets(value, "__address__")) else {
            return Relabelled::No;
        };
        let replacement = format!("{}.replacement", rule.entry.parent());
        let replacement = self.within("relabel_configs").find(|value| value.entry.key == replacement);
        let is_parameter = self.within("relabel_configs").any(|value| sets(&value, "__param_target"));
        match replacement.filter(|value| is_parameter && !value.entry.value.contains('$')) {
            Some(value) => Relabelled::Instead(value),
            None => Relabelled::Somehow,
        }
    }
}

/// What an exporter connects to for a target, where the name of its module says so.
fn probed<'a>(value: &'a Value<'a>, module: &str, job: Option<&'a str>) -> Option<Asked<'a>> {
    let scheme = ["http", "tcp"].into_iter().find(|scheme| module.contains(scheme))?;
    let target = &value.entry.value;
    let address = if target.contains("://") { target.clone() } else { format!("{scheme}://{target}") };
    Some((value, address, job))
}
