//! The word somebody meant.

/// Characters of a word that are compared.
const LONGEST: usize = 64;

/// The known word nearest to what was typed, if one is near enough to be meant.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (typed.chars().count() / 3).max(1) + 1;
    let near = known.into_iter().map(|word| (distance(typed, word), word)).min_by_key(|(distance, _)| *distance)?;
    (near.0 <= limit).then_some(near.1)
}

/// How many characters must be put in, taken out or changed to make one word of the other.
pub fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(LONGEST).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().take(LONGEST).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_its_word() {
        assert_eq!(nearest("snyc", ["sync", "check"]), Some("sync"));
        assert_eq!(nearest("--jsno", ["--root", "--json"]), Some("--json"));
        assert_eq!(nearest("xylophone", ["sync", "check"]), None);
    }
}
