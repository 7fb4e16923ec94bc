//! Prometheus' answer to `/api/v1/targets`: whom it scrapes, and why it cannot.

use std::fmt;

use hyper::Uri;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::observation::{ScrapeTarget, Scrapes};
use crate::text;

/// How many targets are kept that are down.
const MOST_DOWN: usize = 100;

/// The answer, as far as it counts. What else stands in it is skipped without being kept.
#[derive(Deserialize)]
struct Said {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "activeTargets", deserialize_with = "one_by_one")]
    active: Scrapes,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Target {
    scrape_pool: String,
    scrape_url: String,
    last_error: String,
    health: String,
}

/// The targets, `None` where the answer cannot be read as a whole. One that was never scraped is neither up nor down.
pub fn read(body: &[u8]) -> Option<Scrapes> {
    let said: Said = serde_json::from_slice(body).ok()?;
    let mut scrapes = said.data.active;
    scrapes.down.sort();
    Some(scrapes)
}

/// Reads a list without holding it: a short answer can have very many targets.
fn one_by_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scrapes, D::Error> {
    struct List;

    impl<'de> Visitor<'de> for List {
        type Value = Scrapes;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of targets")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scrapes, A::Error> {
            let mut found = Scrapes::default();
            while let Some(one) = list.next_element::<Target>()? {
                found.targets = found.targets.saturating_add(1);
                found.up = found.up.saturating_add(u32::from(one.health == "up"));
                if one.health == "down" && found.down.len() < MOST_DOWN {
                    found.down.extend(target(&one));
                }
            }
            Ok(found)
        }
    }

    deserializer.deserialize_seq(List)
}

fn target(target: &Target) -> Option<ScrapeTarget> {
    let url: Uri = target.scrape_url.parse().ok()?;
    let usual = if url.scheme_str() == Some("https") { 443 } else { 80 };
    let host = url.host()?.trim_start_matches('[').trim_end_matches(']');
    Some(ScrapeTarget {
        job: text::line(&target.scrape_pool, 100),
        url: text::line(&text::redact(&target.scrape_url), 200),
        host: text::line(host, 255),
        port: url.port_u16().unwrap_or(usual),
        error: text::line(&text::redact(&target.last_error), 300),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(targets: &str) -> String {
        format!(r#"{{"status":"success","data":{{"activeTargets":[{targets}],"droppedTargets":[]}}}}"#)
    }

    #[test]
    fn what_is_down_is_told_in_prometheus_own_words() {
        let up = r#"{"discoveredLabels":{"a":{"b":[1]}},"scrapePool":"app","scrapeUrl":"http://app:8080/metrics","lastError":"","health":"up"}"#;
        let new = r#"{"scrapePool":"new","scrapeUrl":"http://new:1/metrics","lastError":"","health":"unknown"}"#;
        let down = r#"{"scrapePool":"web","scrapeUrl":"http://u:hunter2@web/metrics?token=abc","lastError":"server returned HTTP status 404 Not Found\u001b[31m","health":"down"}"#;
        let six = r#"{"scrapePool":"six","scrapeUrl":"https://[fd00::1]/metrics","lastError":"x","health":"down"}"#;
        let all = read(said(&[up, new, down, six].join(",")).as_bytes()).unwrap();
        assert_eq!((all.targets, all.up), (4, 1));
        let shown: Vec<_> =
            all.down.iter().map(|it| format!("{} {} {} {}: {}", it.job, it.url, it.host, it.port, it.error)).collect();
        assert_eq!(
            shown,
            [
                "six https://[fd00::1]/metrics fd00::1 443: x",
                "web http://***@web/metrics?token=*** web 80: server returned HTTP status 404 Not Found\\u{1b}[31m",
            ]
        );
    }

    #[test]
    fn hostile_lists_are_bounded() {
        let one = |at: usize| format!(r#"{{"scrapeUrl":"http://app-{at}/","health":"down","lastError":"{at}"}}"#);
        let many = said(&(0..1000).map(one).collect::<Vec<_>>().join(","));
        let all = read(many.as_bytes()).unwrap();
        assert_eq!((all.targets, all.down.len()), (1000, MOST_DOWN));
        let deep = format!("{}{}", r#"{"data":{"activeTargets":["#, r#"{"x":["#.repeat(100_000));
        for strange in ["", "[]", "{}", r#"{"data":{"activeTargets":7}}"#, &deep, &many[..many.len() / 2]] {
            assert_eq!(read(strange.as_bytes()), None);
        }
        assert_eq!(read(said(r#"{"scrapeUrl":"\u0000","health":"down"}"#).as_bytes()).unwrap().down, []);
    }
}
