//! A redis-server of a test's own: on loopback, on a free port, in its own directory, stopped at
//! the end.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program of `BIGKEYS_REDIS_SERVER`, or the `redis-server` on the PATH.
#[allow(dead_code, reason = "not every program that has this module uses all of it")]
pub(crate) fn program() -> PathBuf {
    std::env::var_os("BIGKEYS_REDIS_SERVER").map_or_else(|| "redis-server".into(), PathBuf::from)
}

pub(crate) struct Server {
    process: Child,
    program: PathBuf,
    options: Vec<String>,
    dir: TempDir,
    port: u16,
}

impl Server {
    /// Starts an empty server.
    #[allow(dead_code, reason = "not every program that has this module uses all of it")]
    pub(crate) fn start() -> Self {
        Self::start_with(&program(), &["--enable-debug-command", "local"].map(str::to_owned))
    }

    /// Starts an empty server of `program` with `options` in its command line.
    pub(crate) fn start_with(program: &Path, options: &[String]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a directory"), program, options)
    }

    /// Starts a server of `program` that loads `dump`.
    #[allow(dead_code, reason = "not every program that has this module uses all of it")]
    pub(crate) fn start_from(dump: &[u8], program: &Path, options: &[String]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("dump.rdb"), dump).expect("written");
        Self::start_in(dir, program, options)
    }

    /// Stops the server and starts one that loads what SAVE wrote.
    #[allow(dead_code, reason = "not every program that has this module uses all of it")]
    pub(crate) fn restart(mut self) -> Self {
        self.stop();
        let empty = tempfile::tempdir().expect("a directory");
        let dir = std::mem::replace(&mut self.dir, empty);
        Self::start_in(dir, &self.program, &self.options)
    }

    /// Starts a server that loads the dump in `dir` if there is one.
    fn start_in(dir: TempDir, program: &Path, options: &[String]) -> Self {
        // Between our letting the port go and the server's taking it somebody else might: then it
        // says so.
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|socket| socket.local_addr())
            .expect("a port")
            .port();
        let process = Command::new(program)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--daemonize", "no"])
            .args(options)
            .arg("--dir")
            .arg(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run the tests by scripts/test", program.display()));
        let server = Self { process, program: program.to_owned(), options: options.to_owned(), dir, port };
        let start = Instant::now();
        loop {
            // While it loads, it answers that it does.
            let answered = server
                .client()
                .and_then(|client| client.get_connection())
                .and_then(|mut connection| redis::cmd("PING").exec(&mut connection));
            match answered {
                Ok(()) => return server,
                Err(error) if start.elapsed() > PATIENCE => panic!("the server does not answer: {error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn client(&self) -> redis::RedisResult<redis::Client> {
        redis::Client::open(("127.0.0.1", self.port))
    }

    pub(crate) fn connect(&self) -> redis::Connection {
        self.client().and_then(|client| client.get_connection()).expect("the server answers")
    }

    /// Where SAVE writes to.
    pub(crate) fn dump(&self) -> PathBuf {
        self.dir.path().join("dump.rdb")
    }
}

impl Server {
    fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
