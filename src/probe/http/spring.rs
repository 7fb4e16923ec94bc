//! The health of a Spring Boot application: which of its components are not up.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::text;

/// How many components are kept.
const MOST: usize = 20;
/// How deep components lie within components.
const DEEPEST: usize = 4;

/// The components that are neither up nor unknown, by their paths, each with its state and the error that it tells. An
/// application may keep them to itself, as it does by default.
pub fn down(health: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(health, "", 0, &mut found);
    found
}

fn collect(health: &Value, path: &str, depth: usize, found: &mut BTreeMap<String, String>) {
    // Boot 2.0 and 2.1 call them details.
    let components = health.get("components").or_else(|| health.get("details")).and_then(Value::as_object);
    for (name, component) in components.into_iter().flatten() {
        let Some(status) = component.get("status").and_then(Value::as_str) else { continue };
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let before = found.len();
        if depth < DEEPEST {
            collect(component, &path, depth + 1, found);
        }
        // What is within says more.
        if before == found.len() && !matches!(status, "UP" | "UNKNOWN") && found.len() < MOST {
            let error = component.get("details").and_then(|details| details.get("error")).and_then(Value::as_str);
            let error = error.map(|error| format!(": {}", text::line(&text::redact(error), 200))).unwrap_or_default();
            found.insert(text::line(&path, 60), format!("{}{error}", text::line(status, 30)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_components_that_are_down_are_told() {
        for (health, expected) in [
            (r#"{"status":"UP"}"#, vec![]),
            (r#"{"status":"DOWN"}"#, vec![]),
            (r#"{"status":"DOWN","components":7}"#, vec![]),
            (
                r#"{"status":"DOWN","components":{"db":{"status":"UP"},"redis":{"status":"DOWN","details":{"error":"RedisConnectionFailureException: redis://:x@r"}},"ssl":{"status":"UNKNOWN"}}}"#,
                vec![("redis", "DOWN: RedisConnectionFailureException: redis://***@r")],
            ),
            (
                r#"{"status":"DOWN","components":{"db":{"status":"DOWN","components":{"orders":{"status":"DOWN"},"blog":{"status":"UP"}}}}}"#,
                vec![("db.orders", "DOWN")],
            ),
            (r#"{"status":"DOWN","details":{"disk":{"status":"OUT_OF_SERVICE"}}}"#, vec![("disk", "OUT_OF_SERVICE")]),
        ] {
            let found = down(&serde_json::from_str(health).unwrap());
            let expected: BTreeMap<_, _> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            assert_eq!(found, expected, "{health}");
        }
    }
}
