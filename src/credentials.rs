//! Credentials in text that is shown or kept.

/// Replaces the user and password (or token) of every URL in `text`, and its query, by `****`.
pub fn redact(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    text.split_inclusive('\n').for_each(|line| redact_line(line, &mut result));
    result
}

/// The same of as many characters as these. Credentials are taken out first: half an address is not known for one.
pub fn redacted_to(longest: usize, text: &str) -> String {
    let mut text = redact(text);
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// An installer that took a URL for a path may show it with one slash. Each byte is looked at a few times at most.
fn redact_line(line: &str, result: &mut String) {
    let mut signs = AtSigns { line, word_end: 0, last: None, none_left: false };
    let mut done = 0;
    while let Some(found) = tail(line, done).find(":/") {
        let after = tail(line, done + found + 1);
        let url = line.len() - after.trim_start_matches('/').len();
        result.push_str(line.get(done..url).unwrap_or_default());
        done = url;
        if let Some(end) = login_end(tail(line, url), || signs.from(url).map(|sign| sign - url)) {
            result.push_str("****");
            done = url + end;
        }
        done += without_query(tail(line, done), result);
    }
    result.push_str(tail(line, done));
}

fn tail(line: &str, from: usize) -> &str {
    line.get(from..).unwrap_or_default()
}

/// Where a password may end that holds what it should not.
struct AtSigns<'a> {
    line: &'a str,
    /// The end of the word that was looked at last, and the last `@` in it.
    word_end: usize,
    last: Option<usize>,
    /// Whether no `@` follows at all.
    none_left: bool,
}

impl AtSigns<'_> {
    /// The last `@` of the word at `from`, or else the next one in the line.
    fn from(&mut self, from: usize) -> Option<usize> {
        let rest = tail(self.line, from);
        if from >= self.word_end {
            let word = rest.split(char::is_whitespace).next().unwrap_or_default();
            self.word_end = from + word.len();
            self.last = word.rfind('@').map(|sign| from + sign);
        }
        let next = || (!self.none_left).then(|| rest.find('@').map(|sign| from + sign)).flatten();
        let found = self.last.filter(|sign| *sign >= from).or_else(next);
        self.none_left |= found.is_none();
        found
    }
}

/// The length of the login with which `url`, written without its scheme, begins; `unescaped` is where it may end when
/// it holds what ends an authority.
fn login_end(url: &str, unescaped: impl FnOnce() -> Option<usize>) -> Option<usize> {
    let authority = url.split(|c: char| c.is_whitespace() || "/?#\"".contains(c)).next().unwrap_or_default();
    if let Some(sign) = authority.rfind('@') {
        return Some(sign);
    }
    // Where a port should stand and none does, a password holds a character that it should have escaped.
    let port = authority.rsplit_once(']').map_or(authority, |(_, port)| port).split_once(':')?.1;
    port.contains(|c: char| !c.is_ascii_digit()).then(unescaped)?
}

/// User and password with which `url`, written without its scheme, begins.
fn login(url: &str) -> Option<&str> {
    let unescaped = || AtSigns { line: url, word_end: 0, last: None, none_left: false }.from(0);
    login_end(url, unescaped).and_then(|end| url.get(..end))
}

/// Copies a URL up to its end, or to the next one, but for its query: addresses that are signed have their secret there.
/// The length of what was read.
fn without_query(rest: &str, result: &mut String) -> usize {
    let ends = |c: char| c.is_whitespace() || "\"'<>#".contains(c);
    let own = rest.find(":/").and_then(|next| rest.get(..next)).unwrap_or(rest);
    let own = own.split(ends).next().unwrap_or_default();
    let Some((before, _)) = own.split_once('?') else {
        result.push_str(own);
        return own.len();
    };
    result.push_str(before);
    result.push_str("?****");
    rest.find(ends).unwrap_or(rest.len())
}

/// Secrets that can be known beforehand, and so are taken out wherever they stand: a package that prints its
/// environment, or an installer that shows an address in pieces, tells them without a URL around.
#[derive(Debug, Clone, Default)]
pub struct Known(Vec<String>);

/// Nobody has more of them, and each is looked for in each line.
const MOST: usize = 1_000;
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
            if names_a_secret(&name.to_lowercase()) {
                known.learn(&value, SHORTEST);
            }
            known.learn_from(&value);
        }
        known
    }

    /// Adds those of settings of package managers, one a line: `//host/:_authToken=x`, `npmAuthToken: "x"`. In
    /// `bunfig.toml` several stand in one line.
    pub fn learn_settings(&mut self, text: &str) {
        self.learn_from(text);
        for setting in text.lines().flat_map(|line| line.split([',', '{', '}'])) {
            let Some((name, value)) = split_setting(setting) else { continue };
            if names_a_secret(&name.to_lowercase()) {
                let value = value.trim().trim_matches(['"', '\'']);
                let password = value.split_once(':').map_or(value, |(_, password)| password);
                self.learn_spelt(value, SHORTEST);
                self.learn_spelt(password, SHORTEST);
            }
        }
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
        let is_secret = secret.len() >= shortest && !secret.starts_with("${");
        if is_secret && self.0.len() < MOST && !self.0.iter().any(|known| known == secret) {
            // The longer one first: a secret may be a part of another one.
            let place = self.0.partition_point(|known| known.len() >= secret.len());
            self.0.insert(place, secret.to_owned());
        }
    }

    /// The text without them, and without what [`redact`] finds.
    pub fn redact(&self, text: &str) -> String {
        self.0.iter().fold(redact(text), |text, secret| text.replace(secret.as_str(), "****"))
    }
}

/// Whether a variable or a setting of this name, in lower case, holds what nobody may see.
fn names_a_secret(name: &str) -> bool {
    ["password", "token", "secret", "authident"].iter().any(|word| name.contains(word))
        || name.trim_end().ends_with("_auth")
}

/// The name and the value of a setting. A name may hold colons, and a value both signs.
fn split_setting(line: &str) -> Option<(&str, &str)> {
    let equals = line.split_once('=');
    equals.filter(|(name, _)| !name.contains(": ")).or_else(|| line.split_once(": ")).or_else(|| line.split_once(' '))
}

/// A part of a URL, its percent-encoded bytes decoded.
pub(crate) fn decoded(text: &str) -> String {
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
    fn a_line_of_nothing_but_addresses_is_read_in_no_more_time_than_others() {
        for piece in [":/", "a://b:c", "a://b:c@", "a://b?", "a://b@"] {
            // Were each address looked at to the end of the line, this would take hours.
            redact(&piece.repeat(500_000));
        }
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
    fn what_settings_of_managers_hold_is_known() {
        let mut known = Known::default();
        known.learn_settings("//h/:_authToken=token-one\n_auth = \"token-two=\"\n//h/:username=somebody\n");
        known.learn_settings("npmAuthIdent: \"somebody:password-one\"\n\"//h/:_password\" password-two\n");
        known.learn_settings("registry = { url = \"https://me:password-three@h\", token = \"token-three\" }\n");
        known.learn_settings("//h/:_authToken=${NO_SUCH_VARIABLE}\nregistry=https://h/\n");
        let told = "token-one token-two= token-three password-one password-two password-three";
        assert_eq!(known.redact(told), "**** **** **** **** **** ****");
        assert_eq!(known.redact("somebody https://h/ ${NO_SUCH_VARIABLE}"), "somebody https://h/ ${NO_SUCH_VARIABLE}");
    }

    #[test]
    fn what_is_percent_encoded_is_decoded_and_what_only_looks_so_is_left() {
        for (text, expected) in [("%40%2f", "@/"), ("100%", "100%"), ("%zz%4", "%zz%4"), ("%C3%A9", "é")] {
            assert_eq!(decoded(text), expected);
        }
    }
}
