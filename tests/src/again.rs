//! The program that runs, once more.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// The program that runs, started once more with a variable that tells it to serve something else and
/// say where. Dropped, it is killed.
#[derive(Debug)]
pub struct Again {
    child: Child,
    address: SocketAddr,
}

impl Again {
    /// Starts it and waits until it has said where it serves, in its first line.
    ///
    /// # Panics
    /// When it does not.
    pub fn serving(variable: &str, value: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("our own path"))
            .env(variable, value)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        out.read_line(&mut line).expect("a line");
        let address = line.trim().parse().expect("an address");
        Self { child, address }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
