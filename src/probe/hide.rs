//! Takes a client's password out of what a server said, before anything is recorded.

use std::borrow::Cow;

use secrecy::ExposeSecret;

use crate::plan::Credentials;

/// Wordings of the servers themselves. Common passwords (`password`, `user`) are part of them, and a stand-in there
/// would tell the reader what the password is.
const OWN_WORDS: [&str; 13] = [
    "Access denied for user",
    "(using password: YES)",
    "(using password: NO)",
    "invalid username-password pair or user is disabled",
    "invalid password",
    "AUTH <password> called without any password configured for the default user",
    "AUTH, but no password is set",
    "with args beginning with:",
    "password authentication failed for",
    "no pg_hba.conf entry for host",
    "no encryption",
    "sorry, too many clients already",
    "does not exist",
];

/// What stands where the password stood.
const STAND_IN: &str = "***";

/// Passwords of fewer bytes are hidden only where they stand alone: inside of words they are chance, and a stand-in
/// there would spoil the text and give the password away.
const SHORT: usize = 6;

/// `text` without the password of `credentials`, wherever the server repeats it.
///
/// Redis answers a command that it does not know with the start of its arguments, cut anywhere: nothing after those
/// words is kept.
pub(super) fn hide<'a>(text: &'a str, credentials: Option<&Credentials>) -> Cow<'a, str> {
    let Some((user, password)) =
        credentials.and_then(|known| Some((known.user.as_str(), known.password.as_ref()?.expose_secret())))
    else {
        return Cow::Borrowed(text);
    };
    if password.is_empty() {
        return Cow::Borrowed(text);
    }
    let cut = text.find("with args beginning with:").map_or(text.len(), |at| at + "with args beginning with:".len());
    // The name of the account stands in the refusals of MySQL, PostgreSQL and RabbitMQ, and is often the password too.
    let accounts =
        [format!("'{user}'@"), format!("user \"{user}\""), format!("role \"{user}\""), format!("user '{user}'")];
    let mut out = String::new();
    let mut rest = &text[..cut];
    while let Some((at, own)) = OWN_WORDS
        .iter()
        .copied()
        .chain(accounts.iter().map(String::as_str))
        .filter_map(|own| rest.find(own).map(|at| (at, own)))
        .min_by_key(|&(at, own)| (at, usize::MAX - own.len()))
    {
        replace(&mut out, &rest[..at], password);
        out.push_str(own);
        rest = &rest[at + own.len()..];
    }
    replace(&mut out, rest, password);
    if cut < text.len() {
        out.push_str(" …");
    }
    Cow::Owned(out)
}

/// Appends `text` with the stand-in for every occurrence of the password.
fn replace(out: &mut String, text: &str, password: &str) {
    let mut done = 0;
    for (at, _) in text.match_indices(password) {
        let end = at + password.len();
        let beside = [text[..at].chars().next_back(), text[end..].chars().next()];
        if password.len() >= SHORT || !beside.into_iter().flatten().any(char::is_alphanumeric) {
            out.push_str(&text[done..at]);
            out.push_str(STAND_IN);
            done = end;
        }
    }
    out.push_str(&text[done..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str, user: &str, password: &str) -> String {
        let credentials = Credentials { user: user.into(), password: Some(password.into()) };
        hide(text, Some(&credentials)).into_owned()
    }

    #[test]
    fn a_repeated_password_is_hidden() {
        assert_eq!(hidden("ERR no such password: hunter2!", "", "hunter2"), "ERR no such password: ***!");
        assert_eq!(hidden("hunter2hunter2", "app", "hunter2"), "******");
        assert_eq!(hidden("x", "app", ""), "x");
        assert_eq!(hidden("expired: 'p', p", "app", "p"), "expired: '***', ***");
    }

    #[test]
    fn cut_arguments_are_not_kept() {
        let said = "ERR unknown command 'AUTH', with args beginning with: 'hunt";
        assert_eq!(hidden(said, "", "hunter2"), "ERR unknown command 'AUTH', with args beginning with: …");
    }

    #[test]
    fn common_passwords_are_not_given_away_by_the_servers_wording() {
        let said = "Access denied for user 'root'@'172.18.0.5' (using password: YES)";
        for password in ["password", "root", "user", "using", "YES"] {
            assert_eq!(hidden(said, "root", password), said, "{password}");
        }
        let said = "WRONGPASS invalid username-password pair or user is disabled.";
        assert_eq!(hidden(said, "", "password"), said);
        assert_eq!(hidden("root: root", "app", "root"), "***: ***");
    }
}
