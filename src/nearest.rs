//! The name that was probably meant.

/// The candidate that is spelt most like `word`, whatever its case: at most two edits away, and one where the word is
/// short; never the word itself.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = word;
    let word = word.to_lowercase();
    let most = if word.chars().count() < 6 { 1 } else { 2 };
    // What differs in case alone is as near as can be.
    let distances = candidates
        .filter(|candidate| *candidate != written)
        .map(|candidate| (strsim::osa_distance(&candidate.to_lowercase(), &word), candidate));
    distances.filter(|&(distance, _)| distance <= most).min().map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["kafka", "mysql", "redis"];
        assert_eq!(nearest("kafkaa", known.into_iter()), Some("kafka"));
        assert_eq!(nearest("KAKFA", known.into_iter()), Some("kafka"));
        assert_eq!(nearest("postgres", known.into_iter()), None);
        assert_eq!(nearest("db", known.into_iter()), None);
        assert_eq!(nearest("redis", known.into_iter()), None);
        assert_eq!(nearest("Redis", known.into_iter()), Some("redis"));
    }
}
