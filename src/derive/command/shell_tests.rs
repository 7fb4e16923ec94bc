//! Tables: the simple commands of scripts.

use super::*;

fn of(text: &str) -> Vec<String> {
    let look = |name: &str| match name {
        "HOST" => Some("db".to_owned()),
        "TWO" => Some("a b".to_owned()),
        _ => None,
    };
    script(text, &look).into_iter().map(|words| words.join("|")).collect()
}

#[test]
fn scripts_become_simple_commands() {
    for (text, expected) in [
        ("a b  c", &["a|b|c"][..]),
        ("a; b && c || d | e & f\ng", &["a", "b", "c", "d", "e", "f", "g"]),
        ("a 'b  c' \"d \\\" e\" f\\ g \"\"", &["a|b  c|d \" e|f g|"]),
        ("a # b\nc#d", &["a", "c#d"]),
        ("if a; then b; elif c; then d; else e; fi", &["a", "b", "c", "d", "e"]),
        ("until ( a ) do b; done", &["a", "b"]),
        ("! { a; }", &["a"]),
        ("a > b 2>&1 < c >> d e 2>/dev/null", &["a|e"]),
        ("a <<< b c", &["a|c"]),
        ("a <<-'X' > f\nb\n\tX\nc", &["a", "c"]),
        ("a <<X\nb", &["a"]),
        ("a $HOST ${HOST} \"$HOST:1\" '$HOST'", &["a|db|db|db:1|$HOST"]),
        ("a ${N:-x} ${N-y} ${HOST:-z} ${N} ${HOST%b} $TWO $1", &["a|x|y|db|${…}|${…}|${…}|${…}"]),
        ("H=x; a $H", &["H=x", "a|x"]),
        ("export H=x J; a $H", &["export|H=x|J", "a|x"]),
        ("H=x a $H", &["H=x|a|${…}"]),
        ("a $(b \"$(c)\") `d`", &["a|${…}|${…}", "b|${…}", "d", "c"]),
        ("a $((1 + 2)) b", &["a|${…}|b"]),
        ("sh -c 'a; b' x", &["a", "b"]),
        ("timeout 5 bash -c \"a\"", &["a"]),
        ("bash x.sh -c a", &["bash|x.sh|-c|a"]),
        ("bash -x -c a", &["a"]),
        ("echo sh -c 'a'", &["echo|sh|-c|a"]),
        ("a -- b c -- d", &["a", "b|c", "d"]),
        ("a \\\n  b", &["a|b"]),
        ("\u{e4} \u{1f600}; \u{e4}$HOST", &["\u{e4}|\u{1f600}", "\u{e4}db"]),
        ("a 'b", &["a|b"]),
        ("a \"b $(c", &["a|b ${…}", "c"]),
        ("", &[]),
        (";;&&||", &[]),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
}

#[test]
fn words_that_are_given_are_not_split_again() {
    let given = |words: &[&str]| commands(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>(), &|_| None);
    assert_eq!(given(&["a", "b; c", "$X"]), [["a", "b; c", "$X"]]);
    assert_eq!(given(&["tini", "--", "sh", "-c", "a; b"]), [["a"], ["b"]]);
    assert!(given(&[]).is_empty());
}

#[test]
fn what_is_read_is_bounded() {
    let doubles = format!("X=aaaaaaaaaa; {} a $X", "X=$X$X; ".repeat(100));
    assert!(of(&doubles).iter().map(String::len).sum::<usize>() <= 2 * MOST_TEXT);
    assert!(of(&"a;".repeat(5000)).len() <= MOST_COMMANDS);
    let deep = (0..20).fold("a".to_owned(), |inner, _| format!("$({inner})"));
    assert!(!of(&deep).contains(&"a".to_owned()));
}
