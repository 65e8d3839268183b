//! Credentials in text that is shown or kept.

/// Replaces the user and password (or token) of every URL in `text`, and its query, by `****`.
pub fn redact(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    text.split_inclusive('\n').for_each(|line| redact_line(line, &mut result));
    result
}

/// An installer that took a URL for a path may show it with one slash.
fn redact_line(line: &str, result: &mut String) {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(":/") {
        let url = after.trim_start_matches('/');
        result.push_str(before);
        result.push(':');
        result.extend(std::iter::repeat_n('/', after.len() - url.len() + 1));
        rest = without_query(without_login(url, result), result);
    }
    result.push_str(rest);
}

/// What follows the login of `url`, which is written without its scheme.
fn without_login<'a>(url: &'a str, result: &mut String) -> &'a str {
    match login(url).and_then(|login| url.get(login.len()..)) {
        Some(rest) => {
            result.push_str("****");
            rest
        }
        None => url,
    }
}

/// User and password with which `url`, written without its scheme, begins.
fn login(url: &str) -> Option<&str> {
    let word = url.split(char::is_whitespace).next().unwrap_or_default();
    let authority = word.split(['/', '?', '#', '"']).next().unwrap_or_default();
    if let Some((login, _)) = authority.rsplit_once('@') {
        return Some(login);
    }
    // Where a port should stand and none does, a password holds a character that it should have escaped.
    let port = authority.rsplit_once(']').map_or(authority, |(_, port)| port).split_once(':')?.1;
    let unescaped = || word.rsplit_once('@').or_else(|| url.split_once('@')).map(|(login, _)| login);
    port.contains(|c: char| !c.is_ascii_digit()).then(unescaped)?
}

/// What follows the query of a URL, if it has one: addresses that are signed have their secret there.
fn without_query<'a>(rest: &'a str, result: &mut String) -> &'a str {
    let end = rest.find(|c: char| c.is_whitespace() || "\"'<>#".contains(c)).unwrap_or(rest.len());
    let own = rest.find(":/").map_or(end, |next| next.min(end));
    let Some((before, _)) = rest.get(..own).and_then(|own| own.split_once('?')) else { return rest };
    result.push_str(before);
    result.push_str("?****");
    rest.get(end..).unwrap_or_default()
}

/// Secrets that can be known beforehand, and so are taken out wherever they stand: a package that prints its
/// environment, or an installer that shows an address in pieces, tells them without a URL around.
#[derive(Debug, Clone, Default)]
pub struct Known(Vec<String>);

/// A shorter password is left alone outside of URLs: it may be a part of any word.
const SHORTEST: usize = 6;
/// A user without a password may be a name or a token; only a token is as long as this.
const SHORTEST_TOKEN: usize = 16;

impl Known {
    /// Those in the environment of this process: in addresses, and in variables that are named for what they hold.
    pub fn in_environment() -> Self {
        let mut known = Self::default();
        for (name, value) in std::env::vars_os() {
            let (name, value) = (name.to_string_lossy().to_uppercase(), value.to_string_lossy());
            if ["PASSWORD", "TOKEN", "SECRET"].iter().any(|word| name.contains(word)) {
                known.learn(&value, SHORTEST);
            }
            known.learn_from(&value);
        }
        known
    }

    /// Adds those of the URLs in a text. `${NAME}` stands for a variable there.
    pub fn learn_from(&mut self, text: &str) {
        for url in text.lines().flat_map(|line| line.split("://").skip(1)) {
            let Some(login) = login(url) else { continue };
            match login.split_once(':') {
                Some((_, password)) => self.learn_spelt(password, SHORTEST),
                None => self.learn_spelt(login, SHORTEST_TOKEN),
            }
        }
    }

    /// Adds a secret as a URL spells it, and as it is.
    fn learn_spelt(&mut self, spelt: &str, shortest: usize) {
        let variable = spelt.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        if let Some(value) = variable.and_then(|name| std::env::var(name).ok()) {
            self.learn(&value, shortest);
        }
        self.learn(spelt, shortest);
        self.learn(&decoded(spelt), shortest);
    }

    fn learn(&mut self, secret: &str, shortest: usize) {
        if secret.len() >= shortest && !secret.starts_with("${") && !self.0.iter().any(|known| known == secret) {
            self.0.push(secret.to_owned());
            // A secret may be a part of another one.
            self.0.sort_by_key(|known| std::cmp::Reverse(known.len()));
        }
    }

    /// The text without them, and without what [`redact`] finds.
    pub fn redact(&self, text: &str) -> String {
        self.0.iter().fold(redact(text), |text, secret| text.replace(secret.as_str(), "****"))
    }
}

/// A part of a URL, its percent-encoded bytes decoded.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
            ("https://h x@y", "https://h x@y"),
            ("https://h:8080/a@1", "https://h:8080/a@1"),
            ("https://[::1]:8080/a@1", "https://[::1]:8080/a@1"),
            ("https://me:p/w@h/s", "https://****@h/s"),
            ("https://me:p#w@h/s\nhttps://me@h", "https://****@h/s\nhttps://****@h"),
            ("'https://a@x','https://b@y'", "'https://****@x','https://****@y'"),
            ("https://é:é@h/é", "https://****@h/é"),
            ("https://me:p w@h/s", "https://****@h/s"),
            ("'/scratch/http:/me:pw@h/s'", "'/scratch/http:/****@h/s'"),
            ("https://h/a.whl?sig=x#sha256=0", "https://h/a.whl?****#sha256=0"),
            ("<https://h/?a=b> 'https://me@h?c=https://d@e'", "<https://h/?****> 'https://****@h?****'"),
            ("https://a?b=c|https://d@e", "https://a?****"),
            ("a://x|b://me:pw@h?c", "a://x|b://****@h?****"),
            ("https://${HOST}:${PORT}/s", "https://${HOST}:${PORT}/s"),
            ("://@", "://****@"),
            ("://", "://"),
        ];
        for (text, expected) in redacted {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn a_redacted_text_stays_as_it_is() {
        let once = redact("https://me:p/w@h/s git+https://t@h?q");
        assert_eq!(redact(&once), once);
    }

    #[test]
    fn a_secret_that_is_known_is_redacted_wherever_it_stands() {
        let mut known = Known::default();
        known.learn_from("-i https://me:p%40ss%2Fword@h/s\n-f https://0123456789abcdef@h https://somebody@h");
        known.learn_from("https://me:p%40ss%2Fword-longer@h https://me:short@h https://me:${NO_SUCH_VARIABLE}@h");
        let told = "p%40ss%2Fword p@ss/word (p@ss/word-longer) 0123456789abcdef somebody short ${NO_SUCH_VARIABLE}";
        assert_eq!(known.redact(told), "**** **** (****) **** somebody short ${NO_SUCH_VARIABLE}");
    }

    #[test]
    fn what_is_percent_encoded_is_decoded_and_what_only_looks_so_is_left() {
        for (text, expected) in [("%40%2f", "@/"), ("100%", "100%"), ("%zz%4", "%zz%4"), ("%C3%A9", "é")] {
            assert_eq!(decoded(text), expected);
        }
    }
}
