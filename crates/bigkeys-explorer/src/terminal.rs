//! The terminal while the explorer has it.

use std::io::{self, stdout};
use std::panic::{self, PanicHookInfo};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// The hook for panics that was there before.
type Hook = Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// A terminal on the alternate screen, in raw mode. It is given back when this is dropped.
pub(crate) struct Screen {
    pub(crate) terminal: Terminal<CrosstermBackend<io::Stdout>>,
    before: Hook,
    panics: Arc<Mutex<Vec<String>>>,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// A panic of this thread gives the terminal back before the message is printed. The message of a
    /// panic of any other thread is kept, because it would be written over the screen.
    pub(crate) fn take() -> io::Result<Self> {
        let before: Hook = Arc::from(panic::take_hook());
        let (this, panics) = (thread::current().id(), Arc::<Mutex<Vec<String>>>::default());
        let (hook, kept) = (Arc::clone(&before), Arc::clone(&panics));
        panic::set_hook(Box::new(move |info| {
            if thread::current().id() == this {
                give_back();
                hook(info);
            } else {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
            }
        }));
        let terminal = enable_raw_mode()
            .and_then(|()| execute!(stdout(), EnterAlternateScreen))
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match terminal {
            Ok(terminal) => Ok(Self { terminal, before, panics }),
            Err(error) => {
                give_back();
                set_hook(before);
                Err(error)
            }
        }
    }

    /// The messages of the panics of other threads.
    pub(crate) fn panics(&self) -> String {
        self.panics.lock().unwrap_or_else(PoisonError::into_inner).join("; ")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.terminal.show_cursor();
        give_back();
        // A hook cannot be changed by a thread that panics.
        if !thread::panicking() {
            set_hook(Arc::clone(&self.before));
        }
    }
}

fn give_back() {
    // There is nobody to tell if the terminal is gone.
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), LeaveAlternateScreen);
}

fn set_hook(hook: Hook) {
    panic::set_hook(Box::new(move |info| hook(info)));
}
