//! Which technology's server a container runs: by its image, and where nobody knows that one, by what else tells it.
//!
//! People build their databases and brokers themselves, or take them from somebody's repository. What such an image is called,
//! the program that its command starts, and a healthcheck that asks a server beside it each say enough. Of the service's name, the
//! folders of data, the settings that only a server reads and its ports it takes two. Whatever comes from an exporter, a backup,
//! a console or a client is not the server that it is named after.

mod names;

use std::collections::BTreeSet;
use std::path::Path;

use self::names::Fit;
use super::{address, command, served};
use crate::catalog::{Port, Role, Signs, Technology, catalog, repository_path, variable_name};
use crate::stack::Container;
use crate::target::{Protocol, is_loopback};

/// Images of operating systems and languages: whatever runs in them, it is no server that needs no installing.
const BASES: &[&str] = &[
    "alpine",
    "bash",
    "busybox",
    "centos",
    "debian",
    "docker",
    "eclipse-temurin",
    "fedora",
    "golang",
    "node",
    "openjdk",
    "php",
    "python",
    "ruby",
    "ubuntu",
];

/// Variables from which clients take the host that they ask.
const ASKED: &[&str] = &["PGHOST", "MYSQL_HOST"];

/// The technology of a container's server.
#[must_use]
pub fn technology(container: &Container) -> Option<&'static Technology> {
    let listed = catalog().of_image(&container.image);
    let started = started(container);
    if let Some(first) = started.first() {
        // MySQL's and MariaDB's servers have the same name, and an image may be anybody's that has another's program in it.
        return listed.filter(|listed| started.iter().any(|one| one.id == listed.id)).or(Some(first));
    }
    listed.or_else(|| {
        let program = catalog().program_of_image(&container.image);
        if program.is_some() { None } else { unlisted(container) }
    })
}

/// The technologies whose server the command starts.
fn started(container: &Container) -> Vec<&'static Technology> {
    let with_servers = || catalog().with_signs().filter(|known| !known.signs.servers.is_empty());
    let named = |server: &String| container.command.iter().any(|word| word.contains(server.as_str()));
    if !with_servers().any(|known| known.signs.servers.iter().any(named)) {
        return Vec::new();
    }
    let commands = command::simple(container, &container.command);
    let is_server = |known: &Technology, name: &str| known.signs.servers.iter().any(|server| server == name);
    let starts =
        |known: &&Technology| commands.iter().any(|words| command::started(words).any(|name| is_server(known, name)));
    with_servers().filter(starts).collect()
}

/// The technology of a server whose image is nobody's that is known.
fn unlisted(container: &Container) -> Option<&'static Technology> {
    let path = repository_path(&container.image);
    let image = path.rsplit('/').next().unwrap_or_default();
    let looks = Looks::of(container, image);
    if names::is_of_a_tool(image) || names::is_of_a_tool(&container.service) {
        return None;
    }
    let known = || catalog().with_signs();
    let named =
        |known: &&Technology| names::fit(image, &known.signs.names) == Fit::Whole && looks.evidence(known).is_some();
    if let Some(named) = known().find(named) {
        return Some(named);
    }
    if let Some(asked) = known().find(|known| is_asked_here(container, known)) {
        return Some(asked);
    }
    if BASES.contains(&image) || is_another_program(container) {
        return None;
    }
    let weights = known().filter_map(|known| Some((looks.evidence(known)?, known)));
    let weights: Vec<_> = weights.filter(|(weight, _)| *weight >= 2).collect();
    let weights: Vec<_> = weights.into_iter().filter(|(_, known)| !is_client(container, known)).collect();
    let best = weights.iter().map(|(weight, _)| *weight).max()?;
    let mut likely = weights.into_iter().filter(|(weight, _)| *weight == best).map(|(_, known)| known);
    let first = likely.next()?;
    // Where two are as likely, it must not matter which one it is.
    likely
        .all(|other| (other.protocol(), other.default_port) == (first.protocol(), first.default_port))
        .then_some(first)
}

/// Whether the healthcheck runs the technology's own program, and has it ask the server of this very container.
fn is_asked_here(container: &Container, known: &Technology) -> bool {
    let Signs { checks, .. } = &known.signs;
    let words = match container.healthcheck.split_first() {
        Some((how, words)) if how == "CMD" => words.to_vec(),
        Some((how, [script, ..])) if how == "CMD-SHELL" => vec!["sh".into(), "-c".into(), script.clone()],
        _ => return false,
    };
    if !checks.iter().any(|check| words.iter().any(|word| word.contains(check.as_str()))) {
        return false;
    }
    let is_here = |host: &str| is_this(container, host);
    let here = |value: &String| {
        let addresses = address::parse(value);
        !addresses.is_empty() && addresses.iter().all(|address| is_here(&address.host))
    };
    let asked_elsewhere = ASKED.iter().any(|name| container.variable(name).is_some_and(|host| !is_here(host)));
    let commands = command::simple(container, &words);
    !asked_elsewhere
        && commands.iter().any(|words| command::told(words, checks).is_some_and(|told| told.iter().all(here)))
}

/// Whether the command starts something that is neither a server that is known, nor a script that may start one.
fn is_another_program(container: &Container) -> bool {
    let may_start = |words: &Vec<String>| {
        let name = words.first().map_or("", |word| word.rsplit('/').next().unwrap_or_default());
        let is_script = Path::new(name).extension().is_some_and(|extension| extension == "sh");
        name.starts_with('-') || is_script || name.contains("entrypoint")
    };
    !container.command.is_empty() && !command::simple(container, &container.command).iter().any(may_start)
}

/// Whether a name or address is that of this very container.
fn is_this(container: &Container, host: &str) -> bool {
    let mut names = container.attachments.iter().flat_map(|attachment| &attachment.names);
    is_loopback(host)
        || [&container.hostname, &container.service, &container.name].into_iter().any(|own| own == host)
        || names.any(|own| own == host)
}

/// Whether the container's variables name another server of the technology: its clients have the settings of a server, too,
/// where one file serves both.
fn is_client(container: &Container, known: &Technology) -> bool {
    let leads_there = |name: &str, value: &str| {
        let by_name = catalog()
            .of_variable(&variable_name(name))
            .is_some_and(|variable| variable.technology.id == known.id || variable.technology.default_port.is_none());
        let by_scheme = |scheme: &str| {
            let scheme = scheme.split('+').next().unwrap_or(scheme);
            catalog().of_scheme(scheme).is_some_and(|(technology, _)| technology.id == known.id)
        };
        let other = |address: &address::Address| {
            let there = address.scheme.as_deref().map_or(by_name, by_scheme);
            there && !is_this(container, &address.host)
        };
        address::parse(value).iter().any(other)
    };
    let variables = container.environment.iter();
    // Its own settings name itself by any name that it has, and its peers.
    let own = |name: &String| {
        let is_peer = catalog().of_variable(name).is_some_and(|variable| variable.role == Role::Peer);
        is_peer || known.signs.settings.contains(name)
    };
    let mut variables = variables.filter(|(name, _)| !own(&variable_name(name)));
    variables.any(|(name, value)| leads_there(name, value))
}

/// What is seen of a container from outside of its image.
struct Looks<'a> {
    container: &'a Container,
    /// The last word of its image's path.
    image: &'a str,
    /// Its variables, as the catalogue writes them.
    variables: BTreeSet<String>,
    /// The ports that it serves.
    ports: Vec<u16>,
}

impl<'a> Looks<'a> {
    fn of(container: &'a Container, image: &'a str) -> Self {
        let published = container.ports.iter().chain(&container.wanted_ports).map(|port| port.container_port);
        Self {
            container,
            image,
            variables: container.environment.iter().map(|(name, _)| variable_name(name)).collect(),
            ports: published.chain(container.exposed.iter().copied()).collect(),
        }
    }

    /// How many things are as they are in a technology's servers: two are enough. `None` where it serves ports, and none of
    /// that technology's.
    fn evidence(&self, known: &Technology) -> Option<usize> {
        let Self { container, image, variables, ports } = self;
        let signs = &known.signs;
        let settings = signs.settings.iter().any(|wanted| variables.contains(wanted));
        let its_own = || ports.iter().any(|&port| served::port_of(container, known, port).is_some());
        // A broker's settings say which ports it has.
        let may_differ = settings && known.protocol() == Protocol::Kafka;
        if !ports.is_empty() && !may_differ && !its_own() {
            return None;
        }
        let speaks = |port: &Port| port.protocol == known.protocol();
        let port = ports.iter().any(|port| known.ports.get(port).is_some_and(speaks));
        let is_data = |folder: &str| signs.data.iter().any(|data| Path::new(folder).starts_with(data));
        let data = container.mounts.iter().any(|mount| is_data(&mount.destination));
        let fit = names::fit(&container.service, &signs.names);
        // What an image is named after beside its own purpose may be whom it uses: settings may come from a shared file.
        let image_is_named = names::fit(image, &signs.names) != Fit::Not;
        let name =
            fit != Fit::Not || names::is_of_any_database(&container.service) || ((data || port) && image_is_named);
        // Compose calls an image after the service for which it was built, and people call theirs so.
        let built = image.strip_suffix(container.service.as_str()).is_some_and(|rest| rest.ends_with(['-', '_']));
        let certain = fit == Fit::Whole && (built || image_is_named) && container.command.is_empty();
        Some([name, data, settings, port, certain].into_iter().filter(|&it| it).count())
    }
}

#[cfg(test)]
mod tests;
