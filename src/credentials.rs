//! Credentials in text that is shown or kept.

/// Replaces the user and password (or token) of every URL in `text` by `****`.
pub fn redact(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    text.split_inclusive(char::is_whitespace).for_each(|word| redact_word(word, &mut result));
    result
}

fn redact_word(word: &str, result: &mut String) {
    let last = word.rfind('@');
    let mut rest = word;
    let mut from = 0;
    while let Some((before, after)) = rest.split_once("://") {
        result.push_str(before);
        result.push_str("://");
        from += before.len() + 3;
        rest = after;
        let secret = secret_length(rest, last.and_then(|last| last.checked_sub(from)));
        if let Some(shorter) = secret.and_then(|length| rest.get(length..)) {
            result.push_str("****");
            from += rest.len() - shorter.len();
            rest = shorter;
        }
    }
    result.push_str(rest);
}

/// The length of the credentials with which `rest`, a URL without its scheme, begins; `last` is its last `@`.
fn secret_length(rest: &str, last: Option<usize>) -> Option<usize> {
    let last = last?;
    let authority = rest.find(['/', '?', '#', '"']).and_then(|end| rest.get(..end)).unwrap_or(rest);
    if let Some(at) = authority.rfind('@') {
        return Some(at);
    }
    // Where a port should stand and none does, a password holds a character that it should have escaped.
    let port = authority.rsplit_once(']').map_or(authority, |(_, port)| port).split_once(':')?.1;
    port.contains(|c: char| !c.is_ascii_digit()).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_redacted_in_every_url() {
        let redacted = [
            ("-i https://me:pw@h/s -f https://tok@h", "-i https://****@h/s -f https://****@h"),
            ("git+https://tok:x-oauth@h/r@v1#egg=r", "git+https://****@h/r@v1#egg=r"),
            ("a @ https://${USER}:${PASS}@h/a.whl", "a @ https://****@h/a.whl"),
            ("https://a:b@c:d@h/", "https://****@h/"),
            ("https://h/a@1 x@y", "https://h/a@1 x@y"),
            ("https://h:8080/a@1", "https://h:8080/a@1"),
            ("https://[::1]:8080/a@1", "https://[::1]:8080/a@1"),
            ("https://me:p/w@h/s", "https://****@h/s"),
            ("https://me:p#w@h/s\nhttps://me@h", "https://****@h/s\nhttps://****@h"),
            ("'https://a@x','https://b@y'", "'https://****@x','https://****@y'"),
            ("https://é:é@h/é", "https://****@h/é"),
            ("://@", "://****@"),
            ("://", "://"),
        ];
        for (text, expected) in redacted {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn a_redacted_text_stays_as_it_is() {
        let once = redact("https://me:p/w@h/s git+https://t@h");
        assert_eq!(redact(&once), once);
    }
}
