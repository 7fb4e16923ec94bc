//! Ctrl-C and SIGTERM: the run stops looking, says what it knows, and leaves nothing behind.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from the start of a run, so that no signal is lost between two waits.
#[derive(Debug)]
pub struct Interrupt {
    ctrl_c: Signal,
    terminate: Signal,
}

impl Interrupt {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the system refuses to hand signals over.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { ctrl_c: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns when one arrives.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Does the work; nothing when a signal comes before its end.
    pub async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.wait() => None,
        }
    }
}
