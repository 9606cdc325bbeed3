//! A program in a pseudo-terminal, and what a terminal shows of its output.

use std::ffi::OsStr;
use std::io::{Read as _, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Time limit for a program to show something.
const LIMIT: Duration = Duration::from_secs(60);

/// Time without a change after which a screen is complete.
const STABLE: Duration = Duration::from_millis(200);

/// A program and its terminal.
pub(crate) struct Screen {
    terminal: Arc<Mutex<vt100::Parser>>,
    keyboard: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    /// Ends with the output of the program.
    reader: Option<thread::JoinHandle<()>>,
}

impl Screen {
    /// Starts a program on a terminal of some columns and rows.
    pub(crate) fn start(
        program: impl AsRef<OsStr>,
        args: &[&str],
        directory: &Path,
        size: (u16, u16),
    ) -> Self {
        let pair = native_pty_system().openpty(pty_size(size)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(directory);
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).expect("the program starts");
        let mut output = pair.master.try_clone_reader().expect("readable");
        let keyboard = pair.master.take_writer().expect("writable");
        let (columns, rows) = size;
        let terminal = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let shown = Arc::clone(&terminal);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            // An error is the end of the program.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().expect("sound").process(&bytes[..count]);
            }
        });
        Self { terminal, keyboard, master: pair.master, child, reader: Some(reader) }
    }

    pub(crate) fn terminal(&self) -> MutexGuard<'_, vt100::Parser> {
        self.terminal.lock().expect("sound")
    }

    /// The text on the screen, without spaces at the ends of lines.
    pub(crate) fn text(&self) -> String {
        let terminal = self.terminal();
        let (_, columns) = terminal.screen().size();
        let lines: Vec<String> =
            terminal.screen().rows(0, columns).map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n") + "\n"
    }

    /// Types keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("typed");
        self.keyboard.flush().expect("typed");
    }

    /// Waits until the screen has a property and does not change any more, and returns its text.
    pub(crate) fn until(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        let mut before = (String::new(), began);
        loop {
            let text = self.text();
            if text != before.0 {
                before = (text, Instant::now());
            } else if before.1.elapsed() > STABLE && is_there(&text) {
                return text;
            }
            assert!(began.elapsed() < LIMIT, "{what} is not shown:\n{}", before.0);
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for a text.
    pub(crate) fn until_shown(&self, what: &str) -> String {
        self.until(what, |text| text.contains(what))
    }

    /// Gives the terminal another number of columns and rows.
    pub(crate) fn resize(&self, size: (u16, u16)) {
        self.terminal().screen_mut().set_size(size.1, size.0);
        self.master.resize(pty_size(size)).expect("resized");
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.process_id().expect("it runs").to_string();
        let status = std::process::Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the end of the program, and returns its exit status.
    pub(crate) fn wait(&mut self) -> u32 {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it was started") {
                // The pseudo-terminal may hold its last output still.
                self.reader.take().map(thread::JoinHandle::join);
                return status.exit_code();
            }
            assert!(began.elapsed() < LIMIT, "the program does not end:\n{}", self.text());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pty_size((cols, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}
