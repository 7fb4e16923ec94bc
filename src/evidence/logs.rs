//! The last lines of containers' logs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use crate::observation::Fact;
use crate::stack::{Stack, hide};
use crate::text;

/// How many lines are asked for.
const LINES: &str = "60";
/// The most that is read of one log, in bytes.
const MOST_BYTES: usize = 64 << 10;
/// The most that is kept of one line, in characters.
const LONGEST_LINE: usize = 400;
/// No more logs than these are read.
const MOST_LOGS: usize = 64;
/// How many are read at once.
const AT_ONCE: usize = 16;
/// How long the engine may take over one.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads the logs of these containers, by id.
pub async fn read(docker: &Docker, stack: &Stack, wanted: &BTreeSet<String>) -> BTreeMap<String, Fact<Vec<String>>> {
    let secrets = stack.secrets();
    let one = async |(index, id): (usize, &String)| {
        let log = if index < MOST_LOGS {
            let log = timeout(PATIENCE, tail(docker, id, &secrets)).await;
            log.unwrap_or_else(|_| Fact::NotLooked("the engine did not give its log in time".into()))
        } else {
            Fact::NotLooked(format!("only {MOST_LOGS} logs are read in one run"))
        };
        (id.clone(), log)
    };
    stream::iter(wanted.iter().enumerate().map(one)).buffer_unordered(AT_ONCE).collect().await
}

async fn tail(docker: &Docker, id: &str, secrets: &BTreeSet<String>) -> Fact<Vec<String>> {
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(LINES).build();
    let mut frames = std::pin::pin!(docker.logs(id, Some(options)));
    let mut bytes = Vec::new();
    while let Some(frame) = frames.next().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(&frame.into_bytes()),
            // A driver that keeps nothing, a container that is gone.
            Err(error) => return Fact::NotLooked(text::line(&format!("its log cannot be read: {error}"), 200)),
        }
        if bytes.len() > MOST_BYTES {
            break;
        }
    }
    bytes.truncate(MOST_BYTES);
    Fact::Present(lines(&bytes, secrets))
}

/// The lines, safe to print. A line may hold a secret that no variable gives away, so what looks like one goes too.
fn lines(bytes: &[u8], secrets: &BTreeSet<String>) -> Vec<String> {
    let safe = |line: &str| hide(&text::line(line, LONGEST_LINE), secrets);
    String::from_utf8_lossy(bytes).lines().filter(|line| !line.trim().is_empty()).map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::pairs;
    use crate::stack::Container;

    #[test]
    fn lines_are_safe_to_print_and_hold_no_secret() {
        let environment = [("DB_PASSWORD", "hunter2"), ("PIN_PASSWORD", "abc"), ("NAME", "shop")];
        let environment = pairs(&environment);
        let stack = Stack { containers: vec![Container { environment, ..Container::default() }], ..Stack::default() };
        let log = b"\x1b[31mred\n\nlogin shop with hunter2 abc\nmysql://me:topsecret@db/x failed\n\xff\xfe";
        let lines = lines(log, &stack.secrets());
        assert_eq!(lines, ["\\u{1b}[31mred", "login shop with *** abc", "mysql://***@db/x failed", "\u{fffd}\u{fffd}"]);
    }
}
