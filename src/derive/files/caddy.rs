//! Caddyfiles (<https://caddyserver.com/docs/caddyfile>), as far as they say whom Caddy connects to.

use super::entry::Entry;
use super::scan::{At, Path, Scanner, add};

/// Directives with a block of their own, which gives its name to what stands in it. Every other block groups: those of sites,
/// snippets, `handle` and `route`.
const WITH_BLOCKS: &[&str] = &[
    "acme_server",
    "encode",
    "file_server",
    "forward_auth",
    "header",
    "intercept",
    "log",
    "map",
    "mercure",
    "metrics",
    "php_fastcgi",
    "proxy",
    "reverse_proxy",
    "tls",
    "tracing",
    "transport",
    "vulcain",
];

/// Directives that send requests to whom they name, HTTP unless a scheme says otherwise. `proxy` is that of Caddy 1.
const PROXIES: &[&str] =
    &["reverse_proxy", "reverse_proxy.to", "forward_auth", "forward_auth.to", "proxy", "proxy.upstream"];

/// Every argument of every directive that is no matcher: `reverse_proxy`, `reverse_proxy.to`, `php_fastcgi`, `tls`. What a
/// proxy sends requests to has a scheme, `http://` where none is written.
#[must_use]
pub fn entries(text: &str) -> Vec<Entry> {
    let mut scanner = Scanner::new(text);
    let mut path = Path::default();
    let mut found = Vec::new();
    loop {
        let mut words = line(&mut scanner);
        let opens = words.last().is_some_and(|(word, _)| word == "{");
        if opens {
            words.pop();
        }
        match words.split_first() {
            Some(((word, _), [])) if word == "}" => path.close(),
            Some(((name, _), arguments)) => {
                add_all(&mut found, path.key(name).as_deref(), arguments);
                if opens && WITH_BLOCKS.contains(&name.as_str()) {
                    path.open(&[name]);
                } else if opens {
                    path.open::<&str>(&[]);
                }
            }
            None if opens => path.open::<&str>(&[]),
            None if scanner.peek().is_none() => return found,
            None => {}
        }
    }
}

fn add_all(found: &mut Vec<Entry>, key: Option<&str>, arguments: &[(String, At)]) {
    let is_proxy = key.is_some_and(|key| PROXIES.contains(&key));
    let first_is_matcher = arguments.first().is_some_and(|(word, _)| word == "*" || word.starts_with(['/', '@']));
    for (word, at) in arguments.iter().skip(usize::from(first_is_matcher)) {
        let elsewhere = word.starts_with("unix/") || word.starts_with("unix+");
        if is_proxy && elsewhere {
            continue;
        }
        let value = if is_proxy && !word.contains("://") { format!("http://{word}") } else { word.clone() };
        add(found, key.map(str::to_owned), &value, *at);
    }
}

/// The words of the next line that has any; none at the end.
fn line(scanner: &mut Scanner) -> Vec<(String, At)> {
    let mut words = Vec::new();
    loop {
        let at = scanner.at();
        match scanner.peek() {
            None => return words,
            Some('\n') => {
                scanner.next();
                if !words.is_empty() {
                    return words;
                }
            }
            Some('#') => drop(scanner.line()),
            // A line that goes on.
            Some('\\') if scanner.rest().starts_with("\\\n") => drop(scanner.skip(2)),
            Some('"') => {
                scanner.next();
                let at = scanner.at();
                words.push((scanner.quoted('"'), at));
            }
            Some('`') => {
                scanner.next();
                let at = scanner.at();
                words.push((scanner.until("`").to_owned(), at));
            }
            Some(next) if next.is_whitespace() => drop(scanner.next()),
            Some(_) => words.push((scanner.while_in(|c| !c.is_whitespace()).to_owned(), at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::shown;
    use super::*;

    #[test]
    fn directives_become_entries() {
        for (text, expected) in [
            ("example.com {\n\treverse_proxy app:8080\n}", &["reverse_proxy=http://app:8080 @2:16"][..]),
            (
                ":80\nreverse_proxy app:8080 other:81",
                &["reverse_proxy=http://app:8080 @2:15", "reverse_proxy=http://other:81 @2:24"],
            ),
            (
                "{\n  email a@b.c\n}\n(s) {\n  handle /api/* {\n    reverse_proxy /x app:1 {\n      to b:2 c:3\n      health_uri /h\n    }\n  }\n}\nphp_fastcgi php:9000",
                &[
                    "email=a@b.c @2:9",
                    "reverse_proxy=http://app:1 @6:22",
                    "reverse_proxy.to=http://b:2 @7:10",
                    "reverse_proxy.to=http://c:3 @7:14",
                    "php_fastcgi=php:9000 @12:13",
                ],
            ),
            (
                "reverse_proxy @m h2c://app:80 https://b",
                &["reverse_proxy=h2c://app:80 @1:18", "reverse_proxy=https://b @1:31"],
            ),
            ("reverse_proxy unix//run/x.sock {$UP:app:80}", &["reverse_proxy=http://{$UP:app:80} @1:32"]),
            ("# reverse_proxy a:1\nforward_auth auth:9091 { # x\n uri /x\n}", &["forward_auth=http://auth:9091 @2:14"]),
            (
                "respond \"a { b\" 200\nroot * /srv\nx `a\nb` c",
                &["respond=a { b @1:10", "respond=200 @1:17", "root=/srv @2:8", "x=a\nb @3:4", "x=c @4:4"],
            ),
            ("mercure {\n cors_origins http://a:1\n}", &["mercure.cors_origins=http://a:1 @2:15"]),
            // Caddy 1
            (
                ":9090 {\n  basicauth / {$USER} {$PASSWORD}\n  proxy / a:1 {\n    transparent\n    upstream b:2\n    except /x\n  }\n}",
                &[
                    "basicauth={$USER} @2:15",
                    "basicauth={$PASSWORD} @2:23",
                    "proxy=http://a:1 @3:11",
                    "proxy.upstream=http://b:2 @5:14",
                ],
            ),
            ("reverse_proxy \\\n a:1", &["reverse_proxy=http://a:1 @2:2"]),
            ("}\n}\n{ {\n", &[]),
            ("", &[]),
        ] {
            assert_eq!(shown(&entries(text)), expected, "{text}");
        }
    }
}
