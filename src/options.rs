//! The options of other programs, as far as it takes to see what stands behind them.

/// The place of the first word that is no option and no option's value, or is one of these.
pub fn end_of_options(words: &[String], with_value: &str, ends: &[&str]) -> usize {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if word == "--" {
            return at + 1;
        }
        if !word.starts_with('-') || ends.contains(&word.as_str()) || word == "-" {
            return at;
        }
        at += if with_value.contains(&format!(" {word} ")) { 2 } else { 1 };
    }
    words.len()
}

/// The value of an option, `--name value` or `--name=value`.
pub fn value(options: &[String], name: &str) -> Option<String> {
    values(options, &[name]).pop()
}

/// The values of all options of these names.
pub fn values(options: &[String], names: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, option) in options.iter().enumerate() {
        match option.split_once('=') {
            Some((name, value)) if names.contains(&name) => found.push(value.to_owned()),
            None if names.contains(&option.as_str()) => found.extend(options.get(at + 1).cloned()),
            _ => {}
        }
    }
    found
}

/// The words that are no options and no options' values.
pub fn plain_words<'a>(mut words: &'a [String], with_value: &str) -> Vec<&'a String> {
    let mut found = Vec::new();
    loop {
        words = words.get(end_of_options(words, with_value, &[])..).unwrap_or_default();
        let Some((word, rest)) = words.split_first() else { return found };
        found.push(word);
        words = rest;
    }
}
