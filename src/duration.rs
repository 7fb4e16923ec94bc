//! Times as users write them: a number and a unit.

use std::time::Duration;

/// The shortest and the longest time that makes sense for one check.
const BOUNDS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(600));

/// The time for a check: `2s`, `500ms`, `1m`; 10 ms to 10 min.
///
/// # Errors
/// What is wrong with it, in words that give an example.
pub fn of_check(text: &str) -> Result<Duration, String> {
    let time = parse(text)?;
    if (BOUNDS.0..=BOUNDS.1).contains(&time) {
        Ok(time)
    } else {
        Err("the time for a check is between 10ms and 10m".into())
    }
}

/// The shortest and the longest time to watch for; all that a run makes is given an hour.
const LEARNING: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(1800));

/// The time to watch for: 1 s to 30 min.
///
/// # Errors
/// What is wrong with it, in words that give an example.
pub fn of_learning(text: &str) -> Result<Duration, String> {
    let time = parse(text)?;
    if (LEARNING.0..=LEARNING.1).contains(&time) {
        Ok(time)
    } else {
        Err("the time to watch is between 1s and 30m".into())
    }
}

/// Units of time that people write, and that are none here.
const OTHER_UNITS: &[&str] = &[
    "us", "µs", "ns", "S", "MS", "M", "sec", "secs", "second", "seconds", "mins", "minute", "minutes", "millis", "h",
    "hour", "hours", "d", "day", "days",
];

/// A time: `2s`, `500ms`, `1.5m`.
///
/// # Errors
/// What is wrong with it, in words that give an example.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit.trim() {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "" => return Err("a time needs a unit: 2s, 500ms, 1m".into()),
        // Another text may be a secret, out of a variable.
        other if OTHER_UNITS.contains(&other) => {
            return Err(format!("'{other}' is no unit of time: use ms, s or m, as in 500ms"));
        }
        _ => return Err("a time is a number and a unit: 2s, 500ms, 1m".into()),
    };
    let seconds = number.parse::<f64>().map_err(|_| "a time is a number and a unit: 2s, 500ms, 1m".to_owned())? * scale;
    Duration::try_from_secs_f64(seconds).map_err(|_| "that is longer than any time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_bounds() {
        assert_eq!(of_check("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(of_check("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(of_check("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(of_check("1m"), Ok(Duration::from_secs(60)));
        for bad in ["", "2", "s", "-1s", "1h", "0s", "1e9s", "99999999999999999999s", "2 parsecs", "..s"] {
            assert!(of_check(bad).is_err() && of_learning(bad).is_err(), "{bad}");
        }
        assert_eq!(of_learning("30m"), Ok(Duration::from_secs(1800)));
        for bad in ["500ms", "31m"] {
            assert!(of_learning(bad).is_err(), "{bad}");
        }
        assert_eq!(
            parse("2ms"),
            Ok(Duration::from_millis(2)),
            "no check is given so little, and an answer may take it"
        );
    }
}
