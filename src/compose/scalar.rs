//! What an unquoted word of YAML becomes in Compose: nothing, a truth value, a number, or the text that it is.
//!
//! Compose reads numbers and writes them again: `0x1F` reaches a container as `31`, `3.10` as `3.1`. The rules are those of
//! the YAML library that it uses, gopkg.in/yaml.v3, and of Go's default formatting.

use super::yaml::Value;

/// The value of a plain scalar.
#[must_use]
pub fn plain(text: &str) -> Value {
    let text = match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => "true".to_owned(),
        "false" | "False" | "FALSE" => "false".to_owned(),
        _ => integer(text).or_else(|| float(text)).unwrap_or_else(|| text.to_owned()),
    };
    Value::Text(text)
}

/// An integer in any of its forms, in decimal digits.
fn integer(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let digits = unsigned.replace('_', "");
    let lower = digits.to_ascii_lowercase();
    let number = match lower.get(..2) {
        Some("0x") => u64::from_str_radix(&lower[2..], 16),
        Some("0o") => u64::from_str_radix(&lower[2..], 8),
        Some("0b") => u64::from_str_radix(&lower[2..], 2),
        Some(start) if start.starts_with('0') => u64::from_str_radix(&lower[1..], 8),
        _ => digits.parse(),
    };
    let number = number.ok()?;
    Some(if text.starts_with('-') && number > 0 { format!("-{number}") } else { number.to_string() })
}

/// A floating-point number as Go writes it: the shortest digits, with an exponent only where the number is far from one.
fn float(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let some = !whole.is_empty() || !fraction.is_empty();
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if !(some && digits(whole) && digits(fraction) && !exponent.is_empty() && digits(exponent)) {
        return None;
    }
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    if number != 0.0 && !(1e-4..1e21).contains(&number.abs()) {
        let shown = format!("{number:e}");
        let (mantissa, exponent) = shown.split_once('e')?;
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
        return Some(format!("{mantissa}e{sign}{exponent:0>2}"));
    }
    Some(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_what_compose_makes_of_them() {
        for (text, expected) in [
            ("kafka:9092", "kafka:9092"),
            ("True", "true"),
            ("yes", "yes"),
            ("8080", "8080"),
            ("0x1F", "31"),
            ("0777", "511"),
            ("0o17", "15"),
            ("0b101", "5"),
            ("-12_000", "-12000"),
            ("+5", "5"),
            ("08", "8"),
            ("3.10", "3.1"),
            ("3.0", "3"),
            (".5", "0.5"),
            ("1e3", "1000"),
            ("1e-7", "1e-07"),
            ("1.5e30", "1.5e+30"),
            ("1.2.3", "1.2.3"),
            ("10s", "10s"),
            ("-", "-"),
            (".", "."),
            ("e5", "e5"),
            ("12:30", "12:30"),
        ] {
            assert_eq!(plain(text), Value::Text(expected.into()), "{text}");
        }
        for text in ["", "~", "null", "NULL"] {
            assert_eq!(plain(text), Value::Null, "{text}");
        }
    }
}
