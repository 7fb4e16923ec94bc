//! nginx's configuration (<https://nginx.org/en/docs/>), as far as it says whom it connects to.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::Entry;
use super::scan::{At, Path, Scanner, add, short};

/// Every directive with its first argument: `listen`, `proxy_pass`, and `upstream.NAME.server` of the servers in an upstream.
/// Other blocks give no names to a key.
///
/// What passes to an upstream by its name is not told itself: its servers are, with the scheme by which it is passed to them
/// (`http://app:8080`). Variables that `set` gives one value are put in. Servers that are `down`, and sockets in files, are
/// left out.
#[must_use]
pub fn entries(text: &str) -> Vec<Entry> {
    entries_among(text, &[])
}

/// As [`entries`], where the server's configuration is in `others` too: what is passed there to an upstream here, and here to
/// one there.
#[must_use]
pub fn entries_among(text: &str, others: &[&str]) -> Vec<Entry> {
    let here = directives(text);
    let others: Vec<_> = others.iter().map(|text| directives(text)).collect();
    let all = || others.iter().chain([&here]);
    let upstreams: BTreeSet<_> = all().flatten().filter_map(|it| it.upstream.as_deref()).collect();
    // The upstreams that something is passed to, each with the scheme by which that is done.
    let mut schemes: BTreeMap<String, String> = BTreeMap::new();
    for directives in all() {
        let variables = variables(directives);
        let passing = directives.iter().filter(|directive| directive.passes());
        for (value, _) in passing.flat_map(|directive| targets(directive, &variables)) {
            let (scheme, name) = passed_to(&value);
            if upstreams.contains(name) && !scheme.is_empty() {
                schemes.insert(name.to_owned(), scheme.to_owned());
            }
        }
    }
    let variables = variables(&here);
    let mut found = Vec::new();
    for directive in here.iter().filter(|directive| !directive.down && directive.name != "set") {
        let values = if directive.passes() {
            let mut values = targets(directive, &variables);
            values.retain(|(value, _)| !upstreams.contains(passed_to(value).1));
            values
        } else {
            let scheme = directive.upstream.as_ref().filter(|_| directive.name == "server");
            let value = match scheme.and_then(|upstream| schemes.get(upstream)) {
                Some(scheme) => format!("{scheme}://{}", directive.value),
                None => directive.value.clone(),
            };
            vec![(value, directive.at)]
        };
        for (value, at) in values.into_iter().filter(|(value, _)| !value.contains("unix:")) {
            add(&mut found, Some(directive.key.clone()), &value, at);
        }
    }
    found
}

/// What a directive passes to, and where that stands: the values of a variable that is given one by each of several `set`.
fn targets(directive: &Directive, variables: &BTreeMap<&str, Variable>) -> Vec<(String, At)> {
    let given = put_in(&directive.value, variables);
    if given != directive.value {
        let at = given_at(variables, &directive.value).unwrap_or(directive.at);
        return vec![(given, at)];
    }
    let variable = directive.value.strip_prefix('$').and_then(|name| variables.get(name));
    let values = variable.into_iter().flat_map(|variable| &variable.values).filter(|(value, _)| !value.is_empty());
    let found: Vec<_> = values.map(|(value, at)| ((*value).to_owned(), *at)).collect();
    if found.is_empty() { vec![(given, directive.at)] } else { found }
}

/// The scheme of what is passed to, or nothing, and the name.
fn passed_to(value: &str) -> (&str, &str) {
    let (scheme, rest) = value.split_once("://").unwrap_or(("", value));
    (scheme, rest.split('/').next().unwrap_or_default())
}

/// The ports on which its servers speak plain HTTP: none where one of them hangs up on whom it does not know, since it may be us.
/// What stands in a `stream` passes on whatever comes.
#[must_use]
pub fn http_ports(text: &str) -> Vec<u16> {
    let all = directives(text);
    let encrypts = |it: &Directive| it.name == "ssl" && it.value == "on";
    // Only a stream passes on without a scheme: its servers may stand in a file of their own.
    let streams = |it: &Directive| it.name == "proxy_pass" && !it.value.contains("://") && !it.value.starts_with('$');
    let hangs_up = |it: &Directive| {
        (it.name == "return" && it.value == "444") || (it.name == "ssl_reject_handshake" && it.value == "on")
    };
    if all.iter().any(|it| encrypts(it) || streams(it) || hangs_up(it)) {
        return Vec::new();
    }
    let listens = all.iter().filter(|it| it.name == "listen" && it.in_plain && !it.value.starts_with("unix:"));
    // An address without a port is at port 80.
    let port = |value: &str| match value.rsplit(':').next().unwrap_or_default().parse::<u16>() {
        Ok(port) => Some(port),
        Err(_) => value.parse::<std::net::Ipv4Addr>().is_ok().then_some(80),
    };
    listens.filter_map(|it| port(&it.value)).filter(|&port| port > 0).collect()
}

impl Directive {
    fn passes(&self) -> bool {
        self.name.ends_with("_pass")
    }
}

/// Variables that hold the path of a request.
const PATHS: &[&str] = &["$request_uri", "$uri", "$document_uri"];

/// Longer values of variables are no addresses.
const LONGEST: usize = 256;

/// No more values of one variable than these are looked at.
const MOST_VALUES: usize = 16;

/// A directive with its first argument.
struct Directive {
    key: String,
    name: String,
    value: String,
    /// The second argument of `set`.
    second: String,
    /// Where that one stands.
    second_at: At,
    down: bool,
    /// Whether it stands in no `stream`, and says neither TLS nor anything that comes before HTTP.
    in_plain: bool,
    /// The upstream that it stands in.
    upstream: Option<String>,
    at: At,
}

fn directives(text: &str) -> Vec<Directive> {
    let mut scanner = Scanner::new(text);
    let mut path = Path::default();
    let mut upstream: Option<(usize, String)> = None;
    let mut stream: Option<usize> = None;
    let mut words: Vec<(String, At)> = Vec::new();
    let mut found: Vec<Directive> = Vec::new();
    while let Some(next) = scanner.peek() {
        let at = scanner.at();
        match next {
            '#' => drop(scanner.line()),
            ';' => {
                scanner.next();
                let one = directive(std::mem::take(&mut words), &path, upstream.as_ref().map(|(_, name)| name));
                found.extend(one.map(|one| Directive { in_plain: one.in_plain && stream.is_none(), ..one }));
            }
            '{' => {
                scanner.next();
                let block: Vec<_> = std::mem::take(&mut words).into_iter().map(|(word, _)| word).collect();
                match block.as_slice() {
                    [first, name, ..] if first == "upstream" => {
                        path.open(&[first, name]);
                        upstream.get_or_insert((path.depth(), short(name).to_owned()));
                    }
                    _ => path.open::<&str>(&[]),
                }
                if block.first().is_some_and(|first| first == "stream") {
                    stream.get_or_insert(path.depth());
                }
            }
            '}' => {
                scanner.next();
                words.clear();
                upstream = upstream.filter(|(depth, _)| *depth < path.depth());
                stream = stream.filter(|depth| *depth < path.depth());
                path.close();
            }
            '"' | '\'' => {
                scanner.next();
                let inner = scanner.at();
                words.push((scanner.quoted(next), inner));
            }
            _ if next.is_whitespace() => drop(scanner.next()),
            _ => words.push((word(&mut scanner), at)),
        }
    }
    found
}

/// A word without quotes; `${name}` in it is a variable, and no block.
fn word(scanner: &mut Scanner) -> String {
    let mut word = String::new();
    loop {
        word.push_str(scanner.while_in(|c| !c.is_whitespace() && !matches!(c, ';' | '{' | '}' | '$' | '\\')));
        match scanner.peek() {
            Some('\\') => {
                word.push_str(scanner.skip(1));
                word.extend(scanner.next());
            }
            Some('$') if scanner.eat("${") => {
                word.push('$');
                word.push_str(scanner.while_in(|c| c.is_alphanumeric() || c == '_'));
                scanner.eat("}");
            }
            Some('$') => word.push_str(scanner.skip(1)),
            // A quantifier in a pattern: `location ~ ^/[a-z]{2}/`.
            Some('{') if scanner.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                word.push_str(scanner.until("}"));
            }
            _ => return word,
        }
    }
}

fn directive(words: Vec<(String, At)>, path: &Path, upstream: Option<&String>) -> Option<Directive> {
    let mut words = words.into_iter();
    let (name, _) = words.next()?;
    let (value, at) = words.next()?;
    let more: Vec<_> = words.collect();
    let says = |options: &[&str]| more.iter().any(|(word, _)| options.contains(&word.as_str()));
    let (down, in_plain) = (says(&["down"]), !says(&["ssl", "quic", "udp", "proxy_protocol"]));
    let (second, second_at) = more.into_iter().next().unwrap_or((String::new(), at));
    let (key, upstream) = (path.key(&name)?, upstream.cloned());
    Some(Directive { key, name, value, second, second_at, down, in_plain, upstream, at })
}

/// What `set` gives a variable.
#[derive(Default)]
struct Variable<'a> {
    /// Its plain values, each once, and where the first of each stands.
    values: Vec<(&'a str, At)>,
    /// Whether another value is put together of other variables.
    unsure: bool,
}

impl<'a> Variable<'a> {
    /// Its value, where it has one only.
    fn only(&self) -> Option<(&'a str, At)> {
        match self.values.as_slice() {
            [only] if !self.unsure => Some(*only),
            _ => None,
        }
    }
}

fn variables(directives: &[Directive]) -> BTreeMap<&str, Variable<'_>> {
    let mut found = BTreeMap::<_, Variable>::new();
    for directive in directives.iter().filter(|it| it.name == "set") {
        let Some(name) = directive.value.strip_prefix('$') else { continue };
        let (value, variable) = (directive.second.as_str(), found.entry(name).or_default());
        if value.len() > LONGEST || value.contains('$') || variable.values.len() == MOST_VALUES {
            variable.unsure = true;
        } else if !variable.values.iter().any(|(known, _)| *known == value) {
            variable.values.push((value, directive.second_at));
        }
    }
    found
}

/// Where the host of a value stands that begins with a variable: in the `set` that gives it that value.
fn given_at(variables: &BTreeMap<&str, Variable>, value: &str) -> Option<At> {
    let authority = value.split_once("://").map_or(value, |(_, rest)| rest);
    let name = authority.strip_prefix('$')?;
    let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len())];
    variables.get(name)?.only().map(|(_, at)| at)
}

/// A value with its variables; those that are not known stay.
fn put_in(value: &str, variables: &BTreeMap<&str, Variable>) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('$').filter(|_| out.len() <= 4096) {
        let after = &rest[at + 1..];
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        out.push_str(&rest[..at]);
        let known = variables.get(&after[..end]).and_then(Variable::only).map(|(value, _)| value);
        out.push_str(known.unwrap_or(&rest[at..=at + end]));
        rest = &after[end..];
    }
    out.push_str(rest);
    // What follows the authority is the request's, and says nothing of where it goes; its own path begins with a slash.
    if let Some(at) = PATHS.iter().filter_map(|path| out.find(path)).min() {
        out.truncate(at);
    }
    match out.split_once("://") {
        Some((scheme, rest)) if rest.contains('$') => {
            let authority = rest.split('/').next().unwrap_or_default();
            if authority.contains('$') { out } else { format!("{scheme}://{authority}") }
        }
        _ => out,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::shown;
    use super::*;

    #[test]
    fn directives_become_entries() {
        for (text, expected) in [
            ("proxy_pass http://app:8080;", &["proxy_pass=http://app:8080 @1:12"][..]),
            (
                "http {\n  server {\n    listen 80;\n    location / { proxy_pass http://app:8080/x/; }\n  }\n}",
                &["listen=80 @3:12", "proxy_pass=http://app:8080/x/ @4:29"],
            ),
            (
                "upstream app { server app1:80 weight=5; server 'app2'; keepalive 8; }\nlocation / { proxy_pass http://app; }",
                &[
                    "upstream.app.server=http://app1:80 @1:23",
                    "upstream.app.server=http://app2 @1:49",
                    "upstream.app.keepalive=8 @1:66",
                ],
            ),
            // In a stream nothing says what is passed; the upstream may stand behind what passes to it.
            ("proxy_pass db; upstream db { server db1:5432; }", &["upstream.db.server=db1:5432 @1:37"]),
            ("grpc_pass grpc://x/y; upstream x { server a:1; }", &["upstream.x.server=grpc://a:1 @1:43"]),
            ("fastcgi_pass php:9000;", &["fastcgi_pass=php:9000 @1:14"]),
            ("fastcgi_pass unix:/run/php.sock; upstream a { server unix:/x; server b:1 down; }", &[]),
            // Variables
            ("set $up http://app:80; proxy_pass $up;", &["proxy_pass=http://app:80 @1:9"]),
            ("set $up app; proxy_pass http://$up:80$request_uri;", &["proxy_pass=http://app:80 @1:9"]),
            ("set $up app; proxy_pass http://${up}:80/x$request_uri;", &["proxy_pass=http://app:80/x @1:9"]),
            ("set $up app;\nset $to b;\nproxy_pass http://app:$port;", &["proxy_pass=http://app:$port @3:12"]),
            ("set $up app:80;\nproxy_pass http://b/$up;", &["proxy_pass=http://b/app:80 @2:12"]),
            ("set $up a; set $up b; proxy_pass http://$up:80;", &["proxy_pass=http://$up:80 @1:34"]),
            (
                "set $up http://a:1; if ($x) { set $up http://b; } if ($y) { set $up http://b; } proxy_pass $up;\nupstream b { server b1:2; }",
                &["proxy_pass=http://a:1 @1:9", "upstream.b.server=http://b1:2 @2:21"],
            ),
            ("set $up ''; set $up $host; proxy_pass $up;", &["proxy_pass=$up @1:39"]),
            ("proxy_pass http://$host;", &["proxy_pass=http://$host @1:12"]),
            // Comments, quotes and patterns
            (
                "# proxy_pass http://a;\nlocation ~ \"^/x{2}\" { # }\n  return 200; }\nproxy_pass http://b:1;",
                &["return=200 @3:10", "proxy_pass=http://b:1 @4:12"],
            ),
            ("location ~ ^/[a-z]{2}/ { proxy_pass http://b:1; }", &["proxy_pass=http://b:1 @1:37"]),
            ("\u{feff}listen 80;\r\nlisten \u{e4};", &["listen=80 @1:8", "listen=\u{e4} @2:8"]),
            ("proxy_pass http://a:1", &[]),
            ("}}}; ;; {{ x y; ", &["x=y @1:14"]),
            ("", &[]),
        ] {
            assert_eq!(shown(&entries(text)), expected, "{text}");
        }
    }

    #[test]
    fn servers_say_where_they_speak_http() {
        for (text, expected) in [
            ("http { server { listen 6060; listen [::]:6060 default_server; } }", &[6060, 6060][..]),
            ("server { listen 0.0.0.0:81 http2; listen 127.0.0.1; listen *:82; }", &[81, 80, 82]),
            ("server { listen 443 ssl; listen 444 quic; listen unix:/x; listen 8080 proxy_protocol; }", &[]),
            ("server { listen 8443; ssl on; }", &[]),
            ("stream { server { listen 5432; proxy_pass $db; } } http { server { listen 83; } }", &[83]),
            ("server { listen 5432; proxy_pass db:5432; }", &[]),
            ("server { listen ${PORT}; listen 0; }", &[]),
            ("server { listen 84; } server { listen 85 default_server; return 444; }", &[]),
            ("server { listen 86; return 404; }", &[86]),
        ] {
            assert_eq!(http_ports(text), expected, "{text}");
        }
    }

    #[test]
    fn upstreams_may_stand_in_another_file() {
        let (upstreams, site) = ("upstream web { server web:8000; }", "location / { proxy_pass http://web; }");
        assert_eq!(shown(&entries_among(upstreams, &[site])), ["upstream.web.server=http://web:8000 @1:23"]);
        assert!(entries_among(site, &[upstreams]).is_empty());
        assert_eq!(shown(&entries(site)), ["proxy_pass=http://web @1:25"]);
    }
}
