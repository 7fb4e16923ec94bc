//! What nobody would write: every reader must end soon, and keep little.

use super::*;
use crate::catalog::Format;

const FORMATS: [Format; 8] = [
    Format::Nginx,
    Format::Haproxy,
    Format::Caddyfile,
    Format::Hcl,
    Format::Logstash,
    Format::K6,
    Format::Xml,
    Format::Hadoop,
];

#[test]
fn no_text_takes_long() {
    let begun = std::time::Instant::now();
    let filled_with = |text: &str| text.repeat((1 << 17) / text.len());
    let long = "x".repeat(1 << 18);
    let mut texts: Vec<String> = [
        "{",
        "a {",
        "a = [",
        "a = {",
        "\"",
        "${",
        "`${",
        "\"${",
        "a=\"",
        "http.get(",
        "const a={",
        "const a=(",
        "if ",
        "if /",
        "<<A\n",
        "[",
        "(",
        "a=f(",
        "a => b ",
        "http.batch([",
        "'",
        "\\",
        "/*",
        "upstream a {",
        "const a=a+a;",
        "}",
        "x=",
        "http.get(a.",
        "backend x\n",
        "set $a $a; proxy_pass $a;",
        "codec => ",
        "a\n",
        "${a:",
        "\u{1f600}",
        "<a>",
        "<a>b",
        "<!--",
        "<a k=\"",
        "</a>",
        "&lt;",
    ]
    .iter()
    .map(|text| filled_with(text))
    .collect();
    texts.push(format!("{long} = [{}]", "1,".repeat(1 << 17)));
    texts.push(format!("upstream {long} {{ {} }}", "server a:1;".repeat(1 << 15)));
    texts.push(format!("backend {long}\n{}", "mode http\n".repeat(1 << 15)));
    texts.push(format!("set $a {long}; {}", "proxy_pass $a;".repeat(1 << 15)));
    texts.push(format!("const a='{long}'; {}", "http.get(a);".repeat(1 << 15)));
    for text in &texts {
        for format in FORMATS {
            let entries = format::entries(format, text);
            let size: usize = entries.iter().map(|entry| entry.key.len() + entry.value.len()).sum();
            assert!(size <= 64 << 20, "{size} bytes of {:?}", &text[..8.min(text.len())]);
        }
        let _ = placeholders::fill(text, &|_| None);
    }
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
