//! Tables: what scripts request.

use super::super::scan::shown;
use super::*;

fn of(text: &str) -> Vec<String> {
    let variable = |name: &str| match name {
        "SET" => Some("http://set:1".to_owned()),
        "HOST" => Some("app".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    shown(&entries(text, &variable))
}

#[test]
fn requests_become_entries() {
    for (text, expected) in [
        ("http.get('http://app:8080/x');", &["http.get=http://app:8080/x @1:11"][..]),
        ("http.post(\"http://app:8080\", JSON.stringify({}))", &["http.post=http://app:8080 @1:12"]),
        ("const B = 'http://app:1';\nhttp.get(`${B}/x/${id}`)", &["http.get=http://app:1 @1:12"]),
        ("const B = 'http://app:1'\nhttp.get(B + '/x')\nhttp.post(B + '/y')", &["http.get=http://app:1/x @1:12"]),
        ("const B = __ENV.NONE || 'http://app:1';\nhttp.get(B)", &["http.get=http://app:1 @1:26"]),
        ("const B = __ENV.SET || 'http://app:1';\nhttp.get(B)", &["http.get=http://set:1 @1:11"]),
        ("const B = __ENV['SET'] ?? 'http://app:1';\nhttp.get(B)", &["http.get=http://set:1 @1:11"]),
        ("const B = __ENV.EMPTY || 'http://app:1';\nhttp.get(B)", &["http.get=http://app:1 @1:27"]),
        ("http.get(`http://${__ENV.HOST}:8080/x`)", &["http.get=http://app:8080/x @1:11"]),
        ("http.get(`http://${__ENV.NONE}:8080/x`)", &[]),
        ("http.get('http://' + (__ENV.HOST || 'other') + ':80/x')", &["http.get=http://app:80/x @1:11"]),
        ("const B = __ENV.NONE || 'http://' + __ENV.HOST;\nhttp.get(B)", &["http.get=http://app @1:26"]),
        (
            "const B = (__ENV.NONE || 'http://app:1').replace(/\\/$/, '');\nhttp.get(`${B}/x`)",
            &["http.get=http://app:1/x @1:27"],
        ),
        (
            "const C = { base: 'http://app:1', deep: { b: 'http://no:1' } };\nhttp.get(C.base + '/x')",
            &["http.get=http://app:1/x @1:20"],
        ),
        ("const u = `${__ENV.SET}/x`;\nfunction f() { return http.get(u) }", &["http.get=http://set:1/x @1:12"]),
        ("http.request('GET', 'http://app:1')", &["http.request=http://app:1 @1:22"]),
        (
            "http.batch([['GET', 'http://a:1'], { method: 'GET', url: 'http://b:1' }, 'http://c:1'])",
            &["http.batch=http://a:1 @1:22", "http.batch=http://b:1 @1:59", "http.batch=http://c:1 @1:75"],
        ),
        ("const B = 'http://b:1';\nhttp.batch([['GET', B + '/x']])", &["http.batch=http://b:1/x @1:12"]),
        ("ws.connect('ws://app:1/s', {}, f)", &["ws.connect=ws://app:1/s @1:13"]),
        ("new WebSocket(`ws://app:1/s`)", &["WebSocket=ws://app:1/s @1:16"]),
        ("client.connect('app:50051', { plaintext: true })", &["connect=app:50051 @1:17"]),
        ("export const BASE_URL = __ENV.NONE || 'http://localhost:3000';", &["BASE_URL=http://localhost:3000 @1:40"]),
        // What is no request, or nobody knows.
        ("const B = 'http://app:1';", &[]),
        ("// http.get('http://app:1')\n/* http.get('http://b:1') */ http.get('/x')", &[]),
        ("import x from 'http://app:1/x.js'; check(r, { 'http://app:1': 1 }); f('http://app:1')", &[]),
        ("http.get(url); http.get(f('http://app:1')); http.get(x.y + 'http://app:1')", &[]),
        ("http.get(`http://app:${port}/x`); http.get(`http://${host}/x`)", &[]),
        ("let B = 'http://a:1'; B = g(); http.get(B)", &[]),
        ("const B = x || 'http://a:1'; http.get(B)", &[]),
        ("const B = f('http://a:1'); http.get(B)", &[]),
        ("const h = { Origin: 'http://app:1' }; http.get('/', h)", &[]),
        ("const r = /[/'\"]http.get('http:\\/\\/app')/; http.get('http://b:1')", &["http.get=http://b:1 @1:54"]),
        ("const s = 'it\\'s'; a / b; http.get('http://b:1') / 2", &["http.get=http://b:1 @1:37"]),
        ("http.get('http://a:1\nhttp.get('http://b:1')", &["http.get=http://a:1 @1:11", "http.get=http://b:1 @2:11"]),
        ("", &[]),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
}
