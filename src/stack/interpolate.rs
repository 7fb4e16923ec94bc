//! Variables in compose files and `.env` files, after the interpolation section of the Compose Specification:
//! `$V`, `${V}`, and `-`, `?`, `+` with or without `:`. Defaults may hold variables themselves; `$$` is a dollar sign.

/// How deep defaults may be nested in defaults; nobody writes three.
const DEPTH: usize = 16;

/// The longest text that may come of it, in bytes: Linux gives no process a longer variable. Values that each repeat the one
/// before twice would otherwise fill any memory in thirty lines.
const LONGEST: usize = 128 << 10;

/// What `look` gives for a name is put in its place; a variable without a value is nothing.
///
/// # Errors
///
/// What is wrong with the text, or the message of a required variable (`${V:?message}`) that is not set. Nothing else of
/// the text is repeated: it may hold secrets.
pub fn interpolate(text: &str, look: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    expand(text, look, 0)
}

fn expand(text: &str, look: &dyn Fn(&str) -> Option<String>, depth: usize) -> Result<String, String> {
    if depth > DEPTH {
        return Err(format!("defaults are nested more than {DEPTH} deep"));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        if out.len() > LONGEST {
            return Err(too_long());
        }
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let after = &from[1..];
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some(inner) = after.strip_prefix('{') {
            let end =
                closing(inner).ok_or_else(|| format!("`${{{}` has no closing brace", &inner[..name_length(inner)]))?;
            out.push_str(&braced(&inner[..end], look, depth)?);
            rest = &inner[end + 1..];
        } else {
            // One that starts no name is a dollar sign: `$(date)`, `$?` and `[0-9]$` in the scripts of commands.
            let (name, tail) = after.split_at(name_length(after));
            out.push_str(&if name.is_empty() { "$".to_owned() } else { look(name).unwrap_or_default() });
            rest = tail;
        }
    }
    out.push_str(rest);
    if out.len() > LONGEST && out.len() > text.len() { Err(too_long()) } else { Ok(out) }
}

fn too_long() -> String {
    format!("it becomes longer than {} KiB", LONGEST >> 10)
}

/// What stands between the braces: a name, and perhaps what to do with it.
fn braced(inner: &str, look: &dyn Fn(&str) -> Option<String>, depth: usize) -> Result<String, String> {
    let (name, operation) = inner.split_at(name_length(inner));
    if name.is_empty() {
        return Err("a `${` names no variable".to_owned());
    }
    let value = look(name);
    let (strict, operation) = match operation.strip_prefix(':') {
        Some(operation) => (true, operation),
        None => (false, operation),
    };
    let present = value.as_deref().is_some_and(|value| !strict || !value.is_empty());
    let mut characters = operation.chars();
    match (characters.next(), characters.as_str()) {
        (None, _) if !strict => Ok(value.unwrap_or_default()),
        (Some('-'), default) if !present => expand(default, look, depth + 1),
        (Some('+'), replacement) if present => expand(replacement, look, depth + 1),
        (Some('+'), _) => Ok(String::new()),
        (Some('?'), message) if !present => Err(format!("`{name}` must be set: {}", expand(message, look, depth + 1)?)),
        (Some('-' | '?'), _) => Ok(value.unwrap_or_default()),
        _ => Err(format!("what follows the name in `${{{name}` is not understood")),
    }
}

/// Where the brace that closes this expression stands.
fn closing(inner: &str) -> Option<usize> {
    let mut open = 0_usize;
    let bytes = inner.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes[at - 1] == b'$' => open += 1,
            b'}' if open == 0 => return Some(at),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// How many bytes of the start are a variable's name.
fn name_length(text: &str) -> usize {
    let name = |(at, c): &(usize, char)| c.is_ascii_alphabetic() || *c == '_' || (*at > 0 && c.is_ascii_digit());
    text.char_indices().take_while(name).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<String, String> {
        interpolate(text, &|name| match name {
            "V" => Some("v".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn every_form_of_the_specification() {
        for (text, wanted) in [
            ("a-$V-b", "a-v-b"),
            ("${V}", "v"),
            ("$NONE.", "."),
            ("${NONE:-d}", "d"),
            ("${NONE-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${V:-d}", "v"),
            ("${V:+r}", "r"),
            ("${EMPTY:+r}", ""),
            ("${EMPTY+r}", "r"),
            ("${NONE+r}", ""),
            ("${V:?m}", "v"),
            ("${NONE:-${V}${NONE-x}}", "vx"),
            ("$$V $${V}", "$V ${V}"),
            ("ünï $é", "ünï $é"),
            ("$(date) $? $1 $@ $-a $.b", "$(date) $? $1 $@ $-a $.b"),
            ("[0-9]$", "[0-9]$"),
            ("$$$V $$1$", "$v $1$"),
            ("${NONE:-$(date)} ${NONE:-$2a$14$V}", "$(date) $2a$14v"),
        ] {
            assert_eq!(run(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, wanted) in [
            ("${NONE:?set it}", "`NONE` must be set: set it"),
            ("${EMPTY:?$V}", "`EMPTY` must be set: v"),
            ("${V", "`${V` has no closing brace"),
            ("${}", "a `${` names no variable"),
            ("${V:}", "what follows the name in `${V` is not understood"),
            ("${V!x}", "what follows the name in `${V` is not understood"),
        ] {
            assert_eq!(run(text), Err(wanted.to_owned()), "{text}");
        }
        let long = interpolate("$A$A", &|_| Some("x".repeat(LONGEST)));
        assert_eq!(long, Err("it becomes longer than 128 KiB".to_owned()));
        let nested = "${N-".repeat(100) + &"}".repeat(100);
        assert!(run(&nested).is_err());
    }
}
