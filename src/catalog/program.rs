//! Programs that connect to a server when they run, and how they are told where it is.

use serde::Deserialize;

/// What is known of the command lines of programs. Options are written with their dashes; a name without one is that of a
/// variable which does the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// What they are called, without a path and without `.sh`.
    pub names: Vec<String>,
    /// Images that start one of them by themselves, so that commands begin with its options; written like a technology's.
    #[serde(default)]
    pub images: Vec<String>,
    /// Options with a URL, `host:port`, or a list of these.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Options with a host. `host:port` is understood too, and so is a port in the word after.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Options with the port of that host.
    #[serde(default)]
    pub ports: Vec<String>,
    /// Options with the name of the user who logs in.
    #[serde(default)]
    pub users: Vec<String>,
    /// Options with his password.
    #[serde(default)]
    pub passwords: Vec<String>,
    /// Options with the database that is asked for.
    #[serde(default)]
    pub databases: Vec<String>,
    /// Options whose value, if they have one, stands in the same word: `-p` of `mysql`.
    #[serde(default)]
    pub glued: Vec<String>,
    /// Other options that have a value.
    #[serde(default)]
    pub takes: Vec<String>,
    /// Options with which it connects to nobody that could be looked at.
    #[serde(default)]
    pub except: Vec<String>,
    /// What the words are that belong to no option, where they say whom to connect to.
    pub operands: Option<Operands>,
    /// The port where none is written, if it is not the technology's.
    pub port: Option<u16>,
}

/// What words that belong to no option mean to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Operands {
    /// URLs; where no scheme is written, HTTP.
    Urls,
    /// `host:port`, or URLs.
    Addresses,
    /// A host and its port, in two words.
    HostAndPort,
    /// An address behind what is done with it: `tcp-connect:app:8080,nodelay`, `OPENSSL:app:8443`.
    Relayed,
}

/// What the value of an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A URL, `host:port`, or a list of these.
    Address,
    /// A host.
    Host,
    /// A port.
    Port,
    /// The name of a user.
    User,
    /// A password.
    Password,
    /// The name of a database.
    Database,
    /// Something else.
    Other,
}

impl Program {
    /// The options that have a value, each list with what it holds.
    #[must_use]
    pub fn parts(&self) -> [(Part, &[String]); 7] {
        [
            (Part::Address, &self.addresses),
            (Part::Host, &self.hosts),
            (Part::Port, &self.ports),
            (Part::User, &self.users),
            (Part::Password, &self.passwords),
            (Part::Database, &self.databases),
            (Part::Other, &self.takes),
        ]
    }

    /// What the value of an option is, `None` where it has none or is not known.
    #[must_use]
    pub fn part(&self, option: &str) -> Option<Part> {
        self.parts().into_iter().find(|(_, names)| names.iter().any(|name| name == option)).map(|(part, _)| part)
    }

    /// A name that could never match.
    pub(super) fn misspelt(&self) -> Option<&String> {
        let path = |name: &&String| program_name(name) != **name || name.contains(' ') || name.is_empty();
        let image = |name: &&String| !name.contains('/') || name.to_ascii_lowercase() != **name;
        let option = |name: &&String| !name.starts_with('-') || name.contains(['=', ' ']);
        let variable = |name: &&String| super::variable_name(name) != **name && option(name);
        let mut options = self.parts().into_iter().flat_map(|(_, names)| names);
        let mut alone = self.glued.iter().chain(&self.except);
        self.names
            .iter()
            .find(path)
            .or_else(|| self.images.iter().find(image))
            .or_else(|| alone.find(option))
            .or_else(|| options.find(variable))
    }
}

/// The name of the program that a word runs: without its path and without `.sh`.
#[must_use]
pub fn program_name(word: &str) -> &str {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    name.strip_suffix(".sh").or_else(|| name.strip_suffix(".exe")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Technology, catalog};

    #[test]
    fn programs_are_known_by_name_and_by_image() {
        for (word, technology) in [
            ("mysql", "mysql"),
            ("/usr/bin/mysqladmin", "mysql"),
            ("kafka-topics.sh", "kafka"),
            ("./wait-for-it.sh", "waiting"),
            ("redis-cli", "redis"),
            ("pg_isready", "postgres"),
        ] {
            let found = catalog().of_program(program_name(word)).map(|(technology, _)| technology.id.as_str());
            assert_eq!(found, Some(technology), "{word}");
        }
        assert!(catalog().of_program("my-app").is_none());
        let found =
            catalog().program_of_image("docker.io/minio/mc:latest").map(|(technology, _)| technology.id.as_str());
        assert_eq!(found, Some("minio"));
        assert!(catalog().program_of_image("minio/minio").is_none());
    }

    #[test]
    fn what_could_never_match_is_refused() {
        for (text, reason) in [
            ("{names: [bin/x]}", "bin/x"),
            ("{names: [x.sh]}", "x.sh"),
            ("{names: [x], hosts: [host]}", "host"),
            ("{names: [x], hosts: [--host=]}", "--host="),
            ("{names: [x], except: [LISTEN]}", "LISTEN"),
            ("{names: [x], images: [mc]}", "mc"),
            ("{names: [x], operands: hosts}", "hosts"),
            ("{hosts: [-h]}", "names"),
        ] {
            let error = Technology::parse("x", &format!("name: X\nprograms: [{text}]")).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let text = "name: X\nprograms: [{names: [x], hosts: [-h, X_HOST], operands: host-and-port}]";
        let program = Technology::parse("x", text).unwrap().programs.remove(0);
        assert_eq!((program.part("-h"), program.part("-x")), (Some(Part::Host), None));
    }
}
