//! What a shell's command does with texts: files that it writes out of others, and commands that it hands to cron.

use super::shell::UNKNOWN;
use crate::catalog::program_name;

/// Programs that write what they read, more or less: what stands in their first file they give out.
const FILTERS: &[&str] = &["awk", "cat", "envsubst", "esh", "gomplate", "j2", "jinja2", "sed", "tee", "tr"];

/// Programs that make their last file out of the one before.
const COPIERS: &[&str] = &["cp", "install", "ln", "mv"];

/// A simple command, and the files that it is redirected from and to.
pub struct Command<'a> {
    /// Its words.
    pub words: &'a [String],
    /// Files that it reads.
    pub from: &'a [String],
    /// Files that it writes.
    pub to: &'a [String],
}

impl Command<'_> {
    /// The files that are copied, from and to, and the one that it gives out: `piped` is the one that it is given.
    #[must_use]
    pub fn copies(&self, piped: Option<String>) -> (Vec<(String, String)>, Option<String>) {
        let name = self.words.first().map(|word| program_name(word)).unwrap_or_default();
        let files: Vec<_> = self.words.iter().skip(1).filter(|word| is_file(word)).collect();
        if COPIERS.contains(&name)
            && let [from, to] = files[..]
        {
            return (pair(from, to).into_iter().collect(), None);
        }
        if name == "dockerize" {
            let pairs = self.words.iter().filter_map(|word| word.trim_start_matches("-template=").split_once(':'));
            return (pairs.filter_map(|(from, to)| pair(from, to)).collect(), None);
        }
        let read = self.from.iter().find(|file| is_file(file)).cloned();
        let read = read
            .or_else(|| files.first().filter(|_| FILTERS.contains(&name) && name != "tee").map(|&file| file.clone()));
        let read = read.or(piped);
        let mut written: Vec<_> = self.to.iter().filter(|file| is_file(file)).collect();
        if name == "tee" {
            written.extend(&files);
        }
        let Some(read) = read else { return (Vec::new(), None) };
        (written.into_iter().filter_map(|to| pair(&read, to)).collect(), Some(read))
    }
}

/// Whether a word is the path of a file that is known.
fn is_file(word: &str) -> bool {
    word.len() > 1 && word.starts_with('/') && !word.starts_with("/dev/") && !word.contains(UNKNOWN)
}

/// A file and what it becomes; in a folder it keeps its name.
fn pair(from: &str, to: &str) -> Option<(String, String)> {
    if !is_file(from) || !is_file(to) || from == to {
        return None;
    }
    let name = from.rsplit('/').next().unwrap_or_default();
    let to = if to.ends_with('/') { format!("{to}{name}") } else { to.to_owned() };
    Some((from.to_owned(), to))
}

/// The commands of lines for cron among the words of `echo`: `0 3 * * * wget http://app:8080`.
pub fn scheduled(words: &[String]) -> impl Iterator<Item = &str> {
    let says = words.first().is_some_and(|word| matches!(program_name(word), "echo" | "printf"));
    let texts = words.iter().skip(1).filter(move |_| says);
    texts.flat_map(|text| text.split('\n').flat_map(|line| line.split("\\n"))).filter_map(behind_schedule)
}

/// What follows five fields of times, or `@daily` and its like.
fn behind_schedule(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if line.starts_with('@') {
        let (word, rest) = line.split_once(char::is_whitespace)?;
        let known = ["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually", "@reboot"];
        return known.contains(&word).then_some(rest);
    }
    let mut rest = line;
    for _ in 0..5 {
        let (field, after) = rest.split_once(char::is_whitespace)?;
        let is_time = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | '/' | ',' | '-');
        // A day or a month may be called by three letters: `mon-fri`.
        let is_name = |word: &str| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
        let begins =
            field.starts_with(|c: char| c.is_ascii_digit() || c == '*') || field.split(['-', ',']).all(is_name);
        if field.is_empty() || !begins || !field.chars().all(is_time) {
            return None;
        }
        rest = after.trim_start();
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use crate::derive::command::shell;

    fn words(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn files_are_written_out_of_others() {
        for (script, expected) in [
            ("envsubst '$A' < /t/x.conf > /etc/x.conf && nginx", "/t/x.conf=/etc/x.conf"),
            ("envsubst </t/x.conf >/etc/x.conf", "/t/x.conf=/etc/x.conf"),
            ("cat /t/x.conf | envsubst > /etc/x.conf; nginx", "/t/x.conf=/etc/x.conf"),
            ("envsubst < /t/x.conf | tee /etc/x.conf", "/t/x.conf=/etc/x.conf"),
            ("sed \"s/A/$B/\" /t/x.conf > /etc/x.conf", "/t/x.conf=/etc/x.conf"),
            ("cp -f /t/x.conf /etc/nginx/", "/t/x.conf=/etc/nginx/x.conf"),
            ("dockerize -template /t/x.tmpl:/etc/x.conf nginx", "/t/x.tmpl=/etc/x.conf"),
            ("cat /t/x.conf; nginx > /log", ""),
            ("echo /t/x.conf > /etc/x.conf", ""),
            ("cat /t/x.conf || true > /etc/x.conf", ""),
            ("envsubst < $FILE > /etc/x.conf", ""),
            ("cp x.conf /etc/x.conf", ""),
            ("cat < /t/x > /dev/null", ""),
        ] {
            let found: Vec<_> =
                shell::copies(&words(script), &|_| None).iter().map(|(from, to)| format!("{from}={to}")).collect();
            assert_eq!(found.join(" "), expected, "{script}");
        }
    }

    #[test]
    fn what_cron_is_given_is_run() {
        for (script, expected) in [
            ("echo \"0 3 * * * wget -qO- http://app:8080/x;echo\" | crontab - && crond -f", true),
            ("echo '*/5 * * * mon-fri wget http://app' > /etc/crontabs/root", true),
            ("printf '0 1 * * * true\\n@daily wget http://app\\n' | crontab -", true),
            ("echo 'waiting for wget http://app'", false),
            ("echo '1 2 3 4 wget http://app'", false),
            ("cat '0 3 * * * wget http://app'", false),
        ] {
            let found = shell::commands(&words(script), &|_| None);
            assert_eq!(found.iter().any(|words| words[0] == "wget"), expected, "{script}: {found:?}");
        }
    }

    #[test]
    fn a_document_is_run_that_a_shell_is_given() {
        for (script, expected) in [
            ("sh -s << EOF\nmc ls x\nEOF\necho done", true),
            ("bash <<'EOF'\nmc ls x\nEOF\n", true),
            ("cat << EOF > /x.sh\nmc ls x\nEOF\n", false),
            ("sh /x.sh << EOF\nmc ls x\nEOF\n", false),
        ] {
            let found = shell::commands(&words(script), &|_| None);
            assert_eq!(found.iter().any(|words| words[0] == "mc"), expected, "{script}: {found:?}");
        }
    }
}
