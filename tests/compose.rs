//! Our reading of compose files against Compose's own: what `docker compose config` makes of a file, we make of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use crosscheck::compose::{self, Project, Service, Set};
use crosscheck::stack::declaration;
use crosscheck::stack::project::Selection;
use crosscheck::stack::surroundings::Surroundings;
use serde_json::{Value, json};

/// Every folder with a compose file among those that the repository has.
fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> = ["tests/plans", "compose-fixtures/stacks", "compose-fixtures/incident"]
        .iter()
        .flat_map(|of| std::fs::read_dir(root.join(of)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

/// The variables of the environment, the same for Compose and for us.
fn environment() -> [(String, String); 2] {
    let path = std::env::var("PATH").unwrap_or_default();
    [("PATH".into(), path), ("HOME".into(), "/home/somebody".into())]
}

fn ours(folder: &Path) -> Option<Project> {
    let surroundings =
        Surroundings { directory: folder.to_owned(), variables: environment().into(), ..Surroundings::default() };
    let found = declaration::find(&Selection::default(), &surroundings).unwrap();
    if found.files.is_empty() || found.files[0].parent() != Some(folder) {
        return None;
    }
    let set = Set { files: found.files, directory: found.directory, variables: found.variables };
    Some(compose::read(&set, &[], &compose::from_disk).unwrap_or_else(|error| panic!("{}: {error}", folder.display())))
}

fn theirs(folder: &Path) -> Value {
    let mut command = Command::new("docker");
    command.args(["compose", "config", "--format", "json"]).current_dir(folder).env_clear().envs(environment());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", folder.display(), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A service of ours in the form of Compose, as far as we read it.
fn shown(service: &Service) -> BTreeMap<&'static str, Value> {
    let words = |words: &[compose::Placed<String>]| words.iter().map(|word| word.value.clone()).collect::<Vec<_>>();
    let pairs = |pairs: &BTreeMap<String, compose::Placed<String>>| {
        pairs.iter().map(|(name, placed)| (name.clone(), placed.value.clone())).collect::<BTreeMap<_, _>>()
    };
    let ports: BTreeSet<_> = service
        .ports
        .iter()
        .map(|port| {
            let host = port.host.map(|host| host.to_string()).unwrap_or_default();
            format!(
                "{host} {}->{} {}",
                port.published.map(|port| port.to_string()).unwrap_or_default(),
                port.target,
                port.tcp
            )
        })
        .collect();
    let mounts: BTreeSet<_> = service
        .mounts
        .iter()
        .filter(|mount| !matches!(mount.kind.as_str(), "config" | "secret"))
        .map(|mount| format!("{} {} {}", mount.kind, mount.source, mount.target))
        .collect();
    let networks: BTreeMap<_, _> = service.networks.iter().map(|(key, on)| (key.clone(), &on.aliases)).collect();
    let environment: BTreeMap<_, _> =
        service.environment.iter().map(|(name, placed)| (name.clone(), placed.value.clone())).collect();
    let hosts: BTreeSet<_> =
        service.extra_hosts.iter().map(|host| host.replacen(':', "=", usize::from(!host.contains('=')))).collect();
    BTreeMap::from([
        ("image", json!(service.image.as_ref().map(|image| &image.value))),
        ("environment", json!(environment)),
        ("command", json!(service.command.as_deref().map(words))),
        ("entrypoint", json!(service.entrypoint.as_deref().map(words))),
        ("healthcheck", json!(words(&service.healthcheck))),
        ("ports", json!(ports)),
        ("networks", json!(networks)),
        ("network_mode", json!(service.network_mode.as_ref().map(|mode| &mode.value))),
        ("depends_on", json!(pairs(&service.depends_on))),
        ("mounts", json!(mounts)),
        ("container_name", json!(service.container_name)),
        ("hostname", json!(service.hostname)),
        ("extra_hosts", json!(hosts)),
        ("labels", json!(pairs(&service.labels))),
    ])
}

/// The same of what Compose says.
fn resolved(service: &Value) -> BTreeMap<&'static str, Value> {
    let dollars = |value: &Value| match value.as_str() {
        // The resolved form doubles dollars, so that reading it again gives the same.
        Some(text) => json!(text.replace("$$", "$")),
        None => value.clone(),
    };
    let list = |value: &Value| match value {
        Value::Null => Value::Null,
        list => list.as_array().into_iter().flatten().map(dollars).collect(),
    };
    let map = |value: &Value| -> BTreeMap<String, Value> {
        value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), dollars(value))).collect()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let ports: BTreeSet<_> = items(&service["ports"])
        .iter()
        .map(|port| {
            // A range, of which the engine chooses one.
            let published = text(&port["published"]);
            let published = if published.contains('-') { String::new() } else { published };
            format!("{} {published}->{} {}", text(&port["host_ip"]), port["target"], port["protocol"] == "tcp")
        })
        .collect();
    let mounts: BTreeSet<_> = items(&service["volumes"])
        .iter()
        .map(|mount| format!("{} {} {}", text(&mount["type"]), text(&mount["source"]), text(&mount["target"])))
        .collect();
    let networks: BTreeMap<_, BTreeSet<_>> = service["networks"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, network)| (key.clone(), items(&network["aliases"]).iter().map(text).collect()))
        .collect();
    let conditions: BTreeMap<_, _> = service["depends_on"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, dependency)| (name.clone(), text(&dependency["condition"])))
        .collect();
    let hosts: BTreeSet<_> = items(&service["extra_hosts"]).iter().map(text).collect();
    let healthcheck = match list(&service["healthcheck"]["test"]) {
        Value::Null => json!([]),
        command => command,
    };
    BTreeMap::from([
        ("image", service["image"].clone()),
        ("environment", json!(map(&service["environment"]))),
        ("command", list(&service["command"])),
        ("entrypoint", list(&service["entrypoint"])),
        ("healthcheck", healthcheck),
        ("ports", json!(ports)),
        ("networks", json!(networks)),
        ("network_mode", service["network_mode"].clone()),
        ("depends_on", json!(conditions)),
        ("mounts", json!(mounts)),
        ("container_name", service["container_name"].clone()),
        ("hostname", service["hostname"].clone()),
        ("extra_hosts", json!(hosts)),
        ("labels", json!(map(&service["labels"]))),
    ])
}

#[test]
fn what_compose_makes_of_a_file_we_make_of_it() {
    if std::env::var_os("CROSSCHECK_LIVE").is_none() {
        return;
    }
    let (mut files, mut values, mut differ) = (0, 0, Vec::new());
    for folder in folders() {
        let Some(project) = ours(&folder) else { continue };
        let theirs = theirs(&folder);
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        files += 1;
        let known: BTreeSet<_> = theirs["services"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
        assert_eq!(project.services.keys().collect::<BTreeSet<_>>(), known, "{name}");
        for (service, declared) in &project.services {
            let (ours, theirs) = (shown(declared), resolved(&theirs["services"][service]));
            for (key, ours) in ours {
                values += 1;
                if ours != theirs[key] {
                    differ.push(format!("{name} {service}.{key}\n  ours   {ours}\n  theirs {}", theirs[key]));
                }
            }
        }
    }
    println!("{files} declarations, {values} values compared, {} differ", differ.len());
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(files >= 60, "only {files} declarations were compared");
}

/// Small declarations, and whether Compose takes them.
const DECLARATIONS: &[(&str, bool)] = &[
    ("services: {app: {image: a, depends_on: [db]}}", false),
    ("services: {app: {image: a, depends_on: [db]}, db: {image: d}}", true),
    ("services: {app: {image: a, depends_on: [db]}, db: {image: d, profiles: [x]}}", false),
    (
        "services: {app: {image: a, depends_on: {db: {condition: service_started, required: false}}}, db: {image: d, profiles: [x]}}",
        true,
    ),
    ("services: {app: {image: a, profiles: [x], depends_on: [db], networks: [net], volumes: ['data:/d']}}", true),
    ("services: {app: {image: a, profiles: ['${NOTHING:-}'], depends_on: [db]}}", false),
    ("services: {app: {image: a, links: ['db:x']}}", false),
    ("services: {app: {image: a, network_mode: 'service:db'}}", false),
    ("services: {app: {image: a, network_mode: 'container:db'}}", true),
    ("services: {app: {image: a, pid: 'service:db'}}", false),
    ("services: {app: {image: a, volumes_from: [db]}}", false),
    ("services: {app: {image: a, volumes_from: ['container:db']}}", true),
    ("services: {app: {image: a, external_links: [db]}}", true),
    ("services: {app: {image: a, networks: [net]}}", false),
    ("services: {app: {image: a, networks: {net: {aliases: [x]}}}}", false),
    ("services: {app: {image: a, networks: [default]}}", true),
    ("{services: {app: {image: a, networks: [net]}}, networks: {net: }}", true),
    ("{services: {app: {image: a, networks: [net]}}, networks: {net: {external: true}}}", true),
    ("services: {app: {image: a, networks: [host]}}", false),
    ("services: {app: {image: a, volumes: ['data:/d']}}", false),
    ("services: {app: {image: a, volumes: ['data/deep:/d']}}", false),
    ("services: {app: {image: a, volumes: [{type: volume, source: data, target: /d}]}}", false),
    ("services: {app: {image: a, volumes: [{type: volume, target: /d}, /e, './x:/x', '..:/y', '~:/z', 'v:/v']}}", true),
    ("{services: {app: {image: a, volumes: ['data:/d']}}, volumes: {data: {name: other}}}", true),
    ("services: {app: {image: a, configs: [web]}}", false),
    ("services: {app: {image: a, secrets: [{source: key}]}}", false),
    ("{services: {app: {image: a, secrets: [key]}}, secrets: {key: {external: true}}}", true),
    ("services: {app: {image: a, -networks: []}}", false),
    ("services: {app: {image: a, profiles: [x], net: host}}", false),
    ("{services: {app: {image: a, x-net: host}}, x-anything: 1, version: '3', name: shop}", true),
    ("{services: {app: {image: a}}, service: {}}", false),
    ("services: {app: {extends: {service: base}}, base: {image: b, networks: [net]}}", false),
    ("{services: {app: {extends: {service: base}}, base: {image: b, networks: [net]}}, networks: {net: {}}}", true),
    (
        "{x-base: &base {image: a, restart: always}, services: {app: {<<: *base, depends_on: [db]}, db: {<<: *base}}}",
        true,
    ),
];

#[test]
fn what_compose_refuses_we_refuse() {
    let live = std::env::var_os("CROSSCHECK_LIVE").is_some();
    let folder = tempfile::tempdir().unwrap();
    for (text, taken) in DECLARATIONS {
        let path = folder.path().join("compose.yaml");
        std::fs::write(&path, text).unwrap();
        let set = Set { files: vec![path], directory: folder.path().to_owned(), ..Set::default() };
        let ours = compose::read(&set, &[], &compose::from_disk);
        assert_eq!(ours.is_ok(), *taken, "{text}: {:?}", ours.err());
        if live {
            let mut command = Command::new("docker");
            let command = command.args(["compose", "config", "-q"]).current_dir(folder.path());
            let output = command.env_clear().envs(environment()).output().unwrap();
            assert_eq!(output.status.success(), *taken, "{text}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
