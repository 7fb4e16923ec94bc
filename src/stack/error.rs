//! What can keep a stack from being read.

use thiserror::Error;

use crate::compose::ComposeError;

/// Why there is no stack to look at. Every text ends with what to do.
#[derive(Debug, Error)]
pub enum StackError {
    /// A compose file, or one that it names, cannot be understood.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// Nothing answers where the engine should be.
    #[error(
        "no Docker engine answers at {endpoint} ({origin}): {reason}; start Docker, or point DOCKER_HOST or \
         `docker context use` at the engine that runs"
    )]
    Unreachable {
        /// Where it was looked for.
        endpoint: String,
        /// What said that it is there.
        origin: String,
        /// What happened.
        reason: String,
    },
    /// The socket is another's.
    #[error(
        "permission denied on {endpoint} ({origin}); add yourself to its group (`sudo usermod -aG docker \"$USER\"`, \
         then log in again), run crosscheck with sudo, or use rootless Docker"
    )]
    Permission {
        /// The socket.
        endpoint: String,
        /// What said that it is the one.
        origin: String,
    },
    /// A certificate or key of ours is missing or is none.
    #[error("{path} for the TLS connection to {endpoint} ({origin}): {reason}; {help}")]
    TlsFile {
        /// The file.
        path: String,
        /// The engine that it is for.
        endpoint: String,
        /// What said that the engine is there.
        origin: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        help: &'static str,
    },
    /// The engine and we do not agree on TLS.
    #[error("TLS with the engine at {endpoint} ({origin}) failed: {reason}; {help}")]
    Tls {
        /// The engine.
        endpoint: String,
        /// What said that the engine is there.
        origin: String,
        /// What happened.
        reason: String,
        /// What to do.
        help: String,
    },
    /// A context that nobody made.
    #[error("there is no Docker context `{name}` (named by {origin}); {help}")]
    UnknownContext {
        /// Its name.
        name: String,
        /// What named it.
        origin: String,
        /// The nearest name, and those that there are.
        help: String,
    },
    /// A context that cannot be understood.
    #[error(
        "the Docker context `{name}` cannot be read from {path}: {reason}; make it anew with `docker context create`"
    )]
    Context {
        /// Its name.
        name: String,
        /// Where it is kept.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address that is none.
    #[error(
        "`{value}` ({origin}) is no address of an engine: {reason}; write unix:///path/to/docker.sock, tcp://host:port \
         or ssh://user@host"
    )]
    Address {
        /// The address.
        value: String,
        /// What gave it.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `ssh` does not bring us to an engine.
    #[error("SSH to the engine at {endpoint} ({origin}) failed: {reason}; {help}")]
    Ssh {
        /// Where the engine was looked for.
        endpoint: String,
        /// What said that it is there.
        origin: String,
        /// What happened.
        reason: String,
        /// What to do.
        help: String,
    },
    /// Something answers that is no engine.
    #[error("{endpoint} ({origin}) answers, but not as a Docker engine: {reason}; check the address and the port")]
    NotDocker {
        /// Where it was looked for.
        endpoint: String,
        /// What said that it is there.
        origin: String,
        /// What it answered.
        reason: String,
    },
    /// An engine whose API is older, or newer, than what we speak.
    #[error(
        "the engine at {endpoint} is Docker {version}, which speaks API {spoken}; crosscheck speaks {wanted}: {help}"
    )]
    Version {
        /// The engine.
        endpoint: String,
        /// Its version.
        version: String,
        /// The versions of the API that it speaks.
        spoken: String,
        /// Those that we speak.
        wanted: String,
        /// What to do.
        help: &'static str,
    },
    /// The engine refused or broke off a request.
    #[error("the engine at {endpoint} would not {request}: {reason}; {help}")]
    Request {
        /// The engine.
        endpoint: String,
        /// What it was asked for.
        request: String,
        /// What it said.
        reason: String,
        /// What to do.
        help: &'static str,
    },
    /// A file that was named and cannot be read.
    #[error(
        "cannot read {path}: {reason}; check the path, its permissions, and -f, --env-file, COMPOSE_FILE or COMPOSE_ENV_FILES where it was given"
    )]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `-f -`.
    #[error("a compose file from standard input (-f -) is not supported; write it to a file and give its path with -f")]
    StandardInput,
    /// A compose file that is no YAML.
    #[error("{path}:{line}:{column}: {reason}; mend the file, or choose the project with -p")]
    Yaml {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A `.env` file that is none.
    #[error("{path}:{line}: {reason}; mend the file, or name another with --env-file")]
    EnvFile {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A `name:` whose variables cannot be put in.
    #[error("{path}: `name:` cannot be read: {reason}; set the variable, or choose the project with -p")]
    Name {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder of whose name nothing is left.
    #[error("the folder {directory} gives its project no name; set `name:` in the compose file, or choose with -p")]
    NoName {
        /// The folder.
        directory: String,
    },
    /// A name that no project can have.
    #[error(
        "no project can be called `{name}` ({origin}): a name has only lower-case letters, digits, - and _, and starts \
         with a letter or digit; did you mean `{instead}`?"
    )]
    BadName {
        /// The name.
        name: String,
        /// What gave it.
        origin: String,
        /// The nearest name that one can have.
        instead: String,
    },
    /// The project has no containers.
    #[error("nothing of project `{project}` ({origin}) runs; {help}")]
    NothingRuns {
        /// The project.
        project: String,
        /// What gave its name.
        origin: String,
        /// How to start it, or which others run.
        help: String,
    },
    /// Several projects were started from the same file.
    #[error("several projects were started from {file}: {projects}; choose one with -p NAME")]
    SeveralOfFile {
        /// The file.
        file: String,
        /// The projects with the number of their containers.
        projects: String,
    },
    /// Several projects run and nothing chooses among them.
    #[error("several projects run: {projects}; choose one with -p NAME, or go to the folder of its compose file")]
    Several {
        /// The projects with the number of their containers.
        projects: String,
    },
    /// No project runs.
    #[error("no compose project runs on {endpoint}{stopped}; start one with `docker compose up -d`")]
    NoProject {
        /// The engine.
        endpoint: String,
        /// Projects whose containers all ended.
        stopped: String,
    },
    /// The containers went away while we looked.
    #[error(
        "the containers of project `{project}` were removed while crosscheck looked; start it with `docker compose up -d`"
    )]
    Vanished {
        /// The project.
        project: String,
    },
}
