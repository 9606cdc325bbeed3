//! What the explorer shows, and what the keys do.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::Scope;

use bigkeys_report::words::{count, counted};
use bigkeys_scan::Rank;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use rdb_parser::escape::Escaped;

use crate::draw::{self, Chrome, Theme};
use crate::export::Export;
use crate::job::{Ended, Failure, Job, Watch};
use crate::keys::{self, KeysView, Shown, ValueView};
use crate::list::Cursor;
use crate::live::{LiveGroups, Snapshots};
use crate::session::Session;
use crate::tree::{GroupId, TreeView};
use crate::value;

const TREE_KEYS: &str = " → open  ← back  t keys  s sort  / search  Space mark  x export  ? help  q quit";
const KEYS_KEYS: &str = " → open  ← back  s sort  / search  Space mark  x export  ? help  q quit";
const VALUE_KEYS: &str = " Tab elements or bytes  ← back  ? help  q quit";

/// The explorer's state. The screen is that of the value, or else of the keys, or else of the tree.
pub(crate) struct App<'scope, 'env> {
    session: &'scope Session<'env>,
    scope: &'scope Scope<'scope, 'env>,
    title: String,
    /// The scan for the groups.
    job: Job<()>,
    snapshots: Snapshots,
    /// Version of the snapshot that is shown.
    version: u64,
    tree: TreeView,
    keys: Option<KeysView>,
    value: Option<ValueView>,
    prompt: Option<Prompt>,
    message: Option<Message>,
    is_help_shown: bool,
    has_quit: bool,
}

/// What the user types a line for.
enum Prompt {
    Search(String),
    /// The file of an export.
    Export(String),
}

struct Message {
    text: String,
    is_problem: bool,
}

impl Message {
    /// The text may have a path, so it is escaped.
    fn problem(text: &str) -> Self {
        Self { text: Escaped::for_message(text).to_string(), is_problem: true }
    }
}

impl<'scope, 'env> App<'scope, 'env> {
    /// Starts the scan for the groups.
    pub(crate) fn new(session: &'scope Session<'env>, scope: &'scope Scope<'scope, 'env>) -> Self {
        let (live, snapshots) = LiveGroups::new(session.names());
        let title = match &session.inputs[..] {
            [only] => only.name().to_owned(),
            several => counted(several.len() as u64, "file"),
        };
        let title = format!(" bigkeys  {}", Escaped::for_message(&title));
        Self {
            session,
            scope,
            title,
            job: Job::start(scope, move |watch, stop| scan_groups(session, live, watch, stop)),
            snapshots,
            version: 0,
            tree: TreeView::new(),
            keys: None,
            value: None,
            prompt: None,
            message: None,
            is_help_shown: false,
            has_quit: false,
        }
    }

    pub(crate) fn has_quit(&self) -> bool {
        self.has_quit
    }

    /// Takes what the scans have found.
    pub(crate) fn refresh(&mut self) -> Result<(), Ended> {
        let outcome = self.job.take();
        if let Some(tree) = self.snapshots.newer(&mut self.version) {
            self.tree.replace(tree);
        }
        if let Some(outcome) = outcome {
            self.finish(outcome)?;
            self.report_problems(&Arc::clone(&self.job.watch));
        }
        if let Some(keys) = &mut self.keys
            && let Some(outcome) = keys.job.take()
        {
            let watch = Arc::clone(&keys.job.watch);
            if let Some(found) = self.finish(outcome)?
                && let Some(keys) = &mut self.keys
            {
                keys.replace(found);
            }
            self.report_problems(&watch);
        }
        if let Some(view) = &mut self.value
            && let Some(outcome) = view.job.take()
        {
            let value = self.finish(outcome)?.unwrap_or_default();
            if let Some(view) = &mut self.value {
                view.value = Some(value);
                let remark = draw::remark_of_value(view).map(|text| Message { text, is_problem: false });
                self.message = self.message.take().or(remark);
            }
        }
        Ok(())
    }

    /// The result of a job. A failure becomes the message.
    fn finish<T>(&mut self, outcome: Result<T, Failure>) -> Result<Option<T>, Ended> {
        match outcome {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Failed(text)) => {
                self.message = Some(Message::problem(&text));
                Ok(None)
            }
            Err(Failure::Panicked) => Err(Ended::Panicked),
        }
    }

    fn report_problems(&mut self, watch: &Watch) {
        let problems = watch.problems();
        if let Some(first) = problems.first() {
            let more = problems.len() - 1;
            let more = if more == 0 {
                String::new()
            } else {
                format!("; and {}", counted(more as u64, "more problem"))
            };
            self.message = Some(Message::problem(&format!("{first}{more}")));
        }
    }

    /// Handles a key.
    pub(crate) fn press(&mut self, key: KeyEvent) {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            self.has_quit |= matches!(key.code, KeyCode::Char('c' | 'd'));
            return;
        }
        if self.prompt.is_some() {
            return self.type_into_prompt(key.code);
        }
        if std::mem::take(&mut self.is_help_shown) {
            return;
        }
        self.message = None;
        match key.code {
            KeyCode::Char('q') => self.has_quit = true,
            KeyCode::Char('?') | KeyCode::F(1) => self.is_help_shown = true,
            code if self.value.is_some() => self.press_in_value(code),
            code if self.keys.is_some() => self.press_in_keys(code),
            code => self.press_in_tree(code),
        }
    }

    fn press_in_tree(&mut self, code: KeyCode) {
        let rows = self.tree.rows().len();
        if self.tree.cursor.press(code, rows) {
            return self.tree.remember_selected();
        }
        match code {
            KeyCode::Right | KeyCode::Enter | KeyCode::Char('l') => {
                if !self.tree.enter() && self.tree.selected().is_some() {
                    self.list_keys();
                }
            }
            KeyCode::Esc if !self.tree.search.is_empty() => self.search(String::new()),
            KeyCode::Left | KeyCode::Backspace | KeyCode::Char('h') if !self.tree.search.is_empty() => {
                self.search(String::new());
            }
            KeyCode::Left | KeyCode::Backspace | KeyCode::Char('h') | KeyCode::Esc => {
                self.tree.leave();
            }
            KeyCode::Char('t') => self.list_keys(),
            KeyCode::Char('s') => {
                self.tree.remember_selected();
                self.tree.sort = self.tree.sort.next(self.session.has_memory);
                self.tree.follow_selected();
            }
            KeyCode::Char(' ') => {
                self.tree.toggle_mark();
                self.tree.cursor.press(KeyCode::Down, rows);
                self.tree.remember_selected();
            }
            code => self.press_anywhere(code),
        }
    }

    fn press_in_keys(&mut self, code: KeyCode) {
        let Some(view) = &mut self.keys else { return };
        let rows = view.rows().len();
        if view.cursor.press(code, rows) {
            return;
        }
        match code {
            KeyCode::Right | KeyCode::Enter | KeyCode::Char('l') => self.open_key(),
            KeyCode::Esc if !view.search.is_empty() => self.search(String::new()),
            KeyCode::Left | KeyCode::Backspace | KeyCode::Char('h') | KeyCode::Esc => self.keys = None,
            KeyCode::Char('s') => {
                let rank = keys::next_rank(view.rank, self.session.has_memory);
                let (group, search, marked) =
                    (view.group.clone(), std::mem::take(&mut view.search), std::mem::take(&mut view.marked));
                self.start_keys(group, rank);
                if let Some(view) = &mut self.keys {
                    (view.search, view.marked) = (search, marked);
                }
            }
            KeyCode::Char(' ') => {
                view.toggle_mark();
                view.cursor.press(KeyCode::Down, rows);
            }
            code => self.press_anywhere(code),
        }
    }

    fn press_in_value(&mut self, code: KeyCode) {
        let Some(view) = &mut self.value else { return };
        let rows = draw::rows_of_value(view);
        if view.cursor.press(code, rows) {
            return;
        }
        match code {
            KeyCode::Left | KeyCode::Backspace | KeyCode::Char('h') | KeyCode::Esc => self.value = None,
            KeyCode::Tab => {
                view.shown = if view.shown == Shown::Hex { Shown::Elements } else { Shown::Hex };
                view.cursor = Cursor::default();
                self.message = draw::remark_of_value(view).map(|text| Message { text, is_problem: false });
            }
            _ => {}
        }
    }

    /// What a key does in both lists.
    fn press_anywhere(&mut self, code: KeyCode) {
        match code {
            KeyCode::Char('/') => {
                self.search(String::new());
                self.prompt = Some(Prompt::Search(String::new()));
            }
            KeyCode::Char('x') => {
                self.prompt = Some(Prompt::Export(self.export().proposed_name().to_owned()));
            }
            _ => {}
        }
    }

    fn type_into_prompt(&mut self, code: KeyCode) {
        let Some(prompt) = &mut self.prompt else { return };
        let (Prompt::Search(text) | Prompt::Export(text)) = prompt;
        match code {
            KeyCode::Char(c) => text.push(c),
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Esc => {
                if let Some(Prompt::Search(_)) = self.prompt.take() {
                    self.search(String::new());
                }
                return;
            }
            KeyCode::Enter => {
                if let Some(Prompt::Export(path)) = self.prompt.take() {
                    self.write_export(&path);
                }
                return;
            }
            _ => return,
        }
        if let Some(Prompt::Search(text)) = &self.prompt {
            self.search(text.clone());
        }
    }

    /// Restricts the list that is shown to what has a text in its name.
    fn search(&mut self, text: String) {
        match &mut self.keys {
            Some(keys) => (keys.search, keys.cursor) = (text, Cursor::default()),
            None => self.tree.search(text),
        }
    }

    /// Lists the biggest keys of the group under the cursor, or of the entered one if it has no groups.
    fn list_keys(&mut self) {
        let group = self.tree.selected().map(|group| group.id()).or_else(|| self.tree.here_id().cloned());
        let rank = if self.session.has_memory { Rank::MemoryBytes } else { Rank::RdbBytes };
        self.start_keys(group, rank);
    }

    fn start_keys(&mut self, group: Option<GroupId>, rank: Rank) {
        if let Some(name) = self.session.read_once() {
            let text = format!("{name}: can be read only once, so its keys are not listed");
            self.message = Some(Message::problem(&text));
            return;
        }
        let (session, wanted) = (self.session, group.clone());
        let job = Job::start(self.scope, move |watch, stop| keys::list(session, wanted, rank, watch, stop));
        self.keys = Some(KeysView::new(group, rank, job));
    }

    fn open_key(&mut self) {
        let Some(key) = self.keys.as_ref().and_then(KeysView::selected).cloned() else { return };
        let Some(input) = self.session.inputs.get(key.source).cloned() else { return };
        let (session, name, wanted) = (self.session, input.name().to_owned(), key.clone());
        let job = Job::start(self.scope, move |_, stop| {
            value::read(&(session.scan)()?.stop(Arc::clone(stop)), &input, &wanted)
        });
        let (value, shown, cursor) = (None, Shown::Elements, Cursor::default());
        self.value = Some(ValueView { key, input: name, job, value, shown, cursor });
    }

    /// What an export of the shown list has.
    fn export(&self) -> Export<'_> {
        match &self.keys {
            Some(keys) => Export::Keys(keys.chosen()),
            None => Export::Groups(self.tree.chosen()),
        }
    }

    fn write_export(&mut self, path: &str) {
        let shown = Escaped::for_message(path);
        self.message = Some(match self.export().write(Path::new(path)) {
            Ok(rows) => Message {
                text: format!("{} written to {shown}", counted(rows as u64, "row")),
                is_problem: false,
            },
            Err(error) => Message::problem(&format!("{shown}: {error}")),
        });
    }

    /// Draws the screen.
    pub(crate) fn draw(&mut self, frame: &mut Frame<'_>) {
        let theme = Theme { has_colours: self.session.has_colours };
        let has_memory = self.session.has_memory;
        let area = self.chrome().draw(frame, theme);
        if let Some(value) = &mut self.value {
            draw::value(frame, area, value, theme);
        } else if let Some(keys) = &mut self.keys {
            draw::keys(frame, area, keys, has_memory, theme);
        } else {
            draw::tree(frame, area, &mut self.tree, has_memory, theme);
        }
        if self.is_help_shown {
            draw::help(frame);
        }
    }

    fn chrome(&self) -> Chrome<'_> {
        let has_memory = self.session.has_memory;
        let mut crumbs = self.tree.crumbs();
        let (order, keys) = match (&self.value, &self.keys) {
            (Some(_), _) => (String::new(), VALUE_KEYS),
            (None, Some(keys)) => (draw::keys_order(keys), KEYS_KEYS),
            (None, None) => (draw::tree_order(&self.tree, has_memory), TREE_KEYS),
        };
        if let Some(keys) = &self.keys {
            crumbs = vec![keys.group.as_ref().map_or_else(|| "all keys".to_owned(), GroupId::label)];
            crumbs.push("keys".to_owned());
        }
        if let Some(value) = &self.value {
            crumbs = vec![keys::name(&value.key)];
        }
        let prompt = self.prompt.as_ref().map(|prompt| match prompt {
            Prompt::Search(_) => "search: ",
            Prompt::Export(_) => "export to: ",
        });
        Chrome {
            title: &self.title,
            status: self.status(),
            crumbs,
            order,
            message: self.message.as_ref().map(|message| (message.text.as_str(), message.is_problem)),
            prompt: prompt
                .zip(self.prompt.as_ref().map(|(Prompt::Search(text) | Prompt::Export(text))| text.as_str())),
            keys,
        }
    }

    /// How far the scan that the screen waits for is, or what all keys add up to.
    fn status(&self) -> String {
        if let Some(keys) = self.keys.as_ref().filter(|keys| !keys.job.is_done()) {
            return draw::progress(&keys.job);
        }
        if !self.job.is_done() {
            return draw::progress(&self.job);
        }
        let Some(tree) = self.tree.tree() else { return "no keys ".to_owned() };
        let group = &tree.root.group;
        let place = if group.memory_bytes.is_some() { "in memory" } else { "in the file" };
        let shortened = if tree.is_shortened && tree.depth > 0 {
            format!(", {} levels of groups", count(tree.depth as u64))
        } else {
            String::new()
        };
        format!("{}, {} {place}{shortened} ", counted(group.keys, "key"), draw::bytes_of(&tree.root))
    }
}

/// Scans for groups by name, which `live` publishes.
fn scan_groups(
    session: &Session<'_>,
    live: LiveGroups,
    watch: &Watch,
    stop: &Arc<AtomicBool>,
) -> Result<(), String> {
    let outcome = session.scan_all(live, watch, stop)?;
    if outcome.damaged_sources > 0 {
        let inputs = counted(outcome.damaged_sources as u64, "input");
        watch.problem(format!("{inputs} damaged or not complete; bigkeys check says where"));
    }
    Ok(())
}
