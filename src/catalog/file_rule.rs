//! What a technology's configuration files are, and which of their keys hold addresses: `files` in a technology's file.

use serde::Deserialize;
use wildmatch::WildMatch;

use super::address_key::{AddressKey, KeyPattern};

/// Files of one kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileRule {
    /// Paths in the container, with `*` in the last part; without a leading `/`, the ends of paths.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Options of the command, and variables, that name such a file; globs, without leading hyphens.
    #[serde(default)]
    pub named_by: Vec<Glob>,
    /// In a rule within `also`, the keys whose values name files.
    #[serde(default)]
    pub keys: Vec<KeyPattern>,
    /// How it is written, where its extension does not say so.
    pub format: Option<Format>,
    /// Who reads it, where that takes more than a list of keys.
    pub reader: Option<Reader>,
    /// The keys that hold addresses. Where this is not said, every key is a setting that its name explains.
    pub addresses: Option<Vec<AddressKey>>,
    /// The files that it names itself.
    #[serde(default)]
    pub also: Vec<FileRule>,
}

/// A pattern of a name, whatever its case.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "String")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(with = "String"))]
pub struct Glob(WildMatch);

impl From<String> for Glob {
    fn from(text: String) -> Self {
        Self(WildMatch::new(&text.to_ascii_lowercase()))
    }
}

impl Glob {
    /// Whether a name is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(&name.to_ascii_lowercase())
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
    /// TOML.
    Toml,
    /// Java's `.properties`.
    Properties,
    /// Sections with `name = value`.
    Ini,
    /// `NAME=value`, as `.env` files have it.
    Env,
    /// A directive a line, its words separated by blanks.
    Words,
    /// nginx.
    Nginx,
    /// `HAProxy`.
    Haproxy,
    /// Caddy.
    Caddyfile,
    /// `HashiCorp`'s configuration language.
    Hcl,
    /// A pipeline of Logstash.
    Logstash,
    /// XML.
    Xml,
    /// XML whose elements `property` have a `name` and a `value`, as Hadoop's files do.
    Hadoop,
    /// A script of k6.
    K6,
    /// Settings in Python: `NAME = "text"`.
    Python,
    /// A shell's script, of which what its programs are told counts.
    Shell,
}

/// Who reads a file in a way of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    /// An application framework: environment over profiles over the file, placeholders.
    Application,
    /// Prometheus: jobs with schemes, discovery and relabelling.
    Prometheus,
    /// The OpenTelemetry collector, which starts only what a pipeline names.
    OtelCollector,
    /// An application that nobody knows: of a file that is mounted by itself, what leads to a service of the stack counts.
    Unknown,
}

/// Names of folders and files that say nothing of whose they are.
const ANYBODYS_FOLDERS: &[&str] = &[
    "*",
    "app",
    "bin",
    "conf",
    "config",
    "configs",
    "configuration",
    "data",
    "default",
    "etc",
    "home",
    "lib",
    "local",
    "main",
    "mnt",
    "opt",
    "root",
    "run",
    "server",
    "servers",
    "settings",
    "share",
    "shared",
    "srv",
    "tmp",
    "usr",
    "var",
    "work",
];

impl Format {
    /// The format that the extension of a path stands for.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let (_, extension) = name.rsplit_once('.')?;
        Some(match extension.to_ascii_lowercase().as_str() {
            "yml" | "yaml" => Self::Yaml,
            "json" => Self::Json,
            "toml" => Self::Toml,
            "properties" => Self::Properties,
            "ini" | "cnf" => Self::Ini,
            "env" => Self::Env,
            "hcl" => Self::Hcl,
            "xml" => Self::Xml,
            _ => return None,
        })
    }
}

impl FileRule {
    /// How a file of this kind is written; `None` where neither the rule nor its extension says so.
    #[must_use]
    pub fn format_of(&self, path: &str) -> Option<Format> {
        self.format.or_else(|| Format::of_path(path))
    }

    /// Whether an option or a variable names such files.
    #[must_use]
    pub fn is_named_by(&self, option: &str) -> bool {
        let option = option.to_ascii_lowercase();
        self.named_by.iter().any(|glob| glob.0.matches(&option))
    }

    /// The paths at which only this technology's files are, whatever the image: `/etc/nginx/nginx.conf`, and not `/config/config.yml`.
    pub fn telling_paths(&self) -> impl Iterator<Item = &str> {
        let is_name =
            |part: &&str| !ANYBODYS_FOLDERS.contains(&part.split('.').find(|word| !word.is_empty()).unwrap_or("*"));
        let tells = move |path: &&str| {
            path.starts_with('/') && path.split('/').filter(|part| !part.is_empty()).any(|part| is_name(&part))
        };
        self.paths.iter().map(String::as_str).filter(tells)
    }

    /// What makes the rule useless, where it is: `top` for those of a technology, which need a way to their files.
    #[must_use]
    pub fn mistake(&self, top: bool) -> Option<String> {
        let folders =
            self.paths.iter().find(|path| path.rsplit_once('/').is_some_and(|(folder, _)| folder.contains('*')));
        if top && self.paths.is_empty() && self.named_by.is_empty() {
            return Some("a file needs `paths` or `named_by`".into());
        }
        if top != self.keys.is_empty() {
            return Some("`keys` stand within `also`, and are needed there".into());
        }
        if let Some(path) = folders {
            return Some(format!("{path:?} has a * before its last part"));
        }
        self.also.iter().find_map(|rule| rule.mistake(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::typed;

    #[test]
    fn a_rule_says_what_is_wrong_with_it() {
        for (text, wrong) in [
            ("paths: [/etc/x.yml]", None),
            ("named_by: [config]\nalso: [{keys: [a.*]}]", None),
            ("format: yaml", Some("paths")),
            ("paths: [/etc/*/x.yml]", Some("last part")),
            ("paths: [/etc/x.yml]\nkeys: [a]", Some("within")),
            ("paths: [/etc/x.yml]\nalso: [{format: yaml}]", Some("needed")),
        ] {
            let rule: FileRule = typed::parse(text).unwrap();
            let mistake = rule.mistake(true);
            assert_eq!(mistake.is_some(), wrong.is_some(), "{text}: {mistake:?}");
            assert!(mistake.unwrap_or_default().contains(wrong.unwrap_or_default()), "{text}");
        }
    }

    #[test]
    fn a_path_may_say_whose_it_is() {
        for (path, tells) in [
            ("/etc/nginx/nginx.conf", true),
            ("/etc/mimir.yaml", true),
            ("/traefik.yml", true),
            ("/usr/share/logstash/pipeline/*.conf", true),
            ("/consul/config/*.hcl", true),
            ("/config/configuration.yml", false),
            ("/app/data/configuration.yaml", false),
            ("/mnt/shared/config/*.properties", false),
            ("/etc/*.conf", false),
            ("pgbouncer.ini", false),
        ] {
            let rule = FileRule { paths: vec![path.to_owned()], ..FileRule::default() };
            assert_eq!(rule.telling_paths().count() == 1, tells, "{path}");
        }
    }

    #[test]
    fn extensions_say_how_a_file_is_written() {
        for (path, format) in [
            ("/etc/x.YML", Some(Format::Yaml)),
            ("/app/.env", Some(Format::Env)),
            ("/app.d/settings", None),
            ("/etc/x.conf", None),
            ("/cfg/.my.cnf", Some(Format::Ini)),
        ] {
            assert_eq!(Format::of_path(path), format, "{path}");
        }
    }
}
