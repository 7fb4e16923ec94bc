//! The readers of formats. Each takes a text apart into entries; what cannot be read has none.
//!
//! Of languages that are no trees of settings, such as nginx' and k6's, a reader gives the addresses alone, with the scheme where
//! that is known and what is filled in as `${NAME:default}`, and the files that are taken in, under keys that end in `include`
//! or `import`.

use super::entry::Entry;
use super::{caddy, haproxy, hcl, javascript, lines, logstash, nginx, toml, tree, xml};
use crate::catalog::Format;

/// The values of a text in a format.
#[must_use]
pub fn entries(format: Format, text: &str) -> Vec<Entry> {
    match format {
        Format::Yaml | Format::Json => tree::entries(text),
        Format::Toml => toml::entries(text),
        Format::Properties => lines::properties(text),
        Format::Ini => lines::ini(text),
        Format::Env => lines::env(text),
        Format::Words => lines::words(text),
        Format::Nginx => nginx::entries(text),
        Format::Haproxy => haproxy::entries(text),
        Format::Caddyfile => with_usual_placeholders(caddy::entries(text)),
        Format::Hcl => hcl::entries(text),
        Format::Logstash => logstash::entries(text),
        Format::Xml => xml::entries(text),
        Format::Hadoop => xml::properties(text),
        Format::K6 => of_script(text, &|_| false),
        Format::Python => lines::python(text),
        // A script has no settings: `script.rs` reads it as commands.
        Format::Shell => Vec::new(),
    }
}

/// Why a text cannot be read as what it is, where it is a tree of settings. A template is not one yet, and no mistake.
#[must_use]
pub fn mistake(format: Format, text: &str) -> Option<String> {
    if ["{{", "{%", "<%"].iter().any(|mark| text.contains(mark)) {
        return None;
    }
    match format {
        Format::Yaml | Format::Json => tree::mistake(text),
        Format::Toml => toml::mistake(text),
        _ => None,
    }
}

/// Caddy writes `{$NAME:default}`.
fn with_usual_placeholders(mut entries: Vec<Entry>) -> Vec<Entry> {
    for entry in &mut entries {
        entry.value = entry.value.replace("{$", "${");
    }
    entries
}

/// What a file of nginx says, among the others of the same server.
#[must_use]
pub fn of_nginx(text: &str, others: &[&str]) -> Vec<Entry> {
    nginx::entries_among(text, others)
}

/// What a script of k6 requests, where these variables are set: their values are filled in later, as everywhere.
#[must_use]
pub fn of_script(text: &str, is_set: &dyn Fn(&str) -> bool) -> Vec<Entry> {
    let mut found = javascript::entries(text, &|name| is_set(name).then(|| format!("${{{name}}}")));
    found.extend(imports(text));
    found
}

/// The scripts that a script takes in from beside it: `import … from './shop.js'`.
fn imports(text: &str) -> Vec<Entry> {
    let lines = text.lines().zip(1..).filter(|(line, _)| line.trim_start().starts_with("import "));
    let one = |(line, number): (&str, usize)| {
        let (before, rest) = line.split_once("from ")?;
        let quote = rest.trim_start().chars().next().filter(|first| matches!(first, '\'' | '"'))?;
        let path = rest.trim_start()[1..].split(quote).next()?;
        let column = before.chars().count() + "from ".len() + 2;
        path.starts_with('.').then(|| Entry::new("import", path, (number, column)))
    };
    lines.filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_says_where_its_values_stand() {
        let yaml = "a:\n  - {b: 'x:1', c: [y:2]}\nd.e: null\n---\nf: ü\n";
        let toml = "t = 'x'\n[[a.b]]\n\"ü\" = [\"x:1\",\n  'y:2']\n[a.c]\nd.e = {f = 80, g = true}\n[[a.b]]\nh = 1.5\n";
        let properties =
            "# a=b\n! c=d\na.b = x:1\nb: jdbc\\:h2\nc d e\nlist=a:1,\\\n     b:2\nempty=\r\nnothing\n  i=j \r\n";
        let ini = "; a=b\ntop = 1\n[data bases]\napp = host=pg port=1\n# x = y\nq=\"r:1\"\n[b]\nno value\n";
        let env = "# A=b\nA=x:1\nexport B=\"y:2\"\n\nC='z'\n";
        let words = "# a b\nreplicaof db 6379 # why\ndir \"/tmp\"\n[OUTPUT]\n  Host x\n[output]\n  Host y\nalone\n";
        for (format, text, expected) in [
            (Format::Yaml, yaml, &["a.0.b=x:1 2:10", "a.0.c.0=y:2 2:20", "f=ü 5:4"][..]),
            (Format::Json, "{\n\t\"a\": {\"b\": [\"x:1\"]}\n}", &["a.b.0=x:1 2:15"]),
            (
                Format::Toml,
                toml,
                &["t=x 1:6", "a.b.0.ü.0=x:1 3:9", "a.b.0.ü.1=y:2 4:4", "a.c.d.e.f=80 6:12", "a.c.d.e.g=true 6:20"],
            ),
            (
                Format::Properties,
                properties,
                &["a.b=x:1 3:7", "b=jdbc:h2 4:4", "c=d e 5:3", "list=a:1,b:2 6:6", "empty= 8:7", "i=j 10:5"],
            ),
            (Format::Ini, ini, &["top=1 2:7", "data bases.app=host=pg port=1 4:7", "data bases.q=r:1 6:4"]),
            (Format::Env, env, &["A=x:1 2:3", "B=y:2 3:11", "C=z 5:4"]),
            (
                Format::Words,
                words,
                &[
                    "replicaof=db 2:11",
                    "replicaof.db=6379 2:14",
                    "dir=/tmp 3:6",
                    "output.0.Host=x 5:8",
                    "output.1.Host=y 7:8",
                ],
            ),
            (
                Format::Python,
                "A = 'x:1'  # why\nclass B:\n    c = \"y:2\"\nD = f\"{A}\"\nE == 'e'\nF = 'a' + b\n\"\"\"\nG = 'g'\n\"\"\"\nh.i = 'j'\nK = 'a\\'b'\n\
                 # L = 'l'\nM = ('m')\nN = '''n'''\nO = 'o'\n",
                &["A=x:1 1:6", "c=y:2 3:10", "O=o 15:6"],
            ),
            (Format::Yaml, "a: {{ template }}\n", &[]),
            (Format::Yaml, "a: [1\n", &[]),
            (Format::Toml, "a = \n", &[]),
            (Format::Json, "", &[]),
            (
                Format::K6,
                "import { a } from './a.js';\nhttp.get('http://api')",
                &["http.get=http://api 2:11", "import=./a.js 1:20"],
            ),
        ] {
            let told = |entry: &Entry| format!("{}={} {}:{}", entry.key, entry.value, entry.line, entry.column);
            let found: Vec<_> = entries(format, text).iter().map(told).collect();
            assert_eq!(found, expected, "{format:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        for (format, text, expected) in [
            (Format::Yaml, "a:\n  - b: [1\n", Some("line 2")),
            (Format::Yaml, "a: 1\na: 2\n", Some("line 2")),
            (Format::Json, "{\"a\": 1,\n\"b\": }}", Some("line 2")),
            (Format::Toml, "a = 1\nb = \n", Some("line 2")),
            (Format::Yaml, "a: {{ template }}\n", None),
            (Format::Yaml, "a: <%= b %>\n  - c\n", None),
            (Format::Yaml, "", None),
            (Format::Toml, "a = 1\n", None),
            (Format::Nginx, "{", None),
        ] {
            let found = mistake(format, text);
            assert_eq!(found.is_some(), expected.is_some(), "{text}: {found:?}");
            assert!(found.is_none_or(|found| found.contains(expected.unwrap_or_default())), "{text}");
        }
    }
}
