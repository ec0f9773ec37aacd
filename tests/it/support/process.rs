//! The program itself, in a process of its own.

use super::TestDatabase;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub struct Server {
    child: Child,
    pub address: String,
}

impl Server {
    /// A command of the program against this database, with nothing of the developer's environment.
    pub fn command(database: &TestDatabase, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_medislot"));
        command.args(arguments).env_clear().current_dir(database.folder.path()).env("MEDISLOT_DATA_DIR", "data");
        if let Some(url) = &database.postgres_url {
            command.env("DATABASE_URL", url);
        }
        if let Some(url) = &database.redis_url {
            command.env("REDIS_URL", url);
        }
        command.stderr(Stdio::null());
        command
    }

    /// `medislot serve`, once it serves.
    pub fn start(database: &TestDatabase, arguments: &[&str]) -> Self {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        Self::spawn(Self::command(database, &arguments))
    }

    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("the server ended").unwrap();
        let address = first.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Tells it to stop; how long it took, and whether it ended well.
    pub fn stops(mut self) -> (Duration, bool) {
        let begun = Instant::now();
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let status = self.child.wait().unwrap();
        (begun.elapsed(), status.success())
    }

    /// Ends it in the middle of whatever it does.
    pub fn dies(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
