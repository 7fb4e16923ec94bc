//! What differs between two texts, line by line, in few lines.

use std::fmt::Write as _;

use crate::text::line;

/// The most lines of a difference that are shown, and the longest of them in characters.
const MOST: usize = 40;
const LONGEST: usize = 240;
/// Texts that differ in more than this many pairs of lines are shown as a whole.
const LARGEST: usize = 4_000_000;

/// The lines of `old` that are not in `new` with `-` before them, and the other way round with `+`, in their order; before
/// what belongs together its place in `old`, from line 1. Nothing where the two are equal.
#[must_use]
pub fn diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let mut out = String::new();
    let (mut shown, mut last) = (0, None);
    let changes = changes(&old, &new);
    for (sign, at, text) in &changes {
        if shown == MOST {
            let _ = writeln!(out, "  … and {} more", changes.len() - shown);
            break;
        }
        if last.is_none_or(|last| *at > last + 1) {
            let _ = writeln!(out, "line {}:", at + 1);
        }
        last = Some(*at);
        let _ = writeln!(out, "{sign} {}", line(text, LONGEST));
        shown += 1;
    }
    out
}

/// Each change with its sign, the index of its line in `old`, and its text.
fn changes<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, usize, &'a str)> {
    let before = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let behind = old[before..].iter().rev().zip(new[before..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[before..old.len() - behind], &new[before..new.len() - behind]);
    let width = new.len() + 1;
    let fits = (old.len() + 1).saturating_mul(width) <= LARGEST;
    // How many lines the rests of both have in common.
    let mut common = vec![0_u32; if fits { (old.len() + 1) * width } else { 0 }];
    if fits {
        for (i, one) in old.iter().enumerate().rev() {
            for (j, other) in new.iter().enumerate().rev() {
                common[i * width + j] = if one == other {
                    common[(i + 1) * width + j + 1] + 1
                } else {
                    common[(i + 1) * width + j].max(common[i * width + j + 1])
                };
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut changes = Vec::new();
    while i < old.len() || j < new.len() {
        if fits && i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || !fits || common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            changes.push(('-', before + i, old[i]));
            i += 1;
        } else {
            changes.push(('+', before + i, new[j]));
            j += 1;
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        for (old, new, expected) in [
            ("a\nb\nc\n", "a\nb\nc\n", ""),
            ("a\nb\nc\n", "a\nx\nc\n", "line 2:\n- b\n+ x\n"),
            ("a\nc\n", "a\nb\nc\n", "line 2:\n+ b\n"),
            ("a\nb\nc\n", "a\nc\n", "line 2:\n- b\n"),
            ("", "a\n", "line 1:\n+ a\n"),
            ("a\n1\n2\n3\nb\n", "x\n1\n2\n3\ny\n", "line 1:\n- a\n+ x\nline 5:\n- b\n+ y\n"),
            ("a\u{1b}[2J\n", "b\n", "line 1:\n- a\\u{1b}[2J\n+ b\n"),
        ] {
            assert_eq!(diff(old, new), expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn long_differences_are_cut() {
        let many = |word: &str| (0..3000).map(|number| format!("{word}{number}")).collect::<Vec<_>>().join("\n");
        let shown = diff(&many("a"), &many("b"));
        assert_eq!(shown.lines().count(), MOST + 2, "{shown}");
        assert!(shown.ends_with("  … and 5960 more\n"), "{shown}");
    }
}
