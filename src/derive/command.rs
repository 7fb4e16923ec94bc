//! Connections that stand in the command of containers: its entrypoint and its arguments, scripts among them.
//!
//! Programs that the catalogue knows say by their options whom they connect to; of others an option is a setting by its name,
//! as a variable would be.

mod line;
mod moved;
mod options;
mod program;
mod shell;

use std::sync::LazyLock;

use self::options::Given;
use self::program::{Told, Understood};
pub use self::shell::is_shell;
use super::Connection;
use super::address;
use super::hosts::{self, Place};
use super::setting::{self, Setting};
use super::variable::{Environment, Variable};
use crate::catalog::{Known, Operands, Program, Role, Technology, catalog, program_name};
use crate::plan::OriginKind;
use crate::stack::{Container, Stack};

/// Programs that connect to nobody, whatever stands in their words.
const QUIET: &[&str] = &[
    ":", "[", "[[", "alias", "apk", "apt", "apt-get", "awk", "basename", "cat", "cd", "chmod", "chown", "cp", "cut",
    "date", "echo", "egrep", "envsubst", "export", "false", "for", "function", "grep", "head", "jq", "kill", "ln",
    "ls", "mkdir", "mv", "printf", "read", "return", "rm", "sed", "set", "shift", "sleep", "source", "tail", "tee",
    "test", "touch", "tr", "trap", "true", "type", "unset", "wait", "wc", "which", "yum",
];

/// How many commands of a container are looked at that name an address.
const MOST_COMMANDS: usize = 64;

/// What the settings of a program are called among those of its container, which has none of such a name.
const OWN: &str = "CROSSCHECK_PROGRAM_";

/// The words by which programs that nobody knows are told a host, where it is another service.
static ANY: LazyLock<Program> = LazyLock::new(|| any(None));

/// The same of scripts, which are told whom to wait for by a word of its own: `sh /start.sh kafka:9092`.
static ANY_SCRIPT: LazyLock<Program> = LazyLock::new(|| any(Some(Operands::Addresses)));

fn any(operands: Option<Operands>) -> Program {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Program {
        hosts: owned(&["--host", "-host"]),
        ports: owned(&["--port", "-port"]),
        users: owned(&["--user", "--username"]),
        passwords: owned(&["--password"]),
        databases: owned(&["--database", "--dbname"]),
        operands,
        ..Program::default()
    }
}

/// Whether a command that begins with this word connects to nobody.
fn is_quiet(word: &str) -> bool {
    QUIET.contains(&program_name(word))
}

/// Whether a container's command runs nothing but programs that serve nobody: those of the shell, and clients.
#[must_use]
pub fn runs_tools_alone(container: &Container) -> bool {
    let commands = simple(container, &container.command);
    let is_tool = |words: &Vec<String>| {
        let (at, known) = program::find(words, "", catalog());
        known.is_some() || words.get(at).is_none_or(|word| is_quiet(word) || is_shell(word))
    };
    !commands.is_empty() && commands.iter().all(is_tool)
}

/// Whether a container's command runs clients of a technology and surely not its server, as a job does in the image of the server
/// that it sets up. `scripts` are the texts of the scripts that it runs.
#[must_use]
pub fn runs_clients_of(container: &Container, technology: &Technology, scripts: &[&str]) -> bool {
    let look = |name: &str| container.variable(name).map(str::to_owned);
    let own = simple(container, &container.command);
    let inner: Vec<_> = scripts.iter().flat_map(|text| shell::script(text, &look)).collect();
    let named = |commands: &[Vec<String>]| commands.iter().flat_map(|words| program::scripts(words, catalog())).count();
    // What was not read may well start the server, and so may what is not known.
    let unread = named(&own) > scripts.len() || named(&inner) > 0;
    let serves = |words: &[String]| {
        let is_server = |name: &str| technology.signs.servers.iter().any(|server| server == name);
        started(words).any(|name| name.ends_with("entrypoint") || is_server(name))
    };
    let is_client = |words: &Vec<String>| {
        let (at, known) = program::find(words, "", catalog());
        at < words.len() && known.is_some_and(|(known, _)| known.id == technology.id) && !serves(words)
    };
    let may_serve = |words: &Vec<String>| {
        let is_unknown = || started(words).any(|name| name.contains(shell::UNKNOWN));
        serves(words) || !is_client(words) && is_unknown()
    };
    let all = || own.iter().chain(&inner);
    !unread && all().any(is_client) && !all().any(may_serve)
}

/// The scripts that a container's command runs, as it names them: with a path, or by a name alone.
#[must_use]
pub fn scripts(container: &Container) -> Vec<String> {
    let commands = simple(container, &container.command);
    commands.iter().flat_map(|words| program::scripts(words, catalog())).map(str::to_owned).collect()
}

/// Whether a container's command begins with a shell, and not with what its image is for.
#[must_use]
pub fn begins_with_a_shell(container: &Container) -> bool {
    container.command.first().is_some_and(|word| is_shell(word))
}

/// The files that a container's command writes out of others, from and to, before what it runs reads them. Who does nothing
/// else has none: they are for somebody else.
#[must_use]
pub fn copies(container: &Container) -> Vec<(String, String)> {
    if runs_tools_alone(container) {
        return Vec::new();
    }
    shell::copies(&container.command, &|name| container.variable(name).map(str::to_owned))
}

/// Every connection that the commands of the stack's containers ask for, in the order of containers and words.
#[must_use]
pub fn derive(stack: &Stack) -> Vec<Connection> {
    let containers = stack.containers.iter().filter(|container| !super::is_one_off(container));
    containers.flat_map(|container| of_words(stack, container, &container.command, OriginKind::Command)).collect()
}

/// The simple commands that words come to, or a shell's script where they are one.
pub(super) fn simple(container: &Container, words: &[String]) -> Vec<Vec<String>> {
    shell::commands(words, &|name| container.variable(name).map(str::to_owned))
}

/// The names of the programs that a simple command may start.
pub(super) use self::program::started;

/// Whom a simple command's program is told to ask, where it is one of these: hosts and addresses as they are written, none where
/// it asks whoever is beside it.
pub(super) fn told(words: &[String], programs: &[String]) -> Option<Vec<String>> {
    let (at, known) = program::find(words, "", catalog());
    words.get(at).filter(|word| programs.iter().any(|name| name == program_name(word)))?;
    let Some((_, known)) = known else { return Some(Vec::new()) };
    let understood = program::understand(words, at, known, &|_| None);
    // What is not known may be an address, where one can stand.
    let is_place = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        let option = before.is_some_and(|before| known.hosts.contains(before) || known.addresses.contains(before));
        option || known.operands.is_some() || words[at].starts_with('-')
    };
    let unknown = || words.iter().enumerate().any(|(at, word)| word.contains(shell::UNKNOWN) && is_place(at));
    if understood.told.is_empty() && unknown() {
        return None;
    }
    Some(understood.told.into_iter().map(|told| told.value).collect())
}

/// The connections that words ask for which are run as they are.
pub(super) fn of_words(stack: &Stack, container: &Container, words: &[String], kind: OriginKind) -> Vec<Connection> {
    let commands = simple(container, words);
    // An image starts its own program only where nothing else is started: no shell, and no file.
    let as_given = matches!(commands.as_slice(), [only] if only == words) && !words[0].starts_with(['/', '.']);
    Asked { stack, container, image: if as_given { &container.image } else { "" }, kind }.of_commands(&commands)
}

/// The connections that a shell's script asks for.
pub(super) fn of_script(stack: &Stack, container: &Container, script: &str, kind: OriginKind) -> Vec<Connection> {
    let commands = shell::script(script, &|name| container.variable(name).map(str::to_owned));
    Asked { stack, container, image: "", kind }.of_commands(&commands)
}

/// Whose command is looked at.
#[derive(Clone, Copy)]
struct Asked<'a> {
    stack: &'a Stack,
    container: &'a Container,
    /// The image that may start a program by itself; empty where it does not.
    image: &'a str,
    kind: OriginKind,
}

impl Asked<'_> {
    fn of_commands(self, commands: &[Vec<String>]) -> Vec<Connection> {
        let mut found: Vec<Connection> = Vec::new();
        let mut looked_at = 0;
        // What a script exports is there for whatever it runs afterwards.
        let mut exported = Vec::new();
        for words in commands {
            if words.first().is_some_and(|word| word == "export") {
                exported.extend(options::settings(&words[1..], &[], words.len()));
                continue;
            }
            let connections = self.of_command(words, &exported);
            looked_at += usize::from(!connections.is_empty());
            for connection in connections {
                let same = |known: &Connection| {
                    known.target == connection.target
                        && known.origin == connection.origin
                        && known.credentials == connection.credentials
                };
                if !found.iter().any(same) {
                    found.push(connection);
                }
            }
            if looked_at == MOST_COMMANDS {
                break;
            }
        }
        found
    }

    fn of_command(self, words: &[String], exported: &[Given]) -> Vec<Connection> {
        if let Some(told) = program::dev_tcp(words) {
            let understood = Understood { told: vec![told], ..Understood::default() };
            return self.of_program(&understood, None);
        }
        let (at, known) = program::find(words, self.image, catalog());
        // Variables that nothing is run with are the script's own.
        if known.is_none() && words.get(at).is_none_or(|word| is_quiet(word)) {
            return Vec::new();
        }
        let look = |name: &str| {
            let exported = exported.iter().rev().find(|given| given.name == name).map(|given| given.value.clone());
            exported.or_else(|| self.container.variable(name).map(str::to_owned))
        };
        let is_script = || words.get(at).is_some_and(|word| is_shell(word) || word.strip_suffix(".sh").is_some());
        let anybodys = || if is_script() { &*ANY_SCRIPT } else { &*ANY };
        let program = known.map_or_else(anybodys, |(_, program)| program);
        let mut understood = program::understand(words, at, program, &look);
        if known.is_none() {
            understood.told.retain(|told| self.is_another(told));
            if understood.told.is_empty() {
                understood = Understood::default();
            }
        }
        let mut found = self.of_program(&understood, known.map(|(technology, _)| technology));
        let mut given = options::settings(words, &understood.read, at);
        given.extend(exported.iter().cloned());
        // What nobody knows says nothing, and a password that is half known is none.
        given.retain(|given| !given.value.contains(shell::UNKNOWN));
        found.extend(self.of_settings(&given));
        found
    }

    /// Whether a host that a program nobody knows is told is that of another service; else it says where to listen.
    fn is_another(self, told: &Told) -> bool {
        let addresses = address::parse(&told.value);
        let other = |host: &str| match hosts::place(self.stack, Some(self.container), host) {
            Place::Containers(all) => all.iter().all(|other| other.service != self.container.service),
            _ => false,
        };
        !addresses.is_empty() && addresses.iter().all(|address| other(&address.host))
    }

    /// What a program is told that connects to a technology, or to whoever it is told.
    fn of_program(self, understood: &Understood, technology: Option<&'static Technology>) -> Vec<Connection> {
        let named = |end: &str| format!("{OWN}{end}");
        let mut beside: Vec<_> = understood.beside.iter().map(|(end, value)| (named(end), value.clone())).collect();
        beside.extend(self.container.environment.iter().cloned());
        let beside = Environment::new(&beside);
        // Who connects to anybody says nothing of what is spoken.
        let technology = technology.filter(|known| known.default_port.is_some() || !known.clients.addresses.is_empty());
        let connections = understood.told.iter().flat_map(|told| {
            let (end, role) = if told.host { ("HOST", Role::Host) } else { ("ADDRESS", Role::Address) };
            let known = technology.map(|technology| Known { technology, role, exact: true });
            let setting = Setting { name: &told.name, value: &told.value, location: None };
            let variable = Variable::new(&named(end));
            setting::of_client((self.stack, self.container), &setting, (&variable, known), &beside, self.kind)
        });
        connections.collect()
    }

    /// What options and variables ask for, by their names.
    fn of_settings(self, given: &[Given]) -> Vec<Connection> {
        // `--web.external-url` is what others call it.
        let is_address = |given: &&Given| {
            let followed = given.name.to_ascii_lowercase().contains("external");
            !followed && (!address::parse(&given.value).is_empty() || given.value.contains("://"))
        };
        if !given.iter().any(|given| is_address(&given)) {
            return Vec::new();
        }
        let mut beside: Vec<_> = given.iter().map(|given| (given.name.clone(), given.value.clone())).collect();
        beside.extend(self.container.environment.iter().cloned());
        let beside = Environment::new(&beside);
        let (plain, named): (Vec<_>, Vec<_>) = given.iter().filter(is_address).partition(|given| given.plain);
        let setting = |given: &'_ Given| (given.name.clone(), given.value.clone());
        let named: Vec<_> = named.into_iter().map(setting).collect();
        let settings: Vec<_> = named.iter().map(|(name, value)| Setting { name, value, location: None }).collect();
        let mut found = setting::derive(self.stack, self.container, &settings, &beside, self.kind);
        for given in plain {
            let variable = Variable::new(&given.name);
            if variable.says_elsewhere() {
                continue;
            }
            let setting = Setting { name: &given.name, value: &given.value, location: None };
            let known = catalog().of_variable(&variable.name);
            found.extend(setting::of_client(
                (self.stack, self.container),
                &setting,
                (&variable, known),
                &beside,
                self.kind,
            ));
        }
        found
    }
}

#[cfg(test)]
#[path = "command/tests.rs"]
mod tests;
